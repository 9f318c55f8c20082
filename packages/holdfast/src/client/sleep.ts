const TICK_MS = 5_000;
/** Less may be a busy moment. */
const JUMP_MS = 3_000;
/** Browsers wake the timers of a hidden page once a minute at times. */
const HIDDEN_JUMP_MS = 70_000;

/** Calls back when the clock shows that this device or process did not run, and for how long; the result stops it. */
export function watchSleep(isHidden: () => boolean, onSlept: (sleptMs: number) => void): () => void {
  // The wall clock, since on many systems the monotonic one stands still in sleep.
  let lastMs = Date.now();
  const timer = setInterval(() => {
    const nowMs = Date.now();
    const sleptMs = nowMs - lastMs - TICK_MS;
    lastMs = nowMs;
    if (sleptMs > (isHidden() ? HIDDEN_JUMP_MS : JUMP_MS)) onSlept(sleptMs);
  }, TICK_MS);
  // A number in browsers.
  (timer as { unref?(): void }).unref?.();
  return () => clearInterval(timer);
}
