const CHUNK_BYTES = 524_288;
/** Beyond it a payload has memory of its own, so that a chunk's unused end stays a small part of it. */
const SHARING_BYTES_MAX = CHUNK_BYTES / 4;
/** Emptied chunks that wait for the next topic in need of one. */
const SPARES_MAX = 4;

interface Chunk {
  readonly bytes: Uint8Array;
  filled: number;
  /** Payloads in it that are not dropped. */
  kept: number;
  /** Somebody was given one of them, and may have it still. */
  isLent: boolean;
}

export interface StoredPayload {
  readonly chunk: Chunk;
  readonly start: number;
  readonly end: number;
  readonly atMs: number;
}

/**
 * A topic's payloads, side by side in chunks of memory. A chunk that is emptied is written to again, unless it was
 * read from. As objects of their own payloads would be old by the time that they are garbage, and outside the heap:
 * V8 collects the whole heap for every few MiB of those.
 */
export class PayloadMemory {
  /** All payloads that are kept. */
  bytes = 0;
  private open: Chunk | undefined;
  private readonly spares: Uint8Array[];

  /** The spares are shared by all topics of a log. */
  constructor(spares: Uint8Array[]) {
    this.spares = spares;
  }

  add(payload: Uint8Array, atMs: number): StoredPayload {
    const { length } = payload;
    const chunk = this.chunkFor(length);
    const start = chunk.filled;
    const end = start + length;
    chunk.bytes.set(payload, start);
    chunk.filled = end;
    chunk.kept++;
    this.bytes += length;
    return { chunk, start, end, atMs };
  }

  /** What stands there stays as it is, however long the reader keeps it. */
  read({ chunk, start, end }: StoredPayload): Uint8Array {
    chunk.isLent = true;
    return chunk.bytes.subarray(start, end);
  }

  drop({ chunk, start, end }: StoredPayload): void {
    this.bytes -= end - start;
    if (--chunk.kept > 0) return;
    if (chunk === this.open) this.open = undefined;
    const { bytes, isLent } = chunk;
    if (!isLent && bytes.length === CHUNK_BYTES && this.spares.length < SPARES_MAX) this.spares.push(bytes);
  }

  private chunkFor(length: number): Chunk {
    const { open } = this;
    if (open && open.filled + length <= open.bytes.length) return open;
    if (length > SHARING_BYTES_MAX) return chunkOf(new Uint8Array(length));
    // What is unused stays a small part of what is kept, in a small topic, too.
    const count = Math.max(length, Math.min(CHUNK_BYTES, this.bytes >> 2));
    const spare = count === CHUNK_BYTES ? this.spares.pop() : undefined;
    this.open = chunkOf(spare ?? new Uint8Array(count));
    return this.open;
  }
}

function chunkOf(bytes: Uint8Array): Chunk {
  return { bytes, filled: 0, kept: 0, isLent: false };
}
