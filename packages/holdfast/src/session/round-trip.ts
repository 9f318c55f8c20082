/** Smoothed round-trip time and its variation, as TCP keeps them (RFC 6298 §2, alpha 1/8 and beta 1/4). */
export class RoundTrip {
  smoothedMs: number | undefined;
  #variationMs = 0;

  sample(rttMs: number): void {
    if (this.smoothedMs === undefined) {
      this.smoothedMs = rttMs;
      this.#variationMs = rttMs / 2;
      return;
    }
    this.#variationMs += (Math.abs(this.smoothedMs - rttMs) - this.#variationMs) / 4;
    this.smoothedMs += (rttMs - this.smoothedMs) / 8;
  }

  /** How long an answer may take before the connection is suspect (SPEC LIVE-4). */
  get timeoutMs(): number {
    if (this.smoothedMs === undefined) return 5_000;
    return Math.min(5_000, Math.max(1_000, this.smoothedMs + 4 * this.#variationMs));
  }
}
