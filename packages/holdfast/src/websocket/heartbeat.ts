import type { ResolvedOptions } from './options.ts';

/**
 * Sends the application's heartbeat, and tells when nothing comes after it. Any message is an answer, and so is
 * progress of what is still unsent, because a slow line that delivers is not a dead one.
 */
export class Heartbeat {
  rttMs: number | undefined;
  readonly #options: NonNullable<ResolvedOptions['heartbeat']>;
  readonly #socket: Pick<WebSocket, 'bufferedAmount' | 'send'>;
  readonly #onSilence: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #sentAtMs: number | undefined;

  constructor(
    options: NonNullable<ResolvedOptions['heartbeat']>,
    socket: Pick<WebSocket, 'bufferedAmount' | 'send'>,
    onSilence: () => void,
  ) {
    this.#options = options;
    this.#socket = socket;
    this.#onSilence = onSilence;
    this.#rest();
  }

  /** Asks for a sign of life now, unless one is awaited. */
  probe(): void {
    if (this.#sentAtMs !== undefined) return;
    // Should the application's function throw, the next beat comes as ever.
    this.#rest();
    const { message } = this.#options;
    this.#socket.send((typeof message === 'function' ? message() : message) as string);
    this.#sentAtMs = performance.now();
    this.#wait();
  }

  /** A message came. True when it is the heartbeat's own answer. */
  heard(data: unknown): boolean {
    const sentAtMs = this.#sentAtMs;
    this.#sentAtMs = undefined;
    if (sentAtMs !== undefined) this.#rest();
    // The application's function may throw.
    const isAnswer = this.#options.isAnswer?.(data) ?? false;
    if (isAnswer && sentAtMs !== undefined) this.rttMs = performance.now() - sentAtMs;
    return isAnswer;
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #rest(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.probe(), this.#options.intervalMs);
  }

  #wait(): void {
    clearTimeout(this.#timer);
    const { bufferedAmount } = this.#socket;
    this.#timer = setTimeout(() => {
      if (this.#socket.bufferedAmount < bufferedAmount) this.#wait();
      else this.#onSilence();
    }, this.#options.timeoutMs);
  }
}
