/**
 * Reading and writing of the wire's three primitives: uint, text and bytes. Nothing here throws on what a
 * peer sent: a reader that runs past its end, or meets a malformed value, turns `failed` and gives zeros.
 */

// Pure functions of every host (WHATWG Encoding); declared here because this folder compiles without a host.
declare class TextEncoder {
  encodeInto(source: string, destination: Uint8Array): { written: number };
}
declare class TextDecoder {
  constructor(label: string, options: { fatal: boolean; ignoreBOM: boolean });
  decode(bytes: Uint8Array): string;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

const SMALL_BYTES = 48;

/** Such as a socket; it has taken its copy when it returns. */
export interface Borrower {
  send(bytes: Uint8Array): void;
}

export class ByteWriter {
  #bytes = new Uint8Array(4_096);
  #length = 0;

  uint(value: number): void {
    this.#reserve(8);
    while (value > 127) {
      this.#bytes[this.#length++] = (value % 128) | 128;
      value = Math.floor(value / 128);
    }
    this.#bytes[this.#length++] = value;
  }

  text(value: string): void {
    // A UTF-16 unit becomes at most three bytes; the length in front is written once it is known.
    this.#reserve(value.length * 3 + 8);
    const start = this.#length + 5;
    const { written } = encoder.encodeInto(value, this.#bytes.subarray(start));
    this.uint(written);
    this.#bytes.copyWithin(this.#length, start, start + written);
    this.#length += written;
  }

  raw(value: Uint8Array): void {
    this.uint(value.length);
    this.#reserve(value.length);
    // The call into the engine costs more than a few bytes do.
    if (value.length > SMALL_BYTES) this.#bytes.set(value, this.#length);
    else for (let i = 0; i < value.length; i++) this.#bytes[this.#length + i] = value[i]!;
    this.#length += value.length;
  }

  get size(): number {
    return this.#length;
  }

  /** Lends the first `count` bytes written, all by default, for the time of the call, and drops them. */
  lend(borrower: Borrower, count = this.#length): void {
    try {
      borrower.send(this.#bytes.subarray(0, count));
    } finally {
      this.#drop(count);
    }
  }

  #drop(count: number): void {
    if (count < this.#length) this.#bytes.copyWithin(0, count, this.#length);
    this.#length -= count;
    // One huge message must not pin its memory for ever.
    if (this.#length === 0 && this.#bytes.length > 1_048_576) this.#bytes = new Uint8Array(4_096);
  }

  #reserve(count: number): void {
    const needed = this.#length + count;
    if (needed <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }
}

/** A copy of what was written; the writer is empty afterwards. */
export function take(writer: ByteWriter): Uint8Array {
  let taken!: Uint8Array;
  writer.lend({ send: (bytes) => (taken = bytes.slice()) });
  return taken;
}

export class ByteReader {
  failed = false;
  #at = 0;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get remaining(): number {
    return this.#bytes.length - this.#at;
  }

  uint(): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 8; i++) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) return this.fail(0);
      value += (byte & 127) * scale;
      if (byte < 128) {
        // One value, one encoding: a trailing zero group would be a second spelling.
        if ((byte === 0 && i > 0) || value > Number.MAX_SAFE_INTEGER) return this.fail(0);
        return value;
      }
      scale *= 128;
    }
    return this.fail(0);
  }

  text(bytesMax: number): string {
    const length = this.uint();
    if (length > bytesMax || length > this.remaining) return this.fail('');
    const start = this.#at;
    this.#at += length;
    // Names are short ASCII nearly always, and a loop beats the call into the host's decoder.
    let value = '';
    for (let i = start; i < this.#at; i++) {
      const byte = this.#bytes[i]!;
      if (byte > 127) return this.#decode(start);
      value += String.fromCharCode(byte);
    }
    return value;
  }

  /** A view, not a copy: whoever keeps it longer than the message copies it. */
  raw(): Uint8Array {
    const length = this.uint();
    if (length > this.remaining) return this.fail(new Uint8Array(0));
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  fail<T>(value: T): T {
    this.failed = true;
    this.#at = this.#bytes.length;
    return value;
  }

  #decode(start: number): string {
    try {
      return decoder.decode(this.#bytes.subarray(start, this.#at));
    } catch {
      return this.fail('');
    }
  }
}
