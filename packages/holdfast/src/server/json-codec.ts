import type { PayloadCodec } from '../protocol/payload.ts';

const nothing = Buffer.alloc(0);

/** JSON as `protocol/payload.ts` has it, by Node's own Buffers, which are several times faster on small values. */
export const nodeJsonCodec: PayloadCodec = {
  encode(value) {
    const text = JSON.stringify(value) as string | undefined;
    return text === undefined ? nothing : Buffer.from(text);
  },
  decode(bytes) {
    if (bytes.length === 0) return undefined;
    const buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    return JSON.parse(buffer.toString());
  },
};
