/** A value that something had when it ended, and when that was. */
export interface Observation {
  readonly valueMs: number;
  readonly atMs: number;
}

/** Ends that come together have one cause, such as a proxy's restart, and say nothing of a limit. */
const TOGETHER_MS = 1_000;

/** Ends this near to a value, as a factor, are taken for what chance gives there. */
const NEAR = 1.5;

/**
 * How many others, each at a time of its own, had the same value as this one, and how likely as many would be if
 * values fell anywhere. What falls a little below and a little above says how dense they lie; the denser side counts,
 * as silences end where a heartbeat breaks them, and beyond that there is nothing.
 */
export function likeOthers(
  one: Observation,
  others: readonly Observation[],
  toleranceMs: number,
): { count: number; chance: number } {
  const { valueMs } = one;
  const taken = [one.atMs];
  let count = 0;
  // Half a value on each side: where none was seen, there still may be some.
  let below = 0.5;
  let above = 0.5;
  for (const { valueMs: other, atMs } of others) {
    if (other < valueMs / NEAR || other > valueMs * NEAR) continue;
    if (other < valueMs - toleranceMs) below++;
    else if (other > valueMs + toleranceMs) above++;
    else if (!taken.some((takenMs) => Math.abs(takenMs - atMs) < TOGETHER_MS)) {
      taken.push(atMs);
      count++;
    }
  }
  const perMs = Math.max(below / (valueMs - valueMs / NEAR), above / (valueMs * NEAR - valueMs));
  return { count, chance: poissonTail(count, perMs * 2 * toleranceMs) };
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
