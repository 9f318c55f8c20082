import type { Clock } from '../session/clock.ts';

/** Whoever has deadlines. */
export interface Waiting {
  /** The bucket it stands in, kept by the wheel; 0 for none. */
  bucket: number;
  /** Infinity when there is none. */
  nextDeadlineMs(): number;
  handleTime(nowMs: number): void;
}

const TICK_MS = 1_000;
/** A tick this late means that the process was stopped or starved, not that its peers were silent. */
const STALL_MS = 2_000;

/**
 * All deadlines of a node in buckets of a second, under one timer (after Varghese and Lauck, "Hashed and
 * Hierarchical Timing Wheels"). A deadline that moved later is found out when its old bucket comes up, so moving
 * it costs nothing. Its clock leaves out time in which the process did not run: a server that was stopped for
 * a minute does not take its clients for dead (SPEC LIVE-6).
 */
export class Wheel {
  private readonly buckets = new Map<number, Set<Waiting>>();
  private lastTickMs: number;
  private lostMs = 0;
  private reached: number;
  private cancel = (): void => {};
  private readonly clock: Clock;

  constructor(clock: Clock) {
    this.clock = clock;
    this.lastTickMs = clock.nowMs();
    this.reached = Math.floor(this.lastTickMs / TICK_MS);
    this.arm();
  }

  /** Time as connections experience it. */
  nowMs(): number {
    const now = this.clock.nowMs();
    const lateMs = now - this.lastTickMs - TICK_MS;
    return now - this.lostMs - (lateMs > STALL_MS ? lateMs : 0);
  }

  /** Puts it where its next deadline says; needed at first, and when that has come nearer. */
  schedule(waiting: Waiting): void {
    const deadlineMs = waiting.nextDeadlineMs();
    this.remove(waiting);
    if (deadlineMs === Infinity) return;
    waiting.bucket = Math.max(this.reached + 1, Math.ceil(deadlineMs / TICK_MS));
    const bucket = this.buckets.get(waiting.bucket);
    if (bucket) bucket.add(waiting);
    else this.buckets.set(waiting.bucket, new Set([waiting]));
  }

  remove(waiting: Waiting): void {
    this.buckets.get(waiting.bucket)?.delete(waiting);
    waiting.bucket = 0;
  }

  stop(): void {
    this.cancel();
    this.buckets.clear();
  }

  private arm(): void {
    this.cancel = this.clock.setTimer(() => this.turn(), TICK_MS);
  }

  private turn(): void {
    const lateMs = this.clock.nowMs() - this.lastTickMs - TICK_MS;
    if (lateMs > STALL_MS) this.lostMs += lateMs;
    this.lastTickMs = this.clock.nowMs();
    this.arm();
    const nowMs = this.nowMs();
    while (this.reached < Math.floor(nowMs / TICK_MS)) {
      const due = this.buckets.get(++this.reached);
      this.buckets.delete(this.reached);
      for (const waiting of due ?? []) {
        if (waiting.nextDeadlineMs() <= nowMs) waiting.handleTime(nowMs);
        // Its handling may have ended it.
        if (waiting.bucket !== 0) this.schedule(waiting);
      }
    }
  }
}
