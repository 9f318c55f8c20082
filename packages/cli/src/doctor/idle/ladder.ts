/**
 * Finds how long a connection may stay silent. Sans-IO: it names gaps to try and is told what became of
 * them, so the same code runs against sockets and in virtual time.
 *
 *   rungs (geometric, all at once) -> bisection (a few at once, between the longest gap that lived and
 *   the shortest that died) -> result
 *
 * A connection that is seen to close during its silence gives the limit itself; one that only fails when
 * it is used again (a firewall that forgot it) gives no more than an upper bound.
 */
export type TrialOutcome =
  | { readonly kind: 'lived' }
  | { readonly kind: 'died'; readonly silentMs: number; readonly noticed: 'during' | 'probe' }
  /** It could not be opened, so it says nothing. */
  | { readonly kind: 'void' }
  /** It was stopped because it had become pointless. */
  | { readonly kind: 'cancelled' };

export type LadderResult =
  | { readonly kind: 'none'; readonly longestLivedMs: number }
  | {
      readonly kind: 'limit';
      readonly limitMs: number;
      readonly longestLivedMs: number;
      readonly shortestDeadMs: number;
    }
  /** Some died after a silence that others survived. */
  | { readonly kind: 'inconsistent'; readonly longestLivedMs: number; readonly shortestDeadMs: number }
  | { readonly kind: 'not-tested' };

const RUNGS = 8;
const RUNG_RATIO_MAX = 1.6;
const BISECTION_WIDTH = 4;
const GAP_MS_MIN = 200;
/** What the doctor promises: the limit within a tenth, or one second. */
const TOLERANCE_RATIO = 0.1;
const TOLERANCE_MS = 1_000;
/** Two deaths that were seen this close together are one timer. */
const AGREEMENT_MS = 300;
const VOID_TRIALS_MAX = 6;

export class Ladder {
  readonly #waiting: number[];
  readonly #running: number[] = [];
  #longestLivedMs = 0;
  #shortestDeadMs = Number.POSITIVE_INFINITY;
  /** Silences after which connections were seen to close. */
  readonly #seenMs: number[] = [];
  #voids = 0;
  #lived = 0;

  constructor(idleMaxMs: number) {
    const ratio = Math.min(RUNG_RATIO_MAX, 16 ** (1 / (RUNGS - 1)));
    const rungs = Array.from({ length: RUNGS }, (_, i) => idleMaxMs / ratio ** (RUNGS - 1 - i));
    // The longest gap is tried twice, so that even a limit just below it is seen by two.
    this.#waiting = [...rungs.filter((gapMs) => gapMs >= GAP_MS_MIN), idleMaxMs].map(Math.round);
  }

  /** Gaps to try now, each on a new connection of its own. */
  takeGaps(): readonly number[] {
    const gaps = this.#waiting.splice(0);
    this.#running.push(...gaps);
    return gaps;
  }

  /** A trial of this gap can no longer teach anything. */
  isPointless(gapMs: number): boolean {
    return this.result() !== null || (gapMs > this.#shortestDeadMs && this.#seenMs.length === 0);
  }

  get longestLivedMs(): number {
    return this.#longestLivedMs;
  }

  get shortestDeadMs(): number {
    return this.#shortestDeadMs;
  }

  handle(gapMs: number, outcome: TrialOutcome): void {
    const index = this.#running.indexOf(gapMs);
    if (index !== -1) this.#running.splice(index, 1);
    switch (outcome.kind) {
      case 'lived':
        this.#lived += 1;
        this.#longestLivedMs = Math.max(this.#longestLivedMs, gapMs);
        break;
      case 'died':
        this.#shortestDeadMs = Math.min(this.#shortestDeadMs, Math.round(outcome.silentMs));
        if (outcome.noticed === 'during') this.#seenMs.push(outcome.silentMs);
        break;
      case 'void':
        this.#voids += 1;
        break;
      case 'cancelled':
        break;
    }
    const nothingLeft = this.#running.length === 0 && this.#waiting.length === 0;
    if (nothingLeft && this.result() === null) this.#bisect();
  }

  /** Null while trials are running or wanted. */
  result(): LadderResult | null {
    const low = this.#longestLivedMs;
    const high = this.#shortestDeadMs;
    if (high === Number.POSITIVE_INFINITY) {
      if (this.#running.length > 0 || this.#waiting.length > 0) return null;
      return this.#lived > 0 ? { kind: 'none', longestLivedMs: low } : { kind: 'not-tested' };
    }
    const bounds = { longestLivedMs: low, shortestDeadMs: high };
    const slack = Math.max(TOLERANCE_MS, high * TOLERANCE_RATIO);
    if (low > high + slack) return { kind: 'inconsistent', ...bounds };
    const agreed = this.#agreedMs();
    if (agreed !== null) return { kind: 'limit', limitMs: agreed, ...bounds };
    const nothingIsUnderWay = this.#running.length === 0 && this.#waiting.length === 0;
    if (high - low <= this.#resolutionMs() || (this.#voids >= VOID_TRIALS_MAX && nothingIsUnderWay)) {
      // A close that was seen is the limit itself; else it lies somewhere between the two.
      const limitMs = this.#seenMs.length > 0 || low > high ? high : Math.round((low + high) / 2);
      return { kind: 'limit', limitMs, ...bounds };
    }
    return null;
  }

  /** Finer than what is promised where the limit is short, because that costs little. */
  #resolutionMs(): number {
    return Math.max(GAP_MS_MIN, this.#shortestDeadMs * TOLERANCE_RATIO);
  }

  #agreedMs(): number | null {
    const sorted = this.#seenMs.toSorted((a, b) => a - b);
    const [first, second] = sorted;
    if (first === undefined || second === undefined) return null;
    if (second - first > Math.max(AGREEMENT_MS, first * 0.03)) return null;
    return Math.round(first);
  }

  #bisect(): void {
    const low = this.#longestLivedMs;
    const high = this.#shortestDeadMs;
    if (high === Number.POSITIVE_INFINITY) return;
    const step = (high - low) / (BISECTION_WIDTH + 1);
    // One above the shortest death confirms a close that only one connection has shown.
    const gaps = Array.from({ length: BISECTION_WIDTH }, (_, i) => low + step * (i + 1));
    if (this.#seenMs.length === 1) gaps.push(high + TOLERANCE_MS);
    this.#waiting.push(...gaps.map((gapMs) => Math.max(GAP_MS_MIN, Math.round(gapMs))));
  }
}
