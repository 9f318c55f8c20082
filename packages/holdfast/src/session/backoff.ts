/** How long to wait between attempts to connect. */
export interface BackoffOptions {
  /** The first retry waits up to this long. */
  baseMs: number;
  /** No retry waits longer. */
  capMs: number;
  /** A connection that lived this long was a success: the next loss starts from the beginning. */
  stableMs: number;
}

export const defaultBackoff: BackoffOptions = { baseMs: 500, capMs: 15_000, stableMs: 5_000 };

/** What a client's attempts have come to, and so how long it waits before the next. */
export class Backoff {
  /** Attempts since the connection was last stable. */
  attempt = 0;
  /** Of those, the ones that got through to something, and were lost again. */
  reached = 0;
  /** When the connection was last known to be live, or was first wanted. */
  liveAtMs = 0;
  /** Returns after a loss are spread over this long. */
  windowMs = 0;
  /** This client's own place in that, from 0 to 1. */
  place = 0;
  readonly #options: BackoffOptions;
  readonly #random: () => number;

  constructor(options: BackoffOptions, random: () => number) {
    this.#options = options;
    this.#random = random;
  }

  /** The connection is stable, or nothing is attempted any more. */
  restart(nowMs: number): void {
    this.attempt = this.reached = 0;
    this.liveAtMs = nowMs;
  }

  /**
   * The wait after a loss, or after an attempt in vain: full jitter, random(0, min(cap, …)), with the cap inside the
   * random, because a cap outside makes every client retry in step (Brooker, "Exponential Backoff and Jitter"). SPEC
   * RET-1, RET-2.
   *
   * The first attempt after a loss comes at the place in the window that the server dealt. After one that reached a
   * server the wait doubles, since that server is busy or broken. One that reached nothing costs nobody anything:
   * then the wait follows the outage, up to half of what it has lasted, so a short one is noticed soon.
   *
   * Whoever has tried in vain keeps its place in the window: it waits for the whole window at least. Places drawn
   * anew within the window would make attempts twice as dense in the moment in which the server is back.
   */
  nextMs(wasReached: boolean, nowMs: number): number {
    const { baseMs, capMs } = this.#options;
    if (wasReached && ++this.reached === 1) return this.place * this.windowMs;
    const growingMs = wasReached
      ? baseMs * 2 ** (this.reached - 2)
      : Math.max(baseMs, (nowMs - this.liveAtMs) / 2);
    return Math.max(this.windowMs, this.#random() * Math.min(capMs, growingMs));
  }
}
