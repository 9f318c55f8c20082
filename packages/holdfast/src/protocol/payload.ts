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
