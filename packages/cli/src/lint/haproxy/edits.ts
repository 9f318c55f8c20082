import type { Edit } from '../finding.ts';
import type { Line, Section } from './parse.ts';

/** Adds a line at the end of what stands in a section, as deep as its neighbours. */
export function appendLine(section: Section, text: string): Edit {
  const neighbour = section.lines.at(-1);
  const indent = neighbour ? section.source.indentAt(neighbour.start) : '    ';
  const end = endOfLine(section.last);
  return { place: { source: section.source, start: end, end }, text: `\n${indent}${text}` };
}

/** The line may be followed by a comment, which stays where it is. */
function endOfLine({ source, end }: Line): number {
  const newline = source.text.indexOf('\n', end);
  return newline === -1 ? source.text.length : newline;
}

export function replaceWord(line: Line, index: number, text: string): readonly Edit[] {
  const word = line.words[index];
  return word ? [{ place: word, text }] : [];
}
