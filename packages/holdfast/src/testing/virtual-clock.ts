import type { ServerClock } from '../server/system-clock.ts';

interface Event {
  atMs: number;
  /** Events of one moment run in the order in which they were made. */
  order: number;
  run: (() => void) | undefined;
}

/**
 * Time that passes only when told to: an hour takes as long as its events. Each event is a turn of the event
 * loop: its promises settle, then what was deferred runs, before the next event begins. With nothing else that
 * is random or asynchronous, a run is the same each time.
 */
export class VirtualClock {
  private now: number;
  private count = 0;
  private readonly heap: Event[] = [];
  private deferred: (() => void)[] = [];

  constructor(startMs = 1_700_000_000_000) {
    this.now = startMs;
  }

  nowMs(): number {
    return this.now;
  }

  /** Runs a callback after `delayMs`; the result cancels it. */
  at(delayMs: number, run: () => void): () => void {
    const event: Event = { atMs: this.now + Math.max(0, delayMs), order: this.count++, run };
    push(this.heap, event);
    return () => (event.run = undefined);
  }

  defer(callback: () => void): void {
    this.deferred.push(callback);
  }

  /** Lets `durationMs` pass. */
  async advance(durationMs: number): Promise<void> {
    const endMs = this.now + durationMs;
    await this.settle();
    for (let next = this.heap[0]; next && next.atMs <= endMs; next = this.heap[0]) {
      pop(this.heap);
      if (!next.run) continue;
      this.now = next.atMs;
      next.run();
      await this.settle();
    }
    this.now = endMs;
  }

  /** Lets time pass until the condition holds; false when it does not within `timeoutMs`. */
  async until(condition: () => boolean, timeoutMs: number, stepMs = 100): Promise<boolean> {
    for (let passedMs = 0; passedMs < timeoutMs; passedMs += stepMs) {
      if (condition()) return true;
      await this.advance(stepMs);
    }
    return condition();
  }

  /** A clock for one process, which ends with it. */
  process(): ProcessClock {
    return new ProcessClock(this);
  }

  /** Until nothing is deferred, and what that led to has settled, too. */
  private async settle(): Promise<void> {
    let due: (() => void)[];
    do {
      // All promises here hang on microtasks alone, so one turn of the real loop settles them.
      await new Promise<void>((resolve) => setImmediate(resolve));
      due = this.deferred;
      this.deferred = [];
      for (const callback of due) callback();
    } while (due.length > 0);
  }
}

/** One process's view of the time: it can be stopped and continued, like a process, or ended for good. */
export class ProcessClock implements ServerClock {
  /** How far the time of day is ahead of the time that passes, as when somebody has set the machine's clock. */
  wallAheadMs = 0;
  private state: 'running' | 'stopped' | 'ended' = 'running';
  private missed: (() => void)[] = [];
  private readonly clock: VirtualClock;

  constructor(clock: VirtualClock) {
    this.clock = clock;
  }

  nowMs(): number {
    return this.clock.nowMs();
  }

  wallMs(): number {
    return this.nowMs() + this.wallAheadMs;
  }

  setTimer(callback: () => void, delayMs: number): () => void {
    let cancelled = false;
    const cancel = this.clock.at(delayMs, () => this.run(() => cancelled || callback()));
    return () => {
      cancelled = true;
      cancel();
    };
  }

  defer(callback: () => void): void {
    this.clock.defer(() => this.run(callback));
  }

  /** Runs something in this process: now, when it is continued, or never. */
  run(callback: () => void): void {
    if (this.state === 'running') callback();
    else if (this.state === 'stopped') this.missed.push(callback);
  }

  stop(): void {
    if (this.state === 'running') this.state = 'stopped';
  }

  continue(): void {
    if (this.state !== 'stopped') return;
    this.state = 'running';
    const { missed } = this;
    this.missed = [];
    for (const callback of missed) this.clock.defer(() => this.run(callback));
  }

  end(): void {
    this.state = 'ended';
    this.missed = [];
  }
}

function before(a: Event, b: Event): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}

/** A binary heap (Williams, 1964) whose root is the next event. */
function push(heap: Event[], event: Event): void {
  let at = heap.push(event) - 1;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if (!before(event, heap[parent]!)) break;
    heap[at] = heap[parent]!;
    at = parent;
  }
  heap[at] = event;
}

function pop(heap: Event[]): void {
  const last = heap.pop()!;
  if (heap.length === 0) return;
  let at = 0;
  for (;;) {
    let child = at * 2 + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++;
    if (!before(heap[child]!, last)) break;
    heap[at] = heap[child]!;
    at = child;
  }
  heap[at] = last;
}
