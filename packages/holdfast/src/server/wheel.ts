import type { Clock } from '../session/clock.ts';

/** Whoever has deadlines. */
export interface Waiting {
  /** Its place, kept by the wheel: the bucket, 0 for none, and its neighbours there. */
  bucket: number;
  previous: Waiting | undefined;
  next: Waiting | undefined;
  /** Infinity when there is none. */
  nextDeadlineMs(): number;
  handleTime(nowMs: number): void;
}

/** Time in which nothing of this process ran. */
export interface Stall {
  readonly atMs: number;
  readonly forMs: number;
}

const TICK_MS = 1_000;
/** However late a tick comes, connections age by no more: the process was stopped, its peers were not silent. */
const TICK_MS_MAX = 2_000;

/**
 * All deadlines of a node in buckets of a second, under one timer (after Varghese and Lauck, "Hashed and
 * Hierarchical Timing Wheels"). A deadline that moved later is found out when its old bucket comes up, so moving
 * it costs nothing. Its time moves with its ticks alone: reading it is free, and a server that was stopped for a
 * minute does not take its clients for dead (SPEC LIVE-6).
 */
export class Wheel {
  /** The first in each bucket. */
  private readonly buckets = new Map<number, Waiting>();
  private stalled: Stall | undefined;
  private now: number;
  private tickedAtMs: number;
  private reached: number;
  private cancel = (): void => {};
  private readonly clock: Clock;

  constructor(clock: Clock) {
    this.clock = clock;
    this.now = this.tickedAtMs = clock.nowMs();
    this.reached = Math.floor(this.now / TICK_MS);
    this.arm();
  }

  /** Time as connections experience it, to a second. */
  nowMs(): number {
    return this.now;
  }

  /** The last time that the process did not run. What woke it may come before its timers. */
  get stall(): Stall | undefined {
    const forMs = this.clock.nowMs() - this.tickedAtMs - TICK_MS;
    return forMs > TICK_MS_MAX - TICK_MS ? { atMs: this.tickedAtMs + TICK_MS, forMs } : this.stalled;
  }

  /** Puts it where its next deadline says; needed at first, and when that has come nearer. */
  schedule(waiting: Waiting): void {
    const deadlineMs = waiting.nextDeadlineMs();
    this.remove(waiting);
    if (deadlineMs === Infinity) return;
    waiting.bucket = Math.max(this.reached + 1, Math.ceil(deadlineMs / TICK_MS));
    waiting.next = this.buckets.get(waiting.bucket);
    if (waiting.next) waiting.next.previous = waiting;
    this.buckets.set(waiting.bucket, waiting);
  }

  remove(waiting: Waiting): void {
    const { bucket, previous, next } = waiting;
    if (bucket === 0) return;
    if (previous) previous.next = next;
    else if (next) this.buckets.set(bucket, next);
    else this.buckets.delete(bucket);
    if (next) next.previous = previous;
    waiting.previous = waiting.next = undefined;
    waiting.bucket = 0;
  }

  stop(): void {
    this.cancel();
    this.buckets.clear();
  }

  private arm(): void {
    this.cancel = this.clock.setTimer(() => this.tick(), TICK_MS);
  }

  private tick(): void {
    const clockMs = this.clock.nowMs();
    this.stalled = this.stall;
    this.now += Math.min(clockMs - this.tickedAtMs, TICK_MS_MAX);
    this.tickedAtMs = clockMs;
    this.arm();
    while (this.reached < Math.floor(this.now / TICK_MS)) {
      const bucket = ++this.reached;
      for (let first = this.buckets.get(bucket); first; first = this.buckets.get(bucket)) {
        if (first.nextDeadlineMs() <= this.now) first.handleTime(this.now);
        // Its handling may have ended or moved it.
        if (first.bucket === bucket) this.schedule(first);
      }
    }
  }
}
