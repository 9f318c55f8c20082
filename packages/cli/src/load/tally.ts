import type { Ending } from '../doctor/probe/connection.ts';
import type { Refusal } from '../doctor/probe/handshake.ts';
import { describeEnding, describeOutcome } from '../doctor/steps/describe.ts';
import { Histogram, type TimesSummary } from './histogram.ts';

/** A server that lies about its errors must not fill memory with kinds of them. */
const KINDS_MAX = 100;

/** Codes that say that this machine, not the server, came to its end, and what to do about it. */
const ownLimits: Readonly<Record<string, string>> = {
  EMFILE: 'this machine: too many open files (raise ulimit -n)',
  ENFILE: 'this machine: too many open files in the system (raise fs.file-max)',
  EADDRNOTAVAIL: 'this machine: no free port (give more addresses with --from)',
  ENOBUFS: 'this machine: no memory for another socket',
};

export interface StormSummary {
  readonly broken: number;
  readonly returned: number;
  /** Until the last of them was back; null when one stayed away. */
  readonly allBackMs: number | null;
  /** From the reset to the end of the handshake, over all that returned. */
  readonly back: TimesSummary | null;
}

export interface LoadReport {
  readonly schema: 1;
  readonly url: string;
  readonly durationMs: number;
  readonly wanted: number;
  readonly heldMax: number;
  readonly heldAtEnd: number;
  readonly handshakes: TimesSummary | null;
  readonly roundTrips: TimesSummary | null;
  readonly sourceAddresses: number;
  readonly storm: StormSummary | null;
  /** With Holdfast: sessions that were continued, and messages that subscriptions brought. */
  readonly resumed: number;
  readonly deliveries: number;
  readonly errors: Readonly<Record<string, number>>;
  /** How late this program itself was at worst; what it measures is that much too long. */
  readonly ownLagMs: number;
}

/** Counts what a run sees. */
export class Tally {
  readonly handshakes = new Histogram();
  readonly roundTrips = new Histogram();
  readonly #errors = new Map<string, number>();
  heldMax = 0;
  resumed = 0;
  deliveries = 0;
  failedInARow = 0;

  get errors(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#errors].toSorted(([, a], [, b]) => b - a));
  }

  noteOpened(ms: number): void {
    this.failedInARow = 0;
    this.handshakes.record(ms);
  }

  noteRefused(outcome: Refusal): void {
    this.failedInARow += 1;
    const own = outcome.kind === 'no-line' ? ownLimits[outcome.code] : undefined;
    this.noteError(own ?? `handshake: ${describeOutcome({ ...outcome } as Refusal)}`);
  }

  noteLost(ending: Ending): void {
    this.noteError(`lost: ${describeEnding(ending)}`);
  }

  noteError(kind: string): void {
    const known = this.#errors.has(kind) || this.#errors.size < KINDS_MAX;
    const key = known ? kind : 'others';
    this.#errors.set(key, (this.#errors.get(key) ?? 0) + 1);
  }
}
