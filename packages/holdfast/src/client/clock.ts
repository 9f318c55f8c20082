import type { Clock } from '../session/clock.ts';

const startMs = Date.now() - performance.now();

/** A page's or process's own time. What a client sends in one turn leaves at its end, as one message. */
export const clientClock: Clock = {
  nowMs: () => startMs + performance.now(),
  setTimer(callback, delayMs) {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
  defer: (callback) => queueMicrotask(callback),
};
