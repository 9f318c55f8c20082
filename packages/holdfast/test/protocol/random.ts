/**
 * A seeded generator of 32-bit numbers (Marsaglia, "Xorshift RNGs", 2003), so that a failing input can be
 * made again from its seed.
 */
export class Random {
  private state: number;

  constructor(seed: number) {
    this.state = seed | 0 || 1;
  }

  next(): number {
    let { state } = this;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.state = state;
    return state >>> 0;
  }

  below(limit: number): number {
    return this.next() % limit;
  }
}
