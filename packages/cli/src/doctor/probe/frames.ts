import { randomFillSync } from 'node:crypto';

export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** A longer payload is counted and thrown away: no test of the doctor asks for one. */
const KEPT_PAYLOAD_BYTES_MAX = 2 * 1024 * 1024;
/** No sane server sends a frame like this; believing its length would mean waiting for ever. */
const FRAME_BYTES_MAX = 256 * 1024 * 1024;

export interface Frame {
  readonly opcode: number;
  readonly final: boolean;
  readonly compressed: boolean;
  /** Empty when the payload was too long to keep. */
  readonly payload: Buffer;
  readonly payloadBytes: number;
}

/** One frame of a client, masked as RFC 6455, section 5.3 asks. */
export function encodeClientFrame(opcode: number, payload: Buffer): Buffer {
  const short = payload.length < 126;
  const extended = short ? 0 : payload.length < 65_536 ? 2 : 8;
  const head = Buffer.alloc(2 + extended + 4);
  head[0] = 0x80 | opcode;
  head[1] = 0x80 | (short ? payload.length : extended === 2 ? 126 : 127);
  if (extended === 2) head.writeUInt16BE(payload.length, 2);
  if (extended === 8) head.writeBigUInt64BE(BigInt(payload.length), 2);
  const mask = randomFillSync(head.subarray(2 + extended));
  const masked = Buffer.allocUnsafe(payload.length);
  for (let i = 0; i < payload.length; i += 1) masked[i] = payload[i]! ^ mask[i & 3]!;
  return Buffer.concat([head, masked]);
}

type FrameHead = Omit<Frame, 'payload'> & { readonly headBytes: number };

/** Takes a server's byte stream apart; memory stays bounded whatever lengths it claims. */
export class FrameReader {
  #pending: Buffer = Buffer.alloc(0);
  #skip: { head: FrameHead; bytesLeft: number } | null = null;
  #violation: string | null = null;
  readonly #isCompressed: boolean;

  /** `isCompressed`: permessage-deflate was negotiated. */
  constructor(isCompressed = false) {
    this.#isCompressed = isCompressed;
  }

  /** What broke RFC 6455; nothing is read after it. */
  get violation(): string | null {
    return this.#violation;
  }

  read(chunk: Buffer): readonly Frame[] {
    const frames: Frame[] = [];
    let bytes = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    while (this.#violation === null && bytes.length > 0) {
      if (this.#skip) {
        const taken = Math.min(this.#skip.bytesLeft, bytes.length);
        this.#skip.bytesLeft -= taken;
        bytes = bytes.subarray(taken);
        if (this.#skip.bytesLeft > 0) break;
        frames.push({ ...this.#skip.head, payload: Buffer.alloc(0) });
        this.#skip = null;
        continue;
      }
      const head = this.#readHead(bytes);
      if (!head) break;
      if (head.payloadBytes > KEPT_PAYLOAD_BYTES_MAX) {
        this.#skip = { head, bytesLeft: head.payloadBytes };
        bytes = bytes.subarray(head.headBytes);
        continue;
      }
      const end = head.headBytes + head.payloadBytes;
      if (bytes.length < end) break;
      frames.push({ ...head, payload: bytes.subarray(head.headBytes, end) });
      bytes = bytes.subarray(end);
    }
    this.#pending = bytes;
    return frames;
  }

  #readHead(bytes: Buffer): FrameHead | null {
    if (bytes.length < 2) return null;
    const first = bytes[0]!;
    const second = bytes[1]!;
    const opcode = first & 0x0f;
    const final = (first & 0x80) !== 0;
    if (second & 0x80) return this.#fail('the server masked a frame (RFC 6455, 5.1)');
    if (first & (this.#isCompressed ? 0x30 : 0x70))
      return this.#fail('a reserved bit was set that nobody negotiated (RFC 6455, 5.2)');
    if (opcode > 10 || (opcode > 2 && opcode < 8)) return this.#fail(`the opcode ${opcode} does not exist`);
    const short = second & 0x7f;
    if (opcode >= 8 && (short > 125 || !final)) {
      return this.#fail('a control frame was fragmented or longer than 125 bytes (RFC 6455, 5.5)');
    }
    const headBytes = short === 126 ? 4 : short === 127 ? 10 : 2;
    if (bytes.length < headBytes) return null;
    const payloadBytes =
      short === 126 ? bytes.readUInt16BE(2) : short === 127 ? Number(bytes.readBigUInt64BE(2)) : short;
    if (payloadBytes > FRAME_BYTES_MAX) return this.#fail(`a frame claims to hold ${payloadBytes} bytes`);
    return { opcode, final, compressed: (first & 0x40) !== 0, payloadBytes, headBytes };
  }

  #fail(what: string): null {
    this.#violation = what;
    return null;
  }
}
