import type { Product } from '../facts/rules/rule.ts';
import { readDump } from './dump.ts';
import { STDIN, type Files } from './files.ts';
import type { Edit, LintContext } from './finding.ts';
import { lintFile, type LintedFile } from './lint.ts';
import { InputError } from './source-file.ts';

/** A pass mends one finding per place, and no place collects as many. */
const PASSES_MAX = 20;

/**
 * Mends what is safe to mend, checking again after each pass, because one change moves or settles
 * other findings. Nothing is written: the changes are in `files`.
 */
export function fixFile(
  path: string,
  as: Product | undefined,
  context: LintContext,
  files: Files,
): { readonly linted: LintedFile; readonly mended: number } {
  if (path === STDIN || readDump(files.read(path).text))
    throw new InputError('--fix writes to files: name those of the proxy, where they are.');
  const first = lintFile(path, as, context, files);
  let linted = first;
  for (let pass = 0; pass < PASSES_MAX; pass += 1) {
    const edits = compatibleEdits(linted);
    if (edits.length === 0) break;
    apply(edits, files);
    linted = lintFile(path, as, context, files);
  }
  return { linted, mended: first.findings.length - linted.findings.length };
}

/** The edits of as many findings as fit together; of two that touch the same place, the first one's. */
function compatibleEdits({ findings }: LintedFile): Edit[] {
  const chosen: Edit[] = [];
  for (const { edits } of findings) {
    const clashes = edits.some((edit) => chosen.some((other) => touches(edit, other)));
    if (!clashes) chosen.push(...edits);
  }
  return chosen;
}

function touches({ place: a }: Edit, { place: b }: Edit): boolean {
  return a.source.path === b.source.path && a.start <= b.end && b.start <= a.end;
}

function apply(edits: readonly Edit[], files: Files): void {
  const paths = new Set(edits.map(({ place }) => place.source.path));
  for (const path of paths) {
    const own = edits
      .filter(({ place }) => place.source.path === path)
      .toSorted((a, b) => b.place.start - a.place.start);
    let { text } = files.read(path);
    for (const { place, text: inserted } of own)
      text = text.slice(0, place.start) + inserted + text.slice(place.end);
    files.change(path, text);
  }
}
