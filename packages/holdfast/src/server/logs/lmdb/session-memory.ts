import { ByteReader, ByteWriter, take } from '../../../protocol/bytes.ts';

const writer = new ByteWriter();
const nothing = new Uint8Array(4);

/**
 * What a session has published, for its repeats: sequences with their offsets, for the newest of them. An append
 * only adds to the bytes and cuts from their front; a repeat, which is rare, reads them through. As bytes:
 *
 *   used at │ highest sequence │ number of pairs │ the sequence before them │ (sequence − the one before, offset)…
 */
export class SessionMemory {
  usedAtMs: number;
  highest: number;
  private readonly count: number;
  private readonly before: number;
  private readonly last: number;
  private readonly pairs: Uint8Array;
  private readonly fresh = new Map<number, number>();

  constructor(bytes: Uint8Array = nothing) {
    const reader = new ByteReader(bytes);
    [this.usedAtMs, this.highest] = [reader.uint(), reader.uint()];
    [this.count, this.before] = [reader.uint(), reader.uint()];
    this.last = this.highest;
    this.pairs = bytes.subarray(bytes.length - reader.remaining);
    if (reader.failed) throw new Error('The log holds a session that cannot be read: its file is damaged.');
  }

  /** Where a sequence was appended, if that is still remembered. */
  find(sequence: number): number | undefined {
    const reader = new ByteReader(this.pairs);
    let each = this.before;
    while (reader.remaining > 0 && each < sequence) {
      each += reader.uint();
      const offset = reader.uint();
      if (each === sequence) return offset;
    }
    return this.fresh.get(sequence);
  }

  /** Sequences only rise. */
  add(sequence: number, offset: number, nowMs: number): void {
    this.fresh.set(sequence, offset);
    this.highest = sequence;
    this.usedAtMs = nowMs;
  }

  /** With the newest `pairsMax` only. */
  encode(pairsMax: number): Uint8Array {
    const excess = Math.max(0, this.count + this.fresh.size - pairsMax);
    const dropped = Math.min(excess, this.count);
    const reader = new ByteReader(this.pairs);
    let { before } = this;
    for (let i = 0; i < dropped; i++) {
      before += reader.uint();
      reader.uint();
    }
    const fresh = [...this.fresh].slice(excess - dropped);
    for (const head of [this.usedAtMs, this.highest, this.count - dropped + fresh.length, before]) {
      writer.uint(head);
    }
    const head = take(writer);
    let { last } = this;
    for (const [sequence, offset] of fresh) {
      writer.uint(sequence - last);
      writer.uint(offset);
      last = sequence;
    }
    return Buffer.concat([head, this.pairs.subarray(this.pairs.length - reader.remaining), take(writer)]);
  }
}

/** Only the time, for the sweep that looks at all of them. */
export function usedAtMsOf(session: Uint8Array): number {
  return new ByteReader(session).uint();
}
