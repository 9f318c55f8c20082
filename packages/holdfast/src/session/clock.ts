/** Time as the drivers take it, so that a test or a simulation can put its own in their place. */
export interface Clock {
  /** Monotonic, in milliseconds since 1970 as of the start: it never jumps with the wall clock. */
  nowMs(): number;
  /** Calls back once after `delayMs`; the result cancels it. */
  setTimer(callback: () => void, delayMs: number): () => void;
  /** Calls back at the end of this turn of the event loop, when all input that is here has been taken in. */
  defer(callback: () => void): void;
}
