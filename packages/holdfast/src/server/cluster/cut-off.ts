import type { Waiting } from '../wheel.ts';

interface CutOffParts {
  /** Why the log can't be used; undefined when it can. */
  trouble: () => string | undefined;
  hasOthers: () => boolean;
  patienceMs: number;
  askToMove: () => void;
}

interface Outage {
  readonly hadOthers: boolean;
  /** When the clients are asked next. */
  askAtMs: number;
  hasAsked: boolean;
}

/** The wheel turns no faster. */
const CHECK_MS = 1_000;

/**
 * A node that is cut off from its log can keep its clients, and tell them nothing new. Where there were others, it
 * sends them there after a while, and again after as long: make before break, so nobody is worse off when the
 * others fare no better. It takes no new ones meanwhile, since those that it has asked would come back to it
 * (SPEC CLUSTER-13).
 */
export class CutOff implements Waiting {
  /** Its place in the wheel. */
  bucket = 0;
  previous: Waiting | undefined = undefined;
  next: Waiting | undefined = undefined;
  private checkAtMs = 0;
  private outage: Outage | undefined;
  private readonly parts: CutOffParts;

  constructor(parts: CutOffParts) {
    this.parts = parts;
  }

  /** Whether clients are better off with another node. */
  get sendsAway(): boolean {
    return this.outage?.hasAsked === true && this.parts.trouble() !== undefined;
  }

  nextDeadlineMs(): number {
    return this.checkAtMs;
  }

  handleTime(nowMs: number): void {
    this.checkAtMs = nowMs + CHECK_MS;
    const { trouble, hasOthers, patienceMs, askToMove } = this.parts;
    if (trouble() === undefined) {
      this.outage = undefined;
      return;
    }
    this.outage ??= { hadOthers: hasOthers(), askAtMs: nowMs + patienceMs, hasAsked: false };
    if (!this.outage.hadOthers || nowMs < this.outage.askAtMs) return;
    this.outage.askAtMs = nowMs + patienceMs;
    this.outage.hasAsked = true;
    askToMove();
  }
}
