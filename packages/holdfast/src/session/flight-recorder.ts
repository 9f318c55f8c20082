import type { Ending, HintName, WireRecord } from '../protocol/schema.ts';

type Flight = WireRecord<'flight'>;

/**
 * The places of `hintNames`, as numbers: their names are of no use to a client, and would travel to each page.
 * The compiler holds the two together.
 */
export const HINT = {
  offline: 0,
  online: 1,
  hidden: 2,
  frozen: 3,
  restored: 4,
  'network-changed': 5,
  slept: 6,
} as const satisfies Record<HintName, number>;

/**
 * What was noticed this shortly before bytes came, or after the end, still counts: a page that wakes gets what was
 * queued for it first, then the close, and its timers last.
 */
const HINT_SLACK_MS = 5_000;

/**
 * Notes what the client of a lost connection can say of it, for the hello of the next (SPEC CAUSE-1). It is about
 * the connection in use, from its welcome until the next one's.
 */
export class FlightRecorder {
  /** When bytes last came and went; kept by whoever passes them on. */
  inMs = 0;
  outMs = 0;
  /** How long the last connection was silent in both directions when it ended. */
  silentMs = 0;
  /** The number of the connection in use; 0 before the first. */
  #connection = 0;
  #openedAtMs = 0;
  #hints = 0;
  #sleptMs = 0;
  #hintedAtMs = 0;
  /** Infinity while the connection in use is thought to live. */
  #endedAtMs = Infinity;
  #flight: Omit<Flight, 'hints' | 'sleptMs' | 'agoMs'> | undefined;

  /** The connection with this number is the one in use; its socket opened at `openedAtMs`. */
  opened(connection: number, openedAtMs: number, nowMs: number): void {
    this.#connection = connection;
    this.#openedAtMs = openedAtMs;
    this.inMs = this.outMs = nowMs;
    this.#hints = this.#sleptMs = 0;
    this.recovered();
  }

  /** Something of `HINT` was noticed; with `slept`, how far the clock jumped. */
  hint(kind: number, nowMs: number, sleptMs = 0): void {
    if (nowMs > this.#endedAtMs + HINT_SLACK_MS) return;
    this.#forget();
    this.#hints |= 1 << kind;
    this.#sleptMs ||= whole(sleptMs);
    this.#hintedAtMs = nowMs;
  }

  /** The connection in use is lost or being left; of several ends the first counts. */
  ended(code: number, endedBy: Ending, nowMs: number): void {
    if (this.#flight || !this.#connection) return;
    this.#forget();
    this.#endedAtMs = nowMs;
    const silentInMs = whole(nowMs - this.inMs);
    const silentOutMs = whole(nowMs - this.outMs);
    this.silentMs = Math.min(silentInMs, silentOutMs);
    this.#flight = {
      type: 'flight',
      connection: this.#connection,
      openMs: whole(nowMs - this.#openedAtMs),
      silentInMs,
      silentOutMs,
      endedBy,
      code,
      attempts: 0,
    };
  }

  /** An attempt at another has come to nothing. */
  missed(): void {
    if (this.#flight) this.#flight.attempts++;
  }

  /** It was not lost after all. */
  recovered(): void {
    this.#flight = undefined;
    this.#endedAtMs = Infinity;
  }

  /** The record for a hello, from the end of one connection to the welcome of the next. */
  record(nowMs: number): Flight | undefined {
    const agoMs = whole(nowMs - this.#endedAtMs);
    return this.#flight && { ...this.#flight, hints: this.#hints, sleptMs: this.#sleptMs, agoMs };
  }

  /** What was noticed before it was last heard from explains nothing. */
  #forget(): void {
    if (this.inMs > this.#hintedAtMs + HINT_SLACK_MS) this.#hints = this.#sleptMs = 0;
  }
}

/** Clocks give fractions, and the wire takes none. */
const whole = Math.round;
