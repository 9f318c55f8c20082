import type { Clock } from '../session/clock.ts';

/** Hosts take a longer delay, such as Infinity for "never", for none at all. */
const TIMER_MAX_MS = 2 ** 31 - 1;
const startMs = Date.now() - performance.now();

/** A page's or process's own time. What a client sends in one turn leaves at its end, as one message. */
export const clientClock: Clock = {
  nowMs: () => startMs + performance.now(),
  setTimer(callback, delayMs) {
    const timer = setTimeout(callback, Math.min(delayMs, TIMER_MAX_MS));
    return () => clearTimeout(timer);
  },
  defer: (callback) => queueMicrotask(callback),
};
