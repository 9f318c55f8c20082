import { ByteReader, ByteWriter } from '../../../protocol/bytes.ts';
import type { Entry } from '../../../protocol/schema.ts';

/**
 * What stands under the keys. Numbers are the wire's varints: a message of 32 bytes in a block of many costs 33.
 */
const writer = new ByteWriter();

/** Offsets are contiguous: a topic keeps those above `trimmedThrough`, up to `top`. */
export interface TopicRecord {
  top: number;
  trimmedThrough: number;
  /** Of the payloads that are kept. */
  bytes: number;
  /** When the oldest of them was appended, and the newest ever. */
  oldestAtMs: number;
  newestAtMs: number;
}

export function encodeTopic(topic: TopicRecord): Uint8Array {
  writer.uint(topic.top);
  writer.uint(topic.trimmedThrough);
  writer.uint(topic.bytes);
  writer.uint(topic.oldestAtMs);
  writer.uint(topic.newestAtMs);
  return writer.take();
}

export function decodeTopic(bytes: Uint8Array): TopicRecord {
  const reader = new ByteReader(bytes);
  const [top, trimmedThrough] = [reader.uint(), reader.uint()];
  const topic = { top, trimmedThrough, bytes: reader.uint(), oldestAtMs: reader.uint() };
  return checked(reader, { ...topic, newestAtMs: reader.uint() });
}

/** Messages of one topic that were appended in one transaction: one entry of the tree for all of them. */
export interface Block {
  atMs: number;
  entries: Entry[];
}

export function encodeBlock(atMs: number, entries: readonly Entry[]): Uint8Array {
  writer.uint(atMs);
  writer.uint(entries.length);
  for (const { payload } of entries) writer.raw(payload);
  return writer.take();
}

export function decodeBlock(bytes: Uint8Array, lastOffset: number): Block {
  const reader = new ByteReader(bytes);
  const atMs = reader.uint();
  const count = reader.uint();
  const entries: Entry[] = [];
  for (let offset = lastOffset - count + 1; offset <= lastOffset && !reader.failed; offset++) {
    entries.push({ offset, payload: reader.raw() });
  }
  return checked(reader, { atMs, entries });
}

function checked<T>(reader: ByteReader, value: T): T {
  if (reader.failed) throw new Error('The log holds a record that cannot be read: its file is damaged.');
  return value;
}
