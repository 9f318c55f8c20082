import type { Entry } from '../../../protocol/schema.ts';
import type { Appended, LogConfig, Retention } from '../../message-log.ts';
import { blockKey, floorKey, formatKey, lastOffsetOf, sessionKey, topicKey } from './keys.ts';
import { encodeBlock, encodeTopic, type TopicRecord } from './records.ts';
import { isForgettable, isTooMuch } from './retained.ts';
import { SessionMemory, usedAtMsOf } from './session-memory.ts';
import { blockAfter, floorIn, topicIn, type Tree } from './tree.ts';

/** A block's payloads together: large enough to hold a busy turn's messages, small enough to be read for one. */
const BLOCK_BYTES_MAX = 16_384;
/** How many blocks appends may free on their way beyond those that they make, so that a topic shrinks to its bounds. */
const BLOCKS_FREED_MAX = 8;

interface OpenTopic {
  record: TopicRecord;
  retention: Retention;
  /** Appended in this transaction, and not yet written. */
  fresh: Entry[];
  freshAtMs: number;
}

interface OpenSession {
  memory: SessionMemory;
  pairsMax: number;
}

/**
 * What is done between one flush to disk and the next, for whoever asked meanwhile. Topics and sessions are read
 * once and written once, however many messages they get; all of it is kept, or nothing.
 */
export class Transaction {
  /** What each topic got. */
  readonly appended = new Map<string, Entry[]>();
  readonly tree: Tree;
  private readonly epoch: number;
  private readonly topics = new Map<string, OpenTopic>();
  private readonly sessions = new Map<string, OpenSession>();

  constructor(tree: Tree, epoch: number) {
    this.tree = tree;
    this.epoch = epoch;
  }

  append(
    config: LogConfig,
    name: string,
    session: string | undefined,
    sequence: number,
    payload: Uint8Array,
  ): Appended {
    const known = session === undefined ? undefined : this.openSession(session, config);
    const repeat = known && this.findRepeat(known.memory, sequence);
    if (repeat) return repeat;
    const topic = this.openTopic(name, config);
    const previous = topic.record.top;
    const offset = previous + 1;
    const nowMs = Math.max(0, Math.floor(config.nowMs()));
    if (topic.record.trimmedThrough === previous) topic.record.oldestAtMs = nowMs;
    topic.record.top = offset;
    topic.record.newestAtMs = nowMs;
    topic.record.bytes += payload.length;
    topic.fresh.push({ offset, payload });
    topic.freshAtMs = nowMs;
    known?.memory.add(sequence, offset, nowMs);
    return { status: 'appended', position: { epoch: this.epoch, offset }, previous };
  }

  /** Lets go what retention no longer covers, some blocks at most; gives the topics that are not done. */
  trim(config: LogConfig, names: readonly string[], blocksMax: number): readonly string[] {
    const nowMs = config.nowMs();
    let left = blocksMax;
    for (const [index, name] of names.entries()) {
      if (left <= 0) return names.slice(index);
      const topic = this.openTopic(name, config);
      // What this transaction adds is not in the tree yet, and would pass for gone; it trims its topic itself.
      if (topic.fresh.length > 0) continue;
      // A topic's own record is written, too: it counts as a block.
      left -= 1 + this.trimTopic(name, topic, nowMs, left);
      if (isTooMuch(topic.record, topic.retention, topic.record.oldestAtMs, nowMs)) return names.slice(index);
      if (isForgettable(topic.record, nowMs)) this.forget(name, topic.record.top);
    }
    return [];
  }

  /** Drops sessions that are still unused, now that nobody else can write. */
  forgetSessions(keys: readonly Buffer[], usedBeforeMs: number): void {
    for (const key of keys) {
      const bytes = this.tree.getBinary(key);
      if (bytes && usedAtMsOf(bytes) < usedBeforeMs) void this.tree.remove(key);
    }
  }

  /** Writes something that changes nothing. */
  probe(): void {
    const format = this.tree.getBinary(formatKey);
    if (format) this.put(formatKey, format);
  }

