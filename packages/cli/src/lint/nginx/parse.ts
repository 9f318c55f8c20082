import { SourceFile, type InputError, type Place } from '../source-file.ts';

export interface Word extends Place {
  readonly value: string;
}

/** One directive of nginx, simple or with a block. */
export interface Directive extends Place {
  readonly name: string;
  readonly args: readonly Word[];
  /** The place of the name alone. */
  readonly nameEnd: number;
  /** What stands between the braces, with includes already put in their place. */
  block?: Directive[];
  /** After the opening brace. */
  readonly bodyStart: number;
  parent?: Directive;
  /** The include line by which it came here. */
  via?: Directive;
}

const BLOCK_DEPTH_MAX = 64;

/** No argument is called like these: where one begins a line, the directive before it lacks its semicolon. */
const directiveNames = new Set(
  'server location upstream if listen server_name proxy_pass proxy_set_header proxy_http_version proxy_read_timeout return include'.split(
    ' ',
  ),
);

/** The directives of one file, as they stand there; includes are not followed. Throws an InputError. */
export function parseNginx(source: SourceFile): Directive[] {
  return new Parser(source).parseBlock(undefined, 0);
}

class Parser {
  readonly #source: SourceFile;
  #at = 0;

  constructor(source: SourceFile) {
    this.#source = source;
  }

  parseBlock(parent: Directive | undefined, depth: number): Directive[] {
    if (depth > BLOCK_DEPTH_MAX) throw this.#error('blocks stand too deep in each other');
    const directives: Directive[] = [];
    for (;;) {
      this.#skipBlank();
      const next = this.#source.text[this.#at];
      if (next === undefined) {
        if (parent)
          throw this.#source.errorAt(parent.start, `the block "${parent.name}" is never closed with "}"`);
        return directives;
      }
      if (next === '}') {
        if (!parent) throw this.#error('this "}" closes nothing');
        return directives;
      }
      directives.push(this.#parseDirective(parent, depth));
    }
  }

  #parseDirective(parent: Directive | undefined, depth: number): Directive {
    const start = this.#at;
    const words = this.#parseWords(start);
    const [name, ...args] = words;
    if (!name) throw this.#error(`a directive cannot begin with "${this.#source.text[this.#at] ?? ''}"`);
    const isBlock = this.#source.text[this.#at] === '{';
    this.#at += 1;
    const bodyStart = this.#at;
    const base = { source: this.#source, start, name: name.value, nameEnd: name.end, args, bodyStart };
    const directive: Directive = { ...base, end: this.#at };
    if (parent) directive.parent = parent;
    if (!isBlock) return directive;
    if (name.value.endsWith('_by_lua_block')) {
      this.#skipCode(start);
      return { ...directive, end: this.#at, block: [] };
    }
    directive.block = this.parseBlock(directive, depth + 1);
    this.#at += 1;
    return Object.assign(directive, { end: this.#at });
  }

  /** Reads up to the ";" or "{" that ends the words. */
  #parseWords(start: number): Word[] {
    const words: Word[] = [];
    for (;;) {
      const previousEnd = this.#at;
      this.#skipBlank();
      const next = this.#source.text[this.#at];
      if (next === ';' || next === '{') return words;
      if (next === undefined || next === '}') {
        throw this.#source.errorAt(start, 'this directive is not ended with ";"');
      }
      const isQuoted = next === '"' || next === "'";
      const word = isQuoted ? this.#parseQuoted(next) : this.#parseBare();
      const beginsLine = this.#source.text.slice(previousEnd, word.start).includes('\n');
      if (words.length > 0 && !isQuoted && beginsLine && directiveNames.has(word.value)) {
        throw this.#source.errorAt(start, 'this directive is not ended with ";"');
      }
      words.push(word);
    }
  }

  #parseQuoted(quote: string): Word {
    const { text } = this.#source;
    const start = this.#at;
    let value = '';
    for (this.#at += 1; text[this.#at] !== quote; this.#at += 1) {
      if (text[this.#at] === undefined)
        throw this.#source.errorAt(start, 'this quotation mark is never closed');
      if (text[this.#at] === '\\' && text[this.#at + 1] !== undefined) {
        this.#at += 1;
        // nginx drops the backslash before a quotation mark or another backslash, and keeps it before the rest.
        if (text[this.#at] !== quote && text[this.#at] !== '\\') value += '\\';
      }
      value += text[this.#at];
    }
    this.#at += 1;
    return { source: this.#source, start, end: this.#at, value };
  }

  #parseBare(): Word {
    const { text } = this.#source;
    const start = this.#at;
    for (; this.#at < text.length; this.#at += 1) {
      const char = text[this.#at] ?? '';
      if (char === '\\') this.#at += 1;
      else if (char === '$' && text[this.#at + 1] === '{') {
        const close = text.indexOf('}', this.#at);
        if (close === -1) throw this.#source.errorAt(this.#at, 'this variable is never closed with "}"');
        this.#at = close;
      } else if (/[\s;{]/.test(char)) break;
    }
    return { source: this.#source, start, end: this.#at, value: text.slice(start, this.#at) };
  }

  #skipBlank(): void {
    const blank = /(?:\s+|#[^\n]*)*/y;
    blank.lastIndex = this.#at;
    this.#at += blank.exec(this.#source.text)?.[0].length ?? 0;
  }

  /** Lua has braces of its own, and strings and comments that may hold any number of them (Lua 5.1, section 2.1). */
  #skipCode(start: number): void {
    const token = /(?:--)?\[(=*)\[.*?\]\1\]|--[^\n]*|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[{}]/gs;
    token.lastIndex = this.#at;
    for (let depth = 1; depth > 0;) {
      const found = token.exec(this.#source.text);
      if (!found) throw this.#source.errorAt(start, 'this block of code is never closed with "}"');
      if (found[0] === '{') depth += 1;
      if (found[0] === '}') depth -= 1;
      this.#at = token.lastIndex;
    }
  }

  #error(complaint: string): InputError {
    return this.#source.errorAt(Math.min(this.#at, this.#source.text.length), complaint);
  }
}
