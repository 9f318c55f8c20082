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

/** What is known when an attempt has failed. */
export interface Failure {
  /** How many attempts since the connection was last stable got through to something, and were lost again. */
  reached: number;
  /** Whether this one did. */
  wasReached: boolean;
  /** How long there has been no connection. */
  downMs: number;
  /** This client's place in the return window, from 0 to 1. */
  place: number;
}

/**
 * The wait before the next attempt: full jitter, random(0, min(cap, …)), with the cap inside the random, because
 * a cap outside makes every client retry in step (Brooker, "Exponential Backoff and Jitter"). SPEC RET-1, RET-2.
 *
 * The first attempt after a loss comes at the place in the window that the server dealt. After one that reached a
 * server the wait doubles, since that server is busy or broken. One that reached nothing costs nobody anything:
 * then the wait follows the outage, up to half of what it has lasted, so a short one is noticed soon.
 *
 * Whoever has tried in vain keeps its place in the window: it waits for the whole window at least. Places drawn
 * anew within the window would make attempts twice as dense in the moment in which the server is back.
 */
export function backoffDelayMs(
  { reached, wasReached, downMs, place }: Failure,
  { baseMs, capMs }: BackoffOptions,
  returnWindowMs: number,
  random: () => number,
): number {
  const growingMs = wasReached ? baseMs * 2 ** (reached - 2) : Math.max(baseMs, downMs / 2);
  const isFirst = wasReached && reached === 1;
  if (isFirst) return place * returnWindowMs;
  return Math.max(returnWindowMs, random() * Math.min(capMs, growingMs));
}
