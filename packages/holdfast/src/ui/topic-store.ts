import type { Gap, Handler, Message, Start, SubscribeOptions } from '../client/types.ts';
import type { Position } from '../protocol/position.ts';
import { Store } from './store.ts';

/** One message of a topic, as a component shows it. */
export interface TopicMessage<T> extends Message {
  readonly data: T;
}

/** What `useTopic` gives; a new object for each change. */
export interface TopicState<T> {
  /** `ready` once the server has accepted the subscription, `failed` when it refused or ended it. */
  readonly phase: 'starting' | 'ready' | 'failed';
  /** The newest messages, oldest first. */
  readonly messages: readonly TopicMessage<T>[];
  /** The latest gap: updates that can't be delivered. */
  readonly gap: Gap | undefined;
  readonly error: unknown;
}

export interface UseTopicOptions extends SubscribeOptions {
  /** How many messages are kept. Default 100. */
  keep?: number;
}

/** What the store asks of a client. */
export interface TopicSource<T> {
  readonly status: { readonly phase: string };
  onStatus(listener: () => void): () => void;
  subscribe(topic: string, handler: Handler<T>, options: SubscribeOptions): TopicSubscription;
}

interface TopicSubscription {
  readonly ready: Promise<Position>;
  readonly position: Position | undefined;
  on(event: 'gap', listener: (gap: Gap) => void): () => void;
  on(event: 'error', listener: (error: unknown) => void): () => void;
  unsubscribe(): void;
}

const nothingYet = Object.freeze({
  phase: 'starting',
  messages: Object.freeze([]),
  gap: undefined,
  error: undefined,
});

/** The state before any message, and on a server that renders; the same object each time, as React asks. */
export function emptyTopic<T>(): TopicState<T> {
  return nothingYet as unknown as TopicState<T>;
}

/**
 * A topic's newest messages, read while somebody looks. React may let go and take up again (StrictMode, a hidden
 * part of a page): then reading continues after the last message, so that nothing is missed or seen twice.
 */
export class TopicStore<T> {
  readonly #state = new Store<TopicState<T>>(emptyTopic<T>());
  readonly #client: TopicSource<T>;
  readonly #topic: string;
  readonly #options: UseTopicOptions;
  readonly #keep: number;
  #subscription: TopicSubscription | undefined;
  /** No longer waits for a client that gave up to be live after all. */
  #stopWaiting = (): void => {};
  #from: Start | undefined;
  #watchers = 0;
  /** Messages of this turn, shown together: a component renders once for a run, however long. */
  #taken: TopicMessage<T>[] = [];

  constructor(client: TopicSource<T>, topic: string, options: UseTopicOptions) {
    this.#client = client;
    this.#topic = topic;
    this.#options = options;
    this.#from = options.from;
    this.#keep = options.keep ?? 100;
  }

  readonly get = this.#state.get;

  readonly subscribe = (listener: () => void): (() => void) => {
    const stop = this.#state.subscribe(listener);
    if (this.#watchers++ === 0) this.#start();
    return () => {
      stop();
      if (--this.#watchers === 0) this.#stop();
    };
  };

  #start(): void {
    try {
      this.#follow();
    } catch (error) {
      // Such as of a client that was closed: it belongs on the page, not in React's lap.
      this.#state.set({ ...this.get(), phase: 'failed', error });
    }
  }

  #follow(): void {
    // What is shown is of this life: where an earlier one had got to is of use to who named it.
    const { name = '' } = this.#options;
    const take: Handler<T> = (data, message) => this.#take({ ...message, data });
    const subscription = this.#client.subscribe(this.#topic, take, {
      ...(this.#from !== undefined && { from: this.#from }),
      name,
    });
    this.#subscription = subscription;
    const update = (change: Partial<TopicState<T>>): void => {
      if (this.#subscription === subscription) this.#state.set({ ...this.get(), ...change });
    };
    subscription.on('gap', (gap) => update({ gap }));
    subscription.on('error', (error) => update({ error }));
    subscription.ready.then(
      () => update({ phase: 'ready', error: undefined }),
      (error: unknown) => {
        update({ phase: 'failed', error });
        if (this.#subscription === subscription && this.#client.status.phase === 'failed') this.#wait();
      },
    );
  }

  /** A client that gave up may be asked to go on; then the topic is read, and is to be shown so. */
  #wait(): void {
    this.#stopWaiting = this.#client.onStatus(() => {
      if (this.#client.status.phase !== 'live') return;
      this.#stop();
      this.#start();
    });
  }

  #stop(): void {
    this.#stopWaiting();
    this.#show();
    this.#from = this.#subscription?.position ?? this.#from;
    this.#subscription?.unsubscribe();
    this.#subscription = undefined;
  }

  #take(message: TopicMessage<T>): void {
    if (this.#taken.push(message) === 1) queueMicrotask(() => this.#show());
  }

  #show(): void {
    if (this.#taken.length === 0) return;
    const state = this.get();
    const messages = [...state.messages, ...this.#taken];
    this.#taken = [];
    this.#state.set({ ...state, messages: messages.slice(Math.max(0, messages.length - this.#keep)) });
  }
}
