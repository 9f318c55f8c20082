import type { Clock } from '../../session/clock.ts';

/** Whose messages are taken in at a pace. */
export interface Paced {
  /** Until when what it has sent is paid for, by the clock. */
  paidUntilMs: number;
  hold(): void;
  release(): void;
}

/** Unused pace is kept for this long: what comes in a burst after silence passes at once. */
const BURST_MS = 1_000;
/** Nobody is held for longer at a time: pongs wait in the same line, and their sender must not seem dead. */
const HOLD_MS_MAX = 1_000;
const RELEASE_INTERVAL_MS = 100;
/** How far publishers are slowed down at most. */
const FACTOR_MIN = 1 / 1_024;

/**
 * Keeps what each connection sends to a pace of records and bytes, by not reading from it for a moment: TCP then
 * holds the sender back, and nothing is lost or closed for it (SPEC FLOW-8). A record takes its share of a
 * second, or its bytes do if that is more, so that one number per connection is all that is kept. Those that are
 * held share one timer, which runs while there are any.
 */
export class Intake {
  private readonly perRecordMs: number;
  private readonly perByteMs: number;
  private readonly clock: Clock;
  private readonly held = new Map<Paced, number>();
  private cancel: (() => void) | undefined;
  /** The share of the pace that is granted; below 1 while resources run short. */
  private factor = 1;

  constructor(recordsPerSecond: number, bytesPerSecond: number, clock: Clock) {
    this.perRecordMs = 1_000 / recordsPerSecond;
    this.perByteMs = 1_000 / bytesPerSecond;
    this.clock = clock;
  }

  /** The sender has sent this by `nowMs` of the clock; holds it when that was more than its pace. */
  charge(sender: Paced, records: number, bytes: number, nowMs: number): void {
    const costMs = Math.max(records * this.perRecordMs, bytes * this.perByteMs) / this.factor;
    sender.paidUntilMs = Math.max(sender.paidUntilMs, nowMs - BURST_MS) + costMs;
    if (sender.paidUntilMs <= nowMs || this.held.has(sender)) return;
    sender.paidUntilMs = Math.min(sender.paidUntilMs, nowMs + HOLD_MS_MAX);
    sender.hold();
    this.held.set(sender, sender.paidUntilMs);
    this.arm();
  }

  forget(sender: Paced): void {
    this.held.delete(sender);
  }

  /** Slows everybody down further with each call while resources run short; else lets them recover. */
  adapt(short: boolean): void {
    this.factor = short ? Math.max(FACTOR_MIN, this.factor / 2) : Math.min(1, this.factor * 2);
  }

  stop(): void {
    this.cancel?.();
  }

  private arm(): void {
    this.cancel ??= this.clock.setTimer(() => {
      this.cancel = undefined;
      const nowMs = this.clock.nowMs();
      for (const [sender, untilMs] of this.held) {
        if (untilMs > nowMs) continue;
        this.held.delete(sender);
        sender.release();
      }
      if (this.held.size > 0) this.arm();
    }, RELEASE_INTERVAL_MS);
  }
}
