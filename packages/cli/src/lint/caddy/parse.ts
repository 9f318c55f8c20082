import type { Place, SourceFile } from '../source-file.ts';

export interface Word extends Place {
  readonly value: string;
}

/** One line of a Caddyfile, with the block that it opens. */
export interface Node extends Place {
  readonly words: readonly Word[];
  children?: Node[];
  parent?: Node;
}

const BLOCK_DEPTH_MAX = 64;

/** The lines of one file as a tree; imports are not followed. Throws an InputError. */
export function parseCaddyfile(source: SourceFile): Node[] {
  const top: Node[] = [];
  const open: Node[] = [];
  for (const words of readLines(source, () => open.length === 0)) {
    const first = words[0];
    const last = words.at(-1);
    if (!first || !last) continue;
    if (first.value === '}' && source.text[first.start] === '}') {
      if (!open.pop()) throw source.errorAt(first.start, 'this "}" closes nothing');
      continue;
    }
    // Within quotation marks a brace is an argument like any other.
    const opens = last.value === '{' && source.text[last.start] === '{';
    const node: Node = {
      source,
      start: first.start,
      end: last.end,
      words: opens ? words.slice(0, -1) : words,
    };
    const parent = open.at(-1);
    if (parent) node.parent = parent;
    (parent?.children ?? top).push(node);
    if (!opens) continue;
    node.children = [];
    open.push(node);
    if (open.length > BLOCK_DEPTH_MAX)
      throw source.errorAt(first.start, 'blocks stand too deep in each other');
  }
  const unclosed = open.at(-1);
  if (unclosed) throw source.errorAt(unclosed.start, 'this block is never closed with "}"');
  return top;
}

/** A backslash at the end of a line lets it go on in the next, and so does a comma after an address. */
function* readLines(source: SourceFile, isAtTop: () => boolean): Generator<Word[]> {
  let line: Word[] = [];
  for (const token of readTokens(source)) {
    if (token !== 'newline') {
      line.push(token);
      continue;
    }
    const last = line.at(-1);
    if (last && isAtTop() && source.text[last.end - 1] === ',') continue;
    yield line;
    line = [];
  }
  yield line;
}

const token =
  /(?<blank>[^\S\n]+|\\\r?\n|(?<=^|\s)#[^\n]*)|(?<newline>\n)|"(?<double>(?:\\.|[^"\\])*)"|`(?<back>[^`]*)`|<<(?<mark>[A-Za-z0-9_-]+)\r?\n(?<here>[\s\S]*?)\r?\n[^\S\n]*\k<mark>(?!\S)|(?<bare>[^\s"`](?:\\\r?\n|\S)*)/gmy;

function* readTokens(source: SourceFile): Generator<Word | 'newline'> {
  const pattern = new RegExp(token);
  while (pattern.lastIndex < source.text.length) {
    const start = pattern.lastIndex;
    const groups = pattern.exec(source.text)?.groups;
    if (!groups) throw source.errorAt(start, 'this quotation mark is never closed');
    if (groups['newline']) yield 'newline';
    const value =
      groups['double']?.replaceAll('\\"', '"') ?? groups['back'] ?? groups['here'] ?? groups['bare'];
    if (value !== undefined) yield { source, start, end: pattern.lastIndex, value };
  }
}
