/** The name that was most likely meant, when there is one that is not too far off: most mistakes are typos. */
export function nearestOf(given: string, names: readonly string[]): string | undefined {
  const distances = names.map((name) => ({
    name,
    distance: distanceOf(given.toLowerCase(), name.toLowerCase()),
  }));
  const nearest = distances.toSorted((a, b) => a.distance - b.distance)[0];
  return nearest && nearest.distance <= 3 && nearest.distance <= given.length / 2 ? nearest.name : undefined;
}

/** Edits from one text to another (Levenshtein). */
function distanceOf(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1];
    for (const [j, other] of [...b].entries())
      next.push(Math.min(row[j]! + (letter === other ? 0 : 1), row[j + 1]! + 1, next[j]! + 1));
    row = next;
  }
  return row[b.length]!;
}
