/** How long to wait between attempts to connect. */
export interface BackoffOptions {
  /** The first retry waits up to this long. */
  baseMs: number;
  /** No retry waits longer. */
  capMs: number;
  /** A connection that lived this long was a success: the next loss starts from the beginning. */
  stableMs: number;
}

export const defaultBackoff: BackoffOptions = { baseMs: 500, capMs: 15_000, stableMs: 5_000 };

/**
 * The wait before attempt `attempt` (0 is the first after a loss). The first comes at once, spread over the
 * window that the server asked for; later ones use full jitter, random(0, min(cap, base·2ⁿ)), with the cap
 * inside the random, because a cap outside makes every client retry in step (Brooker, "Exponential Backoff
 * and Jitter"). SPEC RET-1, RET-2.
 */
export function backoffDelayMs(
  attempt: number,
  options: BackoffOptions,
  returnWindowMs: number,
  random: () => number,
): number {
  if (attempt === 0) return random() * returnWindowMs;
  return random() * Math.min(options.capMs, options.baseMs * 2 ** (attempt - 1));
}
