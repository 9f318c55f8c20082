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
  #openedAtMs = 0;
  #hintedAtMs = 0;
  /** Undefined while the connection in use is thought to live. */
  #endedAtMs: number | undefined;
  #flight: Flight | undefined;

  /** The connection with this number is the one in use; its socket opened at `openedAtMs`. */
  opened(connection: number, openedAtMs: number, nowMs: number): void {
    this.#openedAtMs = openedAtMs;
    this.inMs = this.outMs = nowMs;
    this.#endedAtMs = undefined;
    this.#flight = {
      type: 'flight',
      connection,
      openMs: 0,
      silentInMs: 0,
      silentOutMs: 0,
      endedBy: 'peer',
      code: 0,
      hints: 0,
      sleptMs: 0,
      attempts: 0,
      agoMs: 0,
    };
  }

  /** Something of `HINT` was noticed; with `slept`, how far the clock jumped. */
  hint(kind: number, nowMs: number, sleptMs = 0): void {
    const flight = this.#flight;
    if (!flight || nowMs > (this.#endedAtMs ?? nowMs) + HINT_SLACK_MS) return;
    this.#forget(flight);
    flight.hints |= 1 << kind;
    flight.sleptMs ||= whole(sleptMs);
    this.#hintedAtMs = nowMs;
  }

  /** The connection in use is lost or being left; after that, each call is an attempt that came to nothing. */
  closed(code: number, endedBy: Ending, nowMs: number): void {
    const flight = this.#flight;
    if (!flight) return;
    if (this.#endedAtMs !== undefined) {
      flight.attempts++;
      return;
    }
    this.#forget(flight);
    this.#endedAtMs = nowMs;
    flight.openMs = whole(nowMs - this.#openedAtMs);
    flight.silentInMs = whole(nowMs - this.inMs);
    flight.silentOutMs = whole(nowMs - this.outMs);
    this.silentMs = Math.min(flight.silentInMs, flight.silentOutMs);
    flight.endedBy = endedBy;
    flight.code = code;
  }

  /** It was not lost after all. */
  recovered(): void {
    this.#endedAtMs = undefined;
  }

  /** The record for a hello, from the end of one connection to the welcome of the next. */
  record(nowMs: number): Flight | undefined {
    if (this.#endedAtMs === undefined) return;
    this.#flight!.agoMs = whole(nowMs - this.#endedAtMs);
    return this.#flight;
  }

  /** What was noticed before it was last heard from explains nothing. */
  #forget(flight: Flight): void {
    if (this.inMs > this.#hintedAtMs + HINT_SLACK_MS) flight.hints = flight.sleptMs = 0;
  }
}

/** Clocks give fractions, and the wire takes none. */
const whole = Math.round;
