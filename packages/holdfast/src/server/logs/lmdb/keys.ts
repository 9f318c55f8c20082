/**
 * The keys of the log's one tree. Each begins with its kind; a topic's messages stand in the order of their
 * offsets, next to each other, because the name's length is in front of it.
 */
const FORMAT = 1;
const TOPIC = 2;
const MESSAGES = 3;
const SESSION = 4;
const NODE = 5;

export interface KeyRange {
  start: Buffer;
  end: Buffer;
}

/** What kind of file this is, and what is as old as it. */
export const formatKey = Buffer.from([FORMAT, 0]);
/** The highest offset of the topics that were forgotten. */
export const floorKey = Buffer.from([FORMAT, 1]);

export const allTopics: KeyRange = { start: Buffer.from([TOPIC]), end: Buffer.from([TOPIC + 1]) };
export const allSessions: KeyRange = { start: Buffer.from([SESSION]), end: Buffer.from([SESSION + 1]) };
export const allNodes: KeyRange = { start: Buffer.from([NODE]), end: Buffer.from([NODE + 1]) };

export function topicKey(name: string): Buffer {
  return named(TOPIC, name);
}

export function sessionKey(session: string): Buffer {
  return named(SESSION, session);
}

export function nodeKey(node: string): Buffer {
  return named(NODE, node);
}

/** The name in a key of a topic, a session or a node. */
export function nameOf(key: Buffer): string {
  return key.toString('utf8', 1);
}

/** A block of messages stands under the offset of its last, so that a seek finds the block that holds an offset. */
export function blockKey(topic: string, lastOffset: number): Buffer {
  const length = Buffer.byteLength(topic);
  const key = Buffer.allocUnsafe(9 + length);
  key[0] = MESSAGES;
  key.writeUInt16BE(length, 1);
  key.write(topic, 3);
  // Offsets are below 2⁵³; 48 bits last for nine years of a million messages a second.
  key.writeUIntBE(lastOffset, 3 + length, 6);
  return key;
}

export function lastOffsetOf(key: Buffer): number {
  return key.readUIntBE(key.length - 6, 6);
}

export function isBlockKey(key: Buffer): boolean {
  return key[0] === MESSAGES;
}

/** The blocks that hold what follows an offset. */
export function blocksAfter(topic: string, offset: number): KeyRange {
  return { start: blockKey(topic, offset + 1), end: blockKey(topic, 2 ** 48 - 1) };
}

/** The first key that can follow this one. */
export function keyAfter(key: Buffer): Buffer {
  return Buffer.concat([key, Buffer.from([0])]);
}

function named(kind: number, name: string): Buffer {
  const key = Buffer.allocUnsafe(1 + Buffer.byteLength(name));
  key[0] = kind;
  key.write(name, 1);
  return key;
}
