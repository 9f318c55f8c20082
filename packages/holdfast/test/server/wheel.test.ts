import { describe, expect, it } from 'vitest';
import { Wheel, type Waiting } from '../../src/server/wheel.ts';
import { VirtualClock } from '../../src/testing/virtual-clock.ts';

/** Something with one deadline, which notes when it was handled. */
class Sleeper implements Waiting {
  bucket = 0;
  previous: Waiting | undefined = undefined;
  next: Waiting | undefined = undefined;
  handledAtMs: number[] = [];
  deadlineMs: number;

  constructor(deadlineMs: number) {
    this.deadlineMs = deadlineMs;
  }

  nextDeadlineMs(): number {
    return this.deadlineMs;
  }

  handleTime(nowMs: number): void {
    this.handledAtMs.push(nowMs);
    this.deadlineMs = Infinity;
  }
}

function make() {
  const clock = new VirtualClock();
  const process = clock.process();
  return { clock, process, wheel: new Wheel(process), startMs: clock.nowMs() };
}

describe('the wheel of deadlines', () => {
  it('[LIVE-2] calls within two seconds of a deadline, and never before it', async () => {
    const { clock, wheel, startMs } = make();
    const sleepers = [100, 999, 1_000, 5_500, 61_234].map((afterMs) => new Sleeper(startMs + afterMs));
    const deadlines = sleepers.map(({ deadlineMs }) => deadlineMs);
    for (const sleeper of sleepers) wheel.schedule(sleeper);
    await clock.advance(120_000);
    for (const [index, { handledAtMs }] of sleepers.entries()) {
      expect(handledAtMs).toHaveLength(1);
      const lateMs = handledAtMs[0]! - deadlines[index]!;
      expect(lateMs).toBeGreaterThanOrEqual(0);
      expect(lateMs).toBeLessThanOrEqual(2_000);
    }
  });

  it('[LIVE-2] finds out that a deadline moved later when its bucket comes up', async () => {
    const { clock, wheel, startMs } = make();
    const sleeper = new Sleeper(startMs + 5_000);
    wheel.schedule(sleeper);
    sleeper.deadlineMs = startMs + 30_000;
    await clock.advance(29_000);
    expect(sleeper.handledAtMs).toEqual([]);
    await clock.advance(3_000);
    expect(sleeper.handledAtMs).toHaveLength(1);
  });

  it('[LIVE-2] takes out what is over', async () => {
    const { clock, wheel, startMs } = make();
    const [removed, endless] = [new Sleeper(startMs + 5_000), new Sleeper(Infinity)];
    wheel.schedule(removed);
    wheel.schedule(endless);
    wheel.remove(removed);
    await clock.advance(60_000);
    expect([...removed.handledAtMs, ...endless.handledAtMs]).toEqual([]);
  });

  it.each([0, 1, 2])('[LIVE-2] takes out one of those that share a bucket (number %i)', async (place) => {
    const { clock, wheel, startMs } = make();
    const sleepers = [0, 1, 2].map(() => new Sleeper(startMs + 5_000));
    for (const sleeper of sleepers) wheel.schedule(sleeper);
    const [removed] = sleepers.splice(place, 1) as [Sleeper];
    wheel.remove(removed);
    removed.deadlineMs = startMs + 20_000;
    wheel.schedule(removed);
    await clock.advance(10_000);
    expect(sleepers.map(({ handledAtMs }) => handledAtMs.length)).toEqual([1, 1]);
    expect(removed.handledAtMs).toEqual([]);
    await clock.advance(20_000);
    expect(removed.handledAtMs).toHaveLength(1);
    expect(sleepers.map(({ handledAtMs }) => handledAtMs.length)).toEqual([1, 1]);
  });

  it('[LIVE-2] leaves out who is removed, or moved, while another of its bucket is handled', async () => {
    const { clock, wheel, startMs } = make();
    const [gone, moved, other] = [1, 2, 3].map(() => new Sleeper(startMs + 5_000)) as [
      Sleeper,
      Sleeper,
      Sleeper,
    ];
    const actor = new Sleeper(startMs + 5_000);
    actor.handleTime = (nowMs) => {
      actor.handledAtMs.push(nowMs);
      wheel.remove(gone);
      moved.deadlineMs = startMs + 20_000;
      wheel.schedule(moved);
      // It is over, though it still has a deadline.
      wheel.remove(actor);
    };
    for (const sleeper of [gone, moved, other, actor]) wheel.schedule(sleeper);
    await clock.advance(10_000);
    const counts = () => [gone, moved, other, actor].map(({ handledAtMs }) => handledAtMs.length);
    expect(counts()).toEqual([0, 0, 1, 1]);
    await clock.advance(60_000);
    expect(counts()).toEqual([0, 1, 1, 1]);
  });

  it('[LIVE-6] leaves out the time in which the process did not run', async () => {
    const { clock, process, wheel, startMs } = make();
    const sleeper = new Sleeper(startMs + 45_000);
    wheel.schedule(sleeper);
    await clock.advance(10_000);
    process.stop();
    await clock.advance(60_000);
    process.continue();
    await clock.advance(30_000);
    // 40 s of its own time have passed, of 100 on the wall.
    expect(sleeper.handledAtMs).toEqual([]);
    expect(wheel.nowMs()).toBeLessThanOrEqual(startMs + 42_000);
    await clock.advance(10_000);
    expect(sleeper.handledAtMs).toHaveLength(1);
  });

  it('[LIVE-6] says so already before the first tick after a stop', async () => {
    const { clock, process, wheel, startMs } = make();
    await clock.advance(10_000);
    process.stop();
    await clock.advance(60_000);
    expect(wheel.nowMs()).toBeLessThan(startMs + 13_000);
  });

  it('[LIVE-6] knows when that was, before its own timers and after', async () => {
    const { clock, process, wheel, startMs } = make();
    await clock.advance(10_500);
    expect(wheel.stall).toBeUndefined();
    process.stop();
    await clock.advance(60_000);
    expect(wheel.stall).toEqual({ atMs: startMs + 11_000, forMs: 59_500 });
    process.continue();
    await clock.advance(30_000);
    expect(wheel.stall).toEqual({ atMs: startMs + 11_000, forMs: 59_500 });
  });

  it('[LIVE-2] says nothing after it was stopped', async () => {
    const { clock, wheel, startMs } = make();
    const sleeper = new Sleeper(startMs + 5_000);
    wheel.schedule(sleeper);
    wheel.stop();
    await clock.advance(60_000);
    expect(sleeper.handledAtMs).toEqual([]);
  });
});
