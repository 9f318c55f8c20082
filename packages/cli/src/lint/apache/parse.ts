import type { Place, SourceFile } from '../source-file.ts';

export interface Word extends Place {
  readonly value: string;
}

/** A directive, or a section such as <VirtualHost> with what stands in it. */
export interface Node extends Place {
  /** In lower case: Apache minds no case in names. */
  readonly name: string;
  readonly args: readonly Word[];
  children?: Node[];
  parent?: Node;
}

const SECTION_DEPTH_MAX = 64;

/** The directives of one file; includes are not followed. Throws an InputError. */
export function parseApache(source: SourceFile): Node[] {
  const top: Node[] = [];
  const open: Node[] = [];
  for (const line of readLines(source)) {
    const text = source.text.slice(line.start, line.end);
    if (text.startsWith('</')) {
      closeSection(line, text, open);
      continue;
    }
    const node = text.startsWith('<') ? readSection(line, text) : readDirective(line);
    const parent = open.at(-1);
    if (parent) node.parent = parent;
    (parent?.children ?? top).push(node);
    if (node.children) open.push(node);
    if (open.length > SECTION_DEPTH_MAX)
      throw source.errorAt(line.start, 'sections stand too deep in each other');
  }
  const unclosed = open.at(-1);
  if (unclosed) throw source.errorAt(unclosed.start, `<${unclosed.name}> is never closed`);
  return top;
}

function closeSection({ source, start }: Place, text: string, open: Node[]): void {
  const name = /^<\/\s*([^\s>]+)/.exec(text)?.[1]?.toLowerCase() ?? '';
  const section = open.pop();
  if (!section) throw source.errorAt(start, `${text.trim()} closes nothing`);
  if (section.name !== name)
    throw source.errorAt(start, `${text.trim()} comes where </${section.name}> is expected`);
}

function readSection(line: Place, text: string): Node {
  if (!text.trimEnd().endsWith('>')) throw line.source.errorAt(line.start, 'this section has no closing ">"');
  const close = line.start + text.lastIndexOf('>');
  const [name, ...args] = readWords(line.source, line.start + 1, close);
  if (!name) throw line.source.errorAt(line.start, 'this section has no name');
  return { ...line, name: name.value.toLowerCase(), args, children: [] };
}

function readDirective(line: Place): Node {
  const [name, ...args] = readWords(line.source, line.start, line.end);
  return { ...line, name: name?.value.toLowerCase() ?? '', args };
}

/** Lines without comments and blanks; a backslash at the end joins the next line. */
function* readLines(source: SourceFile): Generator<Place> {
  const line = /[^\S\n]*((?:\\\r?\n|[^\n])*)(\n|$)/gy;
  while (line.lastIndex < source.text.length) {
    const found = line.exec(source.text);
    const content = found?.[1]?.trimEnd() ?? '';
    if (!found || content === '' || content.startsWith('#')) continue;
    const start = found.index + found[0].indexOf(content[0] ?? '');
    yield { source, start, end: start + content.length };
  }
}

function readWords(source: SourceFile, from: number, to: number): Word[] {
  const words: Word[] = [];
  const word = /"((?:\\.|[^"\\])*)"|'((?:\\.|[^'\\])*)'|(?:\\\r?\n|\s)+|((?:(?!\\\r?\n)\S)+)/gsy;
  const text = source.text.slice(0, to);
  word.lastIndex = from;
  while (word.lastIndex < to) {
    const found = word.exec(text);
    if (!found) throw source.errorAt(from, 'this line cannot be split into words');
    const value = found[1]?.replace(/\\(["\\])/g, '$1') ?? found[2]?.replace(/\\(['\\])/g, '$1') ?? found[3];
    if (value !== undefined) words.push({ source, start: found.index, end: word.lastIndex, value });
  }
  return words;
}
