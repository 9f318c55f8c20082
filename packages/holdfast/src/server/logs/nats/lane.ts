import { setTimeout as wait } from 'node:timers/promises';
import { isRefusal, unavailable } from './failures.ts';

interface Job<T> {
  attempt: () => Promise<T>;
  resolve: (value: T) => void;
  reject: (error: unknown) => void;
  deadlineMs: number;
}

const RETRY_MS = 50;

/**
 * Does things in order, at most `width` at a time, and again after failures that may pass. What failed before
 * something that succeeded is not tried again, because it would come after it; with a width of 1 that can't happen.
 */
export class Lane<T> {
  private readonly queue: Job<T>[] = [];
  private running = false;
  private readonly width: number;
  private readonly whenIdle: () => void;

  constructor(width: number, whenIdle: () => void) {
    this.width = width;
    this.whenIdle = whenIdle;
  }

  do(attempt: () => Promise<T>, deadlineMs: number): Promise<T> {
    return new Promise((resolve, reject) => {
      this.queue.push({ attempt, resolve, reject, deadlineMs });
      if (!this.running) void this.run();
    });
  }

  private async run(): Promise<void> {
    this.running = true;
    while (this.queue.length > 0) {
      const batch = this.queue.slice(0, this.width);
      const outcomes = await Promise.allSettled(batch.map(({ attempt }) => attempt()));
      const again = settle(batch, outcomes);
      this.queue.splice(0, batch.length, ...again.map(({ job }) => job));
      const first = again[0];
      if (!first) continue;
      // All that waits behind it fails, too: it would overtake it, should it be done again.
      const isOver = isRefusal(first.reason) || performance.now() >= first.job.deadlineMs;
      if (isOver) this.failAll(again, first.reason);
      else await wait(RETRY_MS);
    }
    this.running = false;
    this.whenIdle();
  }

  /** Of each that was tried it is told what came of it; of the others, why they were not. */
  private failAll(tried: readonly { job: Job<T>; reason: unknown }[], reason: unknown): void {
    const reasons = new Map(tried.map((failed) => [failed.job, failed.reason]));
    for (const job of this.queue.splice(0))
      job.reject(unavailable(reasons.has(job) ? reasons.get(job) : reason));
  }
}

/** Tells those that succeeded, and those that something later has overtaken; gives the others. */
function settle<T>(
  jobs: readonly Job<T>[],
  outcomes: readonly PromiseSettledResult<T>[],
): { job: Job<T>; reason: unknown }[] {
  const again: { job: Job<T>; reason: unknown }[] = [];
  const last = outcomes.findLastIndex(({ status }) => status === 'fulfilled');
  for (const [index, outcome] of outcomes.entries()) {
    const job = jobs[index]!;
    if (outcome.status === 'fulfilled') job.resolve(outcome.value);
    else if (index < last) job.reject(unavailable(outcome.reason));
    else again.push({ job, reason: outcome.reason });
  }
  return again;
}
