/** How long an answer is waited for before the question is put once more; then for twice as long, and so on. */
const FIRST_MS = 3_000;

/**
 * Asks, and once more whenever no answer has come for a while; the first answer counts. A question may be lost, with
 * the leader of a stream, so it has to be repeated; and the answer to an earlier one may only be slow, so it has to be
 * waited for all the same: were it given up each time, a store that takes longer would be asked for ever, in vain.
 */
export class Repeating<T> {
  readonly answer: Promise<T>;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly ask: () => Promise<T>;

  /** `ask` is for what may be done twice, and bounds how long it waits. */
  constructor(ask: () => Promise<T>) {
    this.ask = ask;
    this.answer = new Promise((resolve, reject) => this.askAgain(FIRST_MS, resolve, reject));
    const stop = (): void => this.stop();
    this.answer.then(stop, stop);
  }

  /** Nobody waits for the answer any more. */
  stop(): void {
    clearTimeout(this.timer);
  }

  private askAgain(waitMs: number, resolve: (answer: T) => void, reject: (error: unknown) => void): void {
    this.timer = setTimeout(() => this.askAgain(waitMs * 2, resolve, reject), waitMs);
    this.ask().then(resolve, reject);
  }
}
