import { HoldfastError } from './error-codes.ts';

/** How an application's values become payload bytes. The server never looks inside what it relays. */
export interface PayloadCodec {
  /** Bytes that are not written to afterwards: they may still be on their way. */
  encode(value: unknown): Uint8Array;
  decode(bytes: Uint8Array): unknown;
}

declare class TextEncoder {
  encode(text: string): Uint8Array;
}
declare class TextDecoder {
  decode(bytes: Uint8Array): string;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const nothing = new Uint8Array(0);

/** The default: JSON in UTF-8 (RFC 8259). `undefined` is no JSON value, and travels as no bytes at all. */
export const jsonCodec: PayloadCodec = {
  encode(value) {
    const text = JSON.stringify(value) as string | undefined;
    return text === undefined ? nothing : encoder.encode(text);
  },
  decode(bytes) {
    return bytes.length === 0 ? undefined : JSON.parse(decoder.decode(bytes));
  },
};

/**
 * A codec that says what to do where it fails (SPEC ERR-1), and that gives bytes: text, as JSON.stringify gives it,
 * would travel as as many bytes that say nothing.
 */
export function checkedCodec(codec: PayloadCodec): PayloadCodec {
  return {
    encode(value) {
      try {
        const bytes = codec.encode(value);
        // Not by `instanceof`: a test's DOM has classes of its own.
        if (ArrayBuffer.isView(bytes)) return bytes;
      } catch (error) {
        fail((error as Error).message);
      }
      fail('it must give a Uint8Array');
    },
    decode(bytes) {
      try {
        return codec.decode(bytes);
      } catch (error) {
        fail((error as Error).message);
      }
    },
  };
}

function fail(why: string): never {
  throw new HoldfastError(
    'invalid-payload',
    `The codec failed: ${why}. Use the same at both ends, on what it can hold.`,
  );
}
