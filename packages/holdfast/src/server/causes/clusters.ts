/** A value that something had when it ended, and when that was. */
export interface Observation {
  readonly valueMs: number;
  readonly atMs: number;
}

/** Ends that come together have one cause, such as a proxy's restart, and say nothing of a limit. */
const TOGETHER_MS = 1_000;

/**
 * How many others, each at a time of its own, had the same value as this one, and how likely as many would be if
 * values fell anywhere: ends near this value, from half to twice of it, are taken for what chance gives.
 */
export function likeOthers(
  one: Observation,
  others: readonly Observation[],
  toleranceMs: number,
): { count: number; chance: number } {
  const { valueMs } = one;
  const taken = [one.atMs];
  let count = 0;
  let around = 1;
  for (const { valueMs: other, atMs } of others) {
    if (other < valueMs / 2 || other > valueMs * 2) continue;
    if (Math.abs(other - valueMs) > toleranceMs) {
      around++;
      continue;
    }
    if (taken.some((takenMs) => Math.abs(takenMs - atMs) < TOGETHER_MS)) continue;
    taken.push(atMs);
    count++;
  }
  const expected = (around * 2 * toleranceMs) / (1.5 * valueMs);
  return { count, chance: poissonTail(count, expected) };
}

/** The probability of `count` or more where `expected` are expected (Poisson). */
export function poissonTail(count: number, expected: number): number {
  let term = Math.exp(-expected);
  let below = 0;
  for (let i = 0; i < count; i++) {
    below += term;
    term *= expected / (i + 1);
  }
  return Math.max(0, 1 - below);
}
