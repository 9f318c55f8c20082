import { Store } from './store.ts';

/** How the latest call of a method stands. */
export type RequestState<R> =
  | { readonly phase: 'idle' | 'pending'; readonly data: R | undefined; readonly error: undefined }
  | { readonly phase: 'done'; readonly data: R; readonly error: undefined }
  | { readonly phase: 'failed'; readonly data: undefined; readonly error: unknown };

const idle = Object.freeze({ phase: 'idle', data: undefined, error: undefined });

/** Calls a method and remembers the latest call's answer; an older call's, coming late, is not shown. */
export class RequestStore<A, R> {
  readonly #state = new Store<RequestState<R>>(idle as RequestState<R>);
  readonly #request: (data: A) => Promise<R>;
  #latest: Promise<R> | undefined;

  constructor(request: (data: A) => Promise<R>) {
    this.#request = request;
  }

  readonly get = this.#state.get;
  readonly subscribe = this.#state.subscribe;

  /** Whoever does not wait for the promise reads a failure in the state. */
  readonly call = (data: A): Promise<R> => {
    const answer = this.#request(data);
    this.#latest = answer;
    this.#state.set({ phase: 'pending', data: this.get().data, error: undefined });
    const show = (state: RequestState<R>): void => {
      if (this.#latest === answer) this.#state.set(state);
    };
    answer.then(
      (data) => show({ phase: 'done', data, error: undefined }),
      (error: unknown) => show({ phase: 'failed', data: undefined, error }),
    );
    return answer;
  };
}

export function idleRequest<R>(): RequestState<R> {
  return idle as RequestState<R>;
}
