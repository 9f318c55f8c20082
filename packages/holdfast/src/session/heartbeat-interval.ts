/** Where nothing below it would be asked for: a path that bears less costs more in heartbeats than in reconnects. */
const LEAST_MS = 5_000;
/** The longest that is tried: a dead connection may stand for so long. */
const MOST_MS = 240_000;
const STEP_MS = 60_000;
const HELD_COUNT = 5;

/** What is known of a path, for the next life, too. */
export interface Learned {
  ms?: number;
  /** It bears no more: so long a silence has been cut. */
  isMost?: boolean;
}

/**
 * How often the server should show itself on one network path, as learned from what became of connections there
 * (SPEC LIVE-7). It falls after the second end at the same silence, and where it may rise it does so a minute at a
 * time after five silences that held: the steps of WeChat's client on mobile networks.
 */
export class HeartbeatInterval {
  learned: Learned;
  readonly #mayRise: boolean;
  readonly #firstMs: number | undefined;
  #cutMs = 0;
  #held = 0;

  /** `firstMs`: what is asked for while nothing is learned. */
  constructor(mayRise: boolean, firstMs?: number, learned?: Learned) {
    this.#mayRise = mayRise;
    this.#firstMs = firstMs;
    // Whatever a storage gave.
    this.learned = Object(learned) as Learned;
  }

  /** Undefined: the server's own interval. */
  get ms(): number | undefined {
    return this.learned.ms ?? this.#firstMs;
  }

  /** A connection was cut because it was silent for so long. Says whether the interval is another now. */
  cut(silentMs: number): boolean {
    // One such end may have had another reason.
    const isSecond = Math.abs(silentMs - this.#cutMs) <= silentMs / 5;
    this.#cutMs = silentMs;
    this.#held = 0;
    if (isSecond) this.learned = { ms: Math.max(LEAST_MS, Math.round(silentMs * 0.8)), isMost: true };
    return isSecond;
  }

  /** A heartbeat came after so long a silence at the present interval. Says whether the interval is another now. */
  held(silentMs: number, presentMs: number): boolean {
    const mayRise = this.#mayRise && !this.learned.isMost && presentMs < MOST_MS;
    if (!mayRise || silentMs < presentMs * 0.9 || ++this.#held < HELD_COUNT) return false;
    this.#held = 0;
    this.learned = { ms: Math.min(MOST_MS, presentMs + STEP_MS) };
    return true;
  }
}
