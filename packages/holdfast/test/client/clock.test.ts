import { afterEach, describe, expect, it, vi } from 'vitest';
import { clientClock } from '../../src/client/clock.ts';

afterEach(() => void vi.useRealTimers());

describe('a client’s own time', () => {
  it('[ERR-1] takes Infinity for never, not for now', () => {
    vi.useFakeTimers();
    const ring = vi.fn();
    const cancel = clientClock.setTimer(ring, Infinity);
    vi.advanceTimersByTime(24 * 3_600_000);
    expect(ring).not.toHaveBeenCalled();
    cancel();
    expect(vi.getTimerCount()).toBe(0);
  });

  it('[LIVE-4] does not jump with the wall clock', () => {
    const before = clientClock.nowMs();
    vi.useFakeTimers({ toFake: ['Date'] });
    vi.setSystemTime(0);
    expect(clientClock.nowMs()).toBeGreaterThanOrEqual(before);
  });
});
