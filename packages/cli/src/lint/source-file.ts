/** A file that cannot be checked. Its message is one sentence that a user can act on. */
export class InputError extends Error {}

export interface Position {
  /** From 1. */
  readonly line: number;
  /** From 1, in UTF-16 units. */
  readonly column: number;
}

/** The text of one file, and where each of its characters stands. */
export class SourceFile {
  readonly path: string;
  readonly text: string;
  readonly #lineStarts: number[] = [0];

  constructor(path: string, text: string) {
    this.path = path;
    this.text = text;
    for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) {
      this.#lineStarts.push(at + 1);
    }
  }

  positionAt(offset: number): Position {
    let low = 0;
    let high = this.#lineStarts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#lineStarts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: offset - (this.#lineStarts[low] ?? 0) + 1 };
  }

  /** The white space before the text of the line in which this offset stands. */
  indentAt(offset: number): string {
    const start = this.text.lastIndexOf('\n', offset - 1) + 1;
    return /^[ \t]*/.exec(this.text.slice(start))?.[0] ?? '';
  }

  /** A sentence of a parser about a place in this file. */
  errorAt(offset: number, complaint: string): InputError {
    const { line, column } = this.positionAt(offset);
    return new InputError(`${this.path}:${line}:${column}: ${complaint}`);
  }
}

/** A piece of a file, from `start` up to `end`. */
export interface Place {
  readonly source: SourceFile;
  readonly start: number;
  readonly end: number;
}
