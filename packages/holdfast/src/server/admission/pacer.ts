/** No slot is sooner: a client needs a moment to hang up and dial again. */
const SLOT_MS_MIN = 1_000;
/** Nobody is sent away for longer, however many wait: whoever was told an hour would give up. */
const SLOT_MS_MAX = 300_000;

/**
 * Keeps handshakes to a budget: a token bucket of one second admits, and whoever finds it empty is given a slot of
 * its own, one after the other at the pace of the budget (SPEC ADM-2). A slot is no ticket: those who come at
 * theirs find a token because slots never come faster than tokens do, and nothing is kept for those who don't.
 */
export class Pacer {
  private readonly perMs: number;
  private readonly tokensMax: number;
  private readonly random: () => number;
  private tokens: number;
  private filledAtMs: number;
  private nextSlotMs = -Infinity;

  constructor(perSecond: number, nowMs: number, random: () => number) {
    this.perMs = perSecond / 1_000;
    this.tokens = this.tokensMax = Math.max(1, perSecond);
    this.filledAtMs = nowMs;
    this.random = random;
  }

  /** Takes one token; false when there is none. */
  admit(nowMs: number): boolean {
    const passedMs = Math.max(0, nowMs - this.filledAtMs);
    this.filledAtMs = nowMs;
    this.tokens = Math.min(this.tokensMax, this.tokens + passedMs * this.perMs);
    if (this.tokens < 1) return false;
    // A full bucket means that nobody comes for the slots that were given out.
    if (this.tokens === this.tokensMax) this.nextSlotMs = -Infinity;
    this.tokens--;
    return true;
  }

  /** The wait until the next free slot, which is `leastMs` away at least. */
  book(nowMs: number, leastMs = SLOT_MS_MIN): number {
    const slotMs = Math.max(this.nextSlotMs, nowMs + leastMs);
    if (slotMs > nowMs + SLOT_MS_MAX) return this.unbooked(SLOT_MS_MAX / 2);
    this.nextSlotMs = slotMs + 1 / this.perMs;
    return Math.round(slotMs - nowMs);
  }

  /** A wait of so long to twice that, which is nobody's slot: whoever asks for many does not put off others. */
  unbooked(leastMs: number): number {
    return Math.round(leastMs * (1 + this.random()));
  }
}
