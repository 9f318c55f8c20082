/** A value that something had when it ended, and when that was. */
export interface Observation {
  readonly valueMs: number;
  readonly atMs: number;
}

/** Ends that come together have one cause, such as a proxy's restart, and say nothing of a limit. */
const TOGETHER_MS_MIN = 300;
/** How exact a limit shows depends on the machines' load: each of these is tried, in parts of the tolerance. */
const SCALES = [0.5, 1, 2, 4];

/** Ends this near to a value, as a factor, are taken for what chance gives there. */
const NEAR = 1.5;

export interface Likeness {
  readonly count: number;
  /** How likely that many would be if values fell anywhere. */
  readonly chance: number;
  /** What counted as the same value. */
  readonly toleranceMs: number;
}

/** How many others, each at a time of its own, had the same value as this one, where that is the most telling. */
export function likeOthers(one: Observation, others: readonly Observation[], toleranceMs: number): Likeness {
  const widest = one.valueMs / 10;
  const tried = SCALES.map((scale) => likeWithin(one, others, Math.min(widest, toleranceMs * scale)));
  const best = tried.reduce((a, b) => (b.chance < a.chance ? b : a));
  // Whoever looks four times finds something four times as often.
  return { ...best, chance: Math.min(1, best.chance * SCALES.length) };
}

/**
 * What falls a little below and a little above says how dense values lie; the denser side counts, as silences end
 * where a heartbeat breaks them, and beyond that there is nothing.
 */
function likeWithin(one: Observation, others: readonly Observation[], toleranceMs: number): Likeness {
  const { valueMs } = one;
  // What began together and has the same value was cut together, too.
  const togetherMs = Math.max(TOGETHER_MS_MIN, 2 * toleranceMs);
  const taken = [one.atMs];
  let count = 0;
  // Half a value on each side: where none was seen, there still may be some.
  let below = 0.5;
  let above = 0.5;
  for (const { valueMs: other, atMs } of others) {
    if (other < valueMs / NEAR || other > valueMs * NEAR) continue;
    if (other < valueMs - toleranceMs) below++;
    else if (other > valueMs + toleranceMs) above++;
    else if (!taken.some((takenMs) => Math.abs(takenMs - atMs) < togetherMs)) {
      taken.push(atMs);
      count++;
    }
  }
  const perMs = Math.max(
    upper(below) / (valueMs - toleranceMs - valueMs / NEAR),
    upper(above) / (valueMs * NEAR - valueMs - toleranceMs),
  );
  return { count, chance: poissonTail(count, perMs * 2 * toleranceMs), toleranceMs };
}

/** So many were seen where somewhat more may have been due. */
const upper = (count: number): number => count + Math.sqrt(count - 0.5);

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
