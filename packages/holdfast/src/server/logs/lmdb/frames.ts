import { ByteReader, ByteWriter, take } from '../../../protocol/bytes.ts';

/** What neighbours tell each other: four bytes of length, one of the kind, and what belongs to it. */
export type Frame =
  | { kind: 'hello' }
  /** Topics that have new messages, with their tops. */
  | { kind: 'tops'; tops: ReadonlyMap<string, number> }
  /** Some tops were left out, since the neighbour did not read them: all topics may have news. */
  | { kind: 'look' }
  | { kind: 'broadcast'; message: Uint8Array };

/** Beyond what a node broadcasts or a transaction appends to. */
const FRAME_BYTES_MAX = 64 * 1_048_576;
const NAME_BYTES_MAX = 2_048;
const kinds = ['hello', 'tops', 'look', 'broadcast'] as const;
const writer = new ByteWriter();

export function encodeFrame(frame: Frame): Buffer {
  if (frame.kind === 'broadcast') writer.raw(frame.message);
  else if (frame.kind === 'tops') {
    for (const [name, top] of frame.tops) {
      writer.text(name);
      writer.uint(top);
    }
  }
  const body = take(writer);
  const bytes = Buffer.allocUnsafe(5 + body.length);
  bytes.writeUInt32BE(body.length, 0);
  bytes[4] = kinds.indexOf(frame.kind);
  bytes.set(body, 5);
  return bytes;
}

/** Cuts a stream into frames; undefined instead of a frame means that this is no neighbour. */
export class FrameReader {
  private pending: Buffer = Buffer.alloc(0);

  *take(chunk: Buffer): Iterable<Frame | undefined> {
    let bytes = this.pending.length === 0 ? chunk : Buffer.concat([this.pending, chunk]);
    while (bytes.length >= 5) {
      const length = bytes.readUInt32BE(0);
      if (length > FRAME_BYTES_MAX) return yield undefined;
      if (bytes.length < 5 + length) break;
      const frame = decode(bytes[4]!, bytes.subarray(5, 5 + length));
      yield frame;
      if (!frame) return;
      bytes = bytes.subarray(5 + length);
    }
    this.pending = bytes;
  }
}

function decode(kind: number, body: Buffer): Frame | undefined {
  const reader = new ByteReader(body);
  const frame = read(kinds[kind], reader);
  return reader.failed || reader.remaining > 0 ? undefined : frame;
}

function read(kind: (typeof kinds)[number] | undefined, reader: ByteReader): Frame | undefined {
  if (kind === 'broadcast') return { kind, message: reader.raw().slice() };
  if (kind === 'hello' || kind === 'look') return { kind };
  if (kind !== 'tops') return undefined;
  const tops = new Map<string, number>();
  while (reader.remaining > 0) tops.set(reader.text(NAME_BYTES_MAX), reader.uint());
  return { kind, tops };
}
