/** RFC 6455, section 5.2. */
export const opcode = { text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/**
 * A client's frame. The masking key is zero: the server unmasks as always, while the generator, which is not
 * what is measured, has nothing to do.
 */
export function clientFrame(code: number, payload: Buffer): Buffer {
  const header = frameHeader(code, payload.length);
  return Buffer.concat([header, Buffer.alloc(4), payload]);
}

function frameHeader(code: number, length: number): Buffer {
  if (length < 126) return Buffer.from([0x80 | code, 0x80 | length]);
  const header = Buffer.alloc(length < 65_536 ? 4 : 10);
  header[0] = 0x80 | code;
  header[1] = 0x80 | (length < 65_536 ? 126 : 127);
  if (length < 65_536) header.writeUInt16BE(length, 2);
  else header.writeBigUInt64BE(BigInt(length), 2);
  return header;
}

/** The same frame over and over, joined once for each count that is asked for. */
export function repeatedFrame(frame: Buffer): (count: number) => Buffer {
  const joined: Buffer[] = [];
  return (count) => (joined[count] ??= Buffer.concat(Array.from({ length: count }, () => frame)));
}

export type OnFrame = (code: number, bytes: Buffer, start: number, end: number) => void;

/**
 * Walks the server's whole frames in `bytes` from `start`, and returns where the first incomplete one begins.
 * Fragments are not joined: no peer here fragments what it sends.
 */
export function walkFrames(bytes: Buffer, start: number, onFrame: OnFrame): number {
  let at = start;
  while (at + 2 <= bytes.length) {
    let length = (bytes[at + 1] as number) & 0x7f;
    let payload = at + 2;
    if (length === 126) {
      if (at + 4 > bytes.length) return at;
      length = bytes.readUInt16BE(at + 2);
      payload = at + 4;
    } else if (length === 127) {
      if (at + 10 > bytes.length) return at;
      length = Number(bytes.readBigUInt64BE(at + 2));
      payload = at + 10;
    }
    const end = payload + length;
    if (end > bytes.length) return at;
    onFrame((bytes[at] as number) & 0x0f, bytes, payload, end);
    at = end;
  }
  return at;
}