  /** Writes what was gathered. */
  finish(): void {
    for (const [name, topic] of this.topics) {
      if (topic.fresh.length > 0) {
        this.appended.set(name, topic.fresh);
        const made = this.writeBlocks(name, topic);
        this.trimTopic(name, topic, topic.freshAtMs, made + BLOCKS_FREED_MAX);
      }
      this.put(topicKey(name), encodeTopic(topic.record));
    }
    for (const [name, { memory, pairsMax }] of this.sessions) {
      this.put(sessionKey(name), memory.encode(pairsMax));
    }
  }

  put(key: Buffer, value: Uint8Array): void {
    // Within a transaction a put is carried out at once, and what it returns is no promise to wait for.
    void this.tree.put(key, value as Buffer);
  }

  private findRepeat(memory: SessionMemory, sequence: number): Appended | undefined {
    if (sequence > memory.highest) return undefined;
    const offset = memory.find(sequence);
    if (offset === undefined) return { status: 'stale' };
    return { status: 'duplicate', position: { epoch: this.epoch, offset }, previous: offset - 1 };
  }

  private openSession(name: string, { dedupWindow }: LogConfig): OpenSession {
    let session = this.sessions.get(name);
    if (!session) {
      session = { memory: new SessionMemory(this.tree.getBinary(sessionKey(name))), pairsMax: dedupWindow };
      this.sessions.set(name, session);
    }
    return session;
  }

  private openTopic(name: string, config: LogConfig): OpenTopic {
    let topic = this.topics.get(name);
    if (!topic) {
      const record = topicIn(this.tree, name) ?? emptyTopic(floorIn(this.tree));
      topic = { record, retention: config.retentionOf(name), fresh: [], freshAtMs: 0 };
      this.topics.set(name, topic);
    }
    return topic;
  }

  /** Gives how many there are. */
  private writeBlocks(name: string, { fresh, freshAtMs }: OpenTopic): number {
    let made = 0;
    let start = 0;
    let bytes = 0;
    for (const [index, { offset, payload }] of fresh.entries()) {
      bytes += payload.length;
      const next = fresh[index + 1];
      if (next && bytes + next.payload.length <= BLOCK_BYTES_MAX) continue;
      this.put(blockKey(name, offset), encodeBlock(freshAtMs, fresh.slice(start, index + 1)));
      made++;
      start = index + 1;
      bytes = 0;
    }
    return made;
  }

  /** Gives how many blocks it freed. */
  private trimTopic(
    name: string,
    { record, retention }: OpenTopic,
    nowMs: number,
    blocksMax: number,
  ): number {
    for (let freed = 0; freed < blocksMax; freed++) {
      if (!isTooMuch(record, retention, record.oldestAtMs, nowMs)) return freed;
      const { key, block } = blockAfter(this.tree, name, record.trimmedThrough) ?? {};
      if (block) record.oldestAtMs = block.atMs;
      for (const { offset, payload } of block?.entries ?? []) {
        if (offset <= record.trimmedThrough) continue;
        if (!isTooMuch(record, retention, record.oldestAtMs, nowMs)) return freed;
        record.trimmedThrough = offset;
        record.bytes -= payload.length;
      }
      // What the disk has damaged goes like the rest: one topic's damage must not stop the others' appends.
      record.trimmedThrough = key ? lastOffsetOf(key) : record.top;
      if (record.trimmedThrough === record.top) record.bytes = 0;
      if (key) void this.tree.remove(key);
    }
    return blocksMax;
  }

  private forget(name: string, top: number): void {
    this.topics.delete(name);
    void this.tree.remove(topicKey(name));
    const floor = Buffer.alloc(6);
    floor.writeUIntBE(Math.max(top, floorIn(this.tree)), 0, 6);
    this.put(floorKey, floor);
  }
}

function emptyTopic(top: number): TopicRecord {
  return { top, trimmedThrough: top, bytes: 0, oldestAtMs: 0, newestAtMs: 0 };
}
