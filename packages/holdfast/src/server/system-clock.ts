import type { Clock } from '../session/clock.ts';

const startMs = Date.now() - performance.now();

/** The process's own time: monotonic, counted from the wall clock as it stood at the start. */
export const systemClock: Clock = {
  nowMs: () => startMs + performance.now(),
  setTimer(callback, delayMs) {
    // A timer that is set beyond this rings at once (HTML §8.6); nobody waits 24 days for anything here.
    const timer = setTimeout(callback, Math.min(delayMs, 2 ** 31 - 1));
    return () => clearTimeout(timer);
  },
  defer: (callback) => void setImmediate(callback),
};
