/** Numbers in [0, 1), always the same ones for the same seed. Marsaglia's xorshift32 (2003): plenty for jitter. */
export function seededRandom(seed: number): () => number {
  // Neighbouring seeds would start alike without a multiplication first, and xorshift never leaves zero.
  let state = Math.imul(seed + 1, 0x9e3779b1) || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
