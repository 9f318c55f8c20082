import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { watchSleep } from '../../src/client/sleep.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function watch(isHidden = false): { slept: number[]; stop: () => void } {
  const slept: number[] = [];
  const stop = watchSleep(
    () => isHidden,
    (sleptMs) => slept.push(sleptMs),
  );
  return { slept, stop };
}

/** The clock goes on without the timers, as in sleep. */
function sleep(ms: number): void {
  vi.setSystemTime(Date.now() + ms);
  vi.advanceTimersByTime(5_000);
}

it('[LIVE-3] a clock that jumped is told, with how far', () => {
  const { slept, stop } = watch();
  vi.advanceTimersByTime(60_000);
  expect(slept).toEqual([]);
  sleep(90_000);
  expect(slept).toEqual([90_000]);
  sleep(2_000);
  expect(slept).toHaveLength(1);
  stop();
  sleep(90_000);
  expect(slept).toHaveLength(1);
});

it('[LIVE-3] a hidden page’s timers may come a minute late without that being sleep', () => {
  const { slept } = watch(true);
  sleep(60_000);
  expect(slept).toEqual([]);
  sleep(90_000);
  expect(slept).toEqual([90_000]);
});
