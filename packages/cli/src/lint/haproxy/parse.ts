import type { InputError, Place, SourceFile } from '../source-file.ts';

export interface Word extends Place {
  readonly value: string;
}

/** One line: a keyword and what follows it. */
export interface Line extends Place {
  readonly words: readonly Word[];
}

export interface Section extends Place {
  readonly kind: string;
  readonly name: string;
  readonly head: Line;
  readonly lines: readonly Line[];
  /** The last line that stands in the section whatever conditions hold; a new line belongs behind it. */
  readonly last: Line;
  /** The section of defaults that holds here, which may have one of its own. */
  readonly defaults: Section | undefined;
}

/** Every keyword that opens a section (HAProxy configuration manual, chapters 3 and 4). */
const sectionKinds = new Set(
  'global defaults frontend backend listen peers resolvers userlist mailers cache program ring fcgi-app http-errors log-forward log-profile crt-store traces acme'.split(
    ' ',
  ),
);

/** The sections of a configuration of HAProxy. Throws an InputError. */
export function parseHaproxy(source: SourceFile): Section[] {
  const sections: OpenSection[] = [];
  let depth = 0;
  for (const line of readLines(source)) {
    const keyword = line.words[0]?.value ?? '';
    if (sectionKinds.has(keyword)) {
      sections.push(openSection(line, depth, sections));
      continue;
    }
    const current = sections.at(-1);
    if (keyword === '.if') depth += 1;
    if (keyword === '.endif') depth -= 1;
    if (current?.depth === depth) current.last = line;
    // Conditional blocks of the preprocessor may stand anywhere.
    if (keyword.startsWith('.')) continue;
    if (!current)
      throw source.errorAt(
        line.start,
        `"${keyword}" stands before the first section (global, defaults, frontend, …)`,
      );
    current.lines.push(line);
  }
  return sections;
}

interface OpenSection extends Section {
  readonly lines: Line[];
  last: Line;
  /** In how many conditional blocks it was opened. */
  readonly depth: number;
}

function openSection(head: Line, depth: number, before: readonly Section[]): OpenSection {
  const words = head.words.map(({ value }) => value);
  const [kind = '', name = ''] = words;
  const from = words.indexOf('from');
  const named = from === -1 ? undefined : words[from + 1];
  const defaults = before.findLast(
    (section) => section.kind === 'defaults' && (named === undefined || section.name === named),
  );
  const inherits =
    kind === 'defaults'
      ? named !== undefined
      : kind === 'frontend' || kind === 'backend' || kind === 'listen';
  return {
    ...head,
    kind,
    name: name === 'from' ? '' : name,
    head,
    lines: [],
    last: head,
    depth,
    defaults: inherits ? defaults : undefined,
  };
}

function* readLines(source: SourceFile): Generator<Line> {
  const { text } = source;
  for (let start = 0; start < text.length;) {
    const newline = text.indexOf('\n', start);
    const end = newline === -1 ? text.length : newline;
    const words = readWords(source, start, end);
    const [first] = words;
    const last = words.at(-1);
    if (first && last) yield { source, start: first.start, end: last.end, words };
    start = end + 1;
  }
}

/** Words are split by blanks; quotation marks and a backslash keep blanks together. */
function readWords(source: SourceFile, from: number, to: number): Word[] {
  const words: Word[] = [];
  let at = from;
  while (at < to) {
    if (/\s/.test(source.text[at] ?? '')) at += 1;
    else if (source.text[at] === '#') return words;
    else {
      const word = readWord(source, at, to);
      words.push(word);
      at = word.end;
    }
  }
  return words;
}

function readWord(source: SourceFile, start: number, to: number): Word {
  const { text } = source;
  let value = '';
  let at = start;
  for (; at < to && !/[\s#]/.test(text[at] ?? ''); at += 1) {
    const char = text[at] ?? '';
    if (char === '\\' && at + 1 < to) {
      at += 1;
      value += text[at];
    } else if (char === '"' || char === "'") {
      const close = closingQuote(source, at, to);
      value += text.slice(at + 1, close).replace(/\\(["\\])/g, '$1');
      at = close;
    } else value += char;
  }
  return { source, start, end: at, value };
}

function closingQuote(source: SourceFile, start: number, to: number): number {
  const quote = source.text[start];
  for (let at = start + 1; at < to; at += 1) {
    if (quote === '"' && source.text[at] === '\\') at += 1;
    else if (source.text[at] === quote) return at;
  }
  throw unclosed(source, start);
}

function unclosed(source: SourceFile, at: number): InputError {
  return source.errorAt(at, 'this quotation mark is never closed');
}
