import type { Clock } from '../session/clock.ts';

const startMs = Date.now() - performance.now();

/** The process's own time: monotonic, counted from the wall clock as it stood at the start. */
export const systemClock: Clock = {
  nowMs: () => startMs + performance.now(),
  setTimer(callback, delayMs) {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
  defer: (callback) => void setImmediate(callback),
};
