import type { RootDatabase } from 'lmdb';
import type { Entry } from '../../../protocol/schema.ts';
import type { ReadLimit } from '../../message-log.ts';
import { blocksAfter, floorKey, lastOffsetOf, topicKey, type KeyRange } from './keys.ts';
import { decodeBlock, decodeTopic, type Block, type TopicRecord } from './records.ts';

/** LMDB's one tree of keys and values, as it is now, or within a transaction as that has it. */
export type Tree = RootDatabase<Buffer, Buffer>;

export function topicIn(tree: Tree, name: string): TopicRecord | undefined {
  const bytes = tree.getBinary(topicKey(name));
  return bytes && decodeTopic(bytes);
}

/** A topic that the log knows nothing of goes on above all that were forgotten. */
export function floorIn(tree: Tree): number {
  return tree.getBinary(floorKey)?.readUIntBE(0, 6) ?? 0;
}

/** The first block that holds something after an offset; its key alone when it cannot be read. */
export function blockAfter(
  tree: Tree,
  topic: string,
  offset: number,
): { key: Buffer; block?: Block } | undefined {
  for (const { key, value } of rangeIn(tree, blocksAfter(topic, offset), 1)) {
    try {
      return { key, block: decodeBlock(value, lastOffsetOf(key)) };
    } catch {
      return { key };
    }
  }
  return undefined;
}

/** What follows an offset, up to the limits, but one message at least when there is one. */
export function entriesAfter(tree: Tree, topic: string, after: number, limit: ReadLimit): Entry[] {
  const taken: Entry[] = [];
  let bytes = 0;
  for (const { key, value } of tree.getRange(blocksAfter(topic, after))) {
    for (const entry of decodeBlock(value, lastOffsetOf(key)).entries) {
      if (entry.offset <= after) continue;
      bytes += entry.payload.length;
      if (taken.length > 0 && (taken.length >= limit.messagesMax || bytes > limit.bytesMax)) return taken;
      taken.push(entry);
    }
  }
  return taken;
}

/** Gathered at once: nothing may be changed below a cursor that is still open. */
export function rangeIn(tree: Tree, range: KeyRange, limit: number): { key: Buffer; value: Buffer }[] {
  return [...tree.getRange({ ...range, limit })];
}
