import { crc32 } from 'node:zlib';
import { ByteReader, ByteWriter, take } from '../../../protocol/bytes.ts';
import type { Entry } from '../../../protocol/schema.ts';

/**
 * What stands under the keys. Numbers are the wire's varints: a message of 32 bytes in a block of many takes 33.
 */
const writer = new ByteWriter();
const CHECKSUM_BYTES = 4;

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
  return take(writer);
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

/** Behind its checksum: what a disk has altered is told, not delivered. */
export function encodeBlock(atMs: number, entries: readonly Entry[]): Uint8Array {
  writer.uint(atMs);
  writer.uint(entries.length);
  for (const { payload } of entries) writer.raw(payload);
  const body = take(writer);
  const block = Buffer.allocUnsafe(CHECKSUM_BYTES + body.length);
  block.writeUInt32BE(crc32(body), 0);
  block.set(body, CHECKSUM_BYTES);
  return block;
}

export function decodeBlock(block: Buffer, lastOffset: number): Block {
  const body = block.subarray(CHECKSUM_BYTES);
  if (block.length < CHECKSUM_BYTES || block.readUInt32BE(0) !== crc32(body)) throw unreadable();
  const reader = new ByteReader(body);
  const atMs = reader.uint();
  const count = reader.uint();
  const entries: Entry[] = [];
  for (let offset = lastOffset - count + 1; offset <= lastOffset && !reader.failed; offset++) {
    entries.push({ offset, payload: reader.raw() });
  }
  return checked(reader, { atMs, entries });
}

function checked<T>(reader: ByteReader, value: T): T {
  if (reader.failed) throw unreadable();
  return value;
}

function unreadable(): Error {
  return new Error('The log holds a record that cannot be read: its file is damaged.');
}
