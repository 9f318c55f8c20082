/** How long an answer is waited for at first. */
const FIRST_MS = 3_000;
/** Once no answer was late for as long, less is waited again. */
const CALM_MS = 30_000;

/**
 * How long an answer is waited for before it is asked for again: twice as long after one that did not come in time.
 * Were it always the same, a store whose answers take longer would be asked for ever: each answer would come to a
 * question that was given up.
 */
export class Patience {
  /** All that it may be, so that three of them in a row are about a deadline. */
  readonly steps: readonly number[];
  private step = 0;
  private lateAtMs = -Infinity;

  constructor(deadlineMs: number) {
    const steps = [FIRST_MS];
    for (let waitMs = FIRST_MS * 2; waitMs * 2 <= deadlineMs; waitMs *= 2) steps.push(waitMs);
    this.steps = steps;
  }

  waitMs(nowMs: number): number {
    if (nowMs - this.lateAtMs > CALM_MS) this.step = 0;
    return this.steps[this.step]!;
  }

  /** No answer came within `waitMs`. Of many questions that were asked together only the first to fail counts. */
  late(waitMs: number, nowMs: number): void {
    this.lateAtMs = nowMs;
    if (waitMs >= this.steps[this.step]!) this.step = Math.min(this.step + 1, this.steps.length - 1);
  }
}
