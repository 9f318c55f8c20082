import { performance } from 'node:perf_hooks';
import type { Clock } from '../session/clock.ts';

/** What a server needs of time beside that which passes. */
export interface ServerClock extends Clock {
  /**
   * The time of day, in milliseconds since 1970. It jumps when the system's clock is set, and when a machine wakes:
   * for what others go by, or what outlasts the process (SPEC RES-6).
   */
  wallMs(): number;
}

const startMs = Date.now() - performance.now();

/** The process's own time: monotonic, counted from the wall clock as it stood at the start. */
export const systemClock: ServerClock = {
  nowMs: () => startMs + performance.now(),
  wallMs: () => Date.now(),
  setTimer(callback, delayMs) {
    // A timer that is set beyond this rings at once (HTML §8.6); nobody waits 24 days for anything here.
    const timer = setTimeout(callback, Math.min(delayMs, 2 ** 31 - 1));
    return () => clearTimeout(timer);
  },
  defer: (callback) => void setImmediate(callback),
};
