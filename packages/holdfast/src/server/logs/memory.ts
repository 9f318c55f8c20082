import type { Position } from '../../protocol/position.ts';
import type { Entry } from '../../protocol/schema.ts';
import type { Appended, FollowedMessage, LogConfig, MessageLog, Page, ReadLimit } from '../message-log.ts';
import { checkBound, checkKeys } from '../option-checks.ts';
import { PayloadMemory, type StoredPayload } from './payload-memory.ts';

export interface MemoryLogOptions {
  /** All payloads together; beyond it, the topics that were silent longest lose their oldest first. 512 MiB. */
  totalBytesMax?: number;
  /**
   * What is remembered of clients' publishes, to know a repeat: some 500 bytes a session and 20 a publish, of the newest
   * `windowMax` of each. Beyond it, the sessions that published longest ago are forgotten. 256 MiB.
   */
  dedupBytesMax?: number;
}

/** Entries are contiguous: `entries[head]` is the oldest retained, and offsets rise by one. */
interface Topic {
  entries: StoredPayload[];
  head: number;
  /** The offset of the newest message, and of the newest one that is gone. */
  top: number;
  trimmedThrough: number;
  payloads: PayloadMemory;
  listeners: Set<(message: FollowedMessage) => void>;
}

/** The newest publishes of a session: their sequences, which rise, and where each was put. */
interface Dedup {
  sequences: number[];
  offsets: number[];
  usedAtMs: number;
}

const DEDUP_SESSION_BYTES = 500;
const DEDUP_PUBLISH_BYTES = 20;

/** Empty topics whose tops are kept: beyond these, whoever comes back to one may be told of a gap. */
const TOPS_MAX = 50_000;
/** This share of a maximum is freed beyond what is too much, so that it is not looked for with each append. */
const FREED_SHARE = 1 / 128;

/** The embedded default: topics in this process's memory, gone with it. Throws `invalid-option`. */
export function memoryLog(options: MemoryLogOptions = {}): MessageLog {
  const known = checkKeys('options', options, ['totalBytesMax', 'dedupBytesMax'], 'memoryLog');
  const { totalBytesMax = 512 * 1_048_576, dedupBytesMax = 256 * 1_048_576 } = known;
  checkBound('totalBytesMax', totalBytesMax, 'memoryLog');
  checkBound('dedupBytesMax', dedupBytesMax, 'memoryLog');
  return new MemoryLog(totalBytesMax, dedupBytesMax);
}

class MemoryLog implements MessageLog {
  /** In the order of the last append, so that the first is the one that was silent longest. */
  private readonly topics = new Map<string, Topic>();
  /** In the order of the last publish. */
  private readonly dedup = new Map<string, Dedup>();
  private dedupBytes = 0;
  private epoch = 0;
  private bytes = 0;
  private readonly spares: Uint8Array[] = [];
  /** Topics of which nothing is left, with their last offsets; those that were forgotten before are older. */
  private tops = new Map<string, number>();
  private olderTops = new Map<string, number>();
  /** The highest offset of a topic of which not even that is known: one that begins anew goes on above it. */
  private floor = 0;
  private secret = new Uint8Array(0);
  private config!: LogConfig;
  private readonly totalBytesMax: number;
  private readonly dedupBytesMax: number;

  constructor(totalBytesMax: number, dedupBytesMax: number) {
    this.totalBytesMax = totalBytesMax;
    this.dedupBytesMax = dedupBytesMax;
  }

  async open(config: LogConfig): Promise<void> {
    this.config = config;
    this.epoch = 1 + Math.floor(config.random() * 2 ** 48);
    this.secret = crypto.getRandomValues(new Uint8Array(32));
  }

  async key(): Promise<Uint8Array> {
    return this.secret;
  }

  async append(
    name: string,
    session: string | undefined,
    sequence: number,
    payload: Uint8Array,
  ): Promise<Appended> {
    const repeat = session === undefined ? undefined : this.findRepeat(session, sequence);
    if (repeat) return repeat;
    const topic = this.touch(name);
    const { epoch } = this;
    const previous = topic.top;
    const offset = ++topic.top;
    const atMs = this.config.nowMs();
    topic.entries.push(topic.payloads.add(payload, atMs));
    this.bytes += payload.length;
    if (session !== undefined) this.remember(session, sequence, offset);
    this.trimTopic(name, topic, atMs);
    if (this.bytes > this.totalBytesMax) this.trimTotal();
    for (const listener of topic.listeners) listener({ epoch, offset, previous, payload });
    return { status: 'appended', position: { epoch, offset }, previous };
  }

  async read(name: string, after: Position, limit: ReadLimit): Promise<Page> {
    const { epoch } = this;
    const topic = this.topics.get(name);
    const top = this.topOf(name);
    const floor = topic?.trimmedThrough ?? top;
    // A position beyond the top belongs to a life of the log that this one does not remember.
    const foreign = after.epoch !== epoch || after.offset > top;
    const previous = foreign ? floor : Math.max(after.offset, floor);
    const entries = topic ? takeEntries(topic, previous, limit) : [];
    if (foreign)
      return { gap: { to: { epoch, offset: previous }, reason: 'epoch' }, epoch, previous, entries };
    if (previous === after.offset) return { epoch, previous, entries };
    return { gap: { to: { epoch, offset: previous }, reason: 'retention' }, epoch, previous, entries };
  }

  broadcast(): void {
    // There is no other node: this memory is this process's own.
  }

  async top(name: string): Promise<Position> {
    return { epoch: this.epoch, offset: this.topOf(name) };
  }

  async before(name: string, count: number): Promise<Position> {
    const topic = this.topics.get(name);
    const offset = topic ? Math.max(topic.trimmedThrough, topic.top - count) : this.topOf(name);
    return { epoch: this.epoch, offset };
  }

  async follow(name: string, listener: (message: FollowedMessage) => void): Promise<() => void> {
    const topic = this.topicOf(name);
    topic.listeners.add(listener);
    return () => topic.listeners.delete(listener);
  }

  async trim(): Promise<void> {
    const nowMs = this.config.nowMs();
    for (const [name, topic] of this.topics) {
      this.trimTopic(name, topic, nowMs);
      if (topic.head < topic.entries.length || topic.listeners.size > 0) continue;
      this.topics.delete(name);
      this.forget(name, topic.top);
    }
    for (const [session, known] of this.dedup) {
      if (nowMs - known.usedAtMs <= this.config.dedupTtlMs) break;
      this.forgetSession(session, known);
    }
  }

  async close(): Promise<void> {
    this.topics.clear();
    this.tops.clear();
    this.olderTops.clear();
    this.dedup.clear();
  }

  private findRepeat(session: string, sequence: number): Appended | undefined {
    const known = this.dedup.get(session);
    if (!known || sequence > known.sequences.at(-1)!) return undefined;
    const offset = known.offsets[known.sequences.indexOf(sequence)];
    if (offset === undefined) return { status: 'stale' };
    return { status: 'duplicate', position: { epoch: this.epoch, offset }, previous: offset - 1 };
  }

  private remember(session: string, sequence: number, offset: number): void {
    let known = this.dedup.get(session);
    // Put at the end anew, so that the first is the one unused longest.
    if (known) this.dedup.delete(session);
    else {
      known = { sequences: [], offsets: [], usedAtMs: 0 };
      this.dedupBytes += DEDUP_SESSION_BYTES;
    }
    this.dedup.set(session, known);
    known.sequences.push(sequence);
    known.offsets.push(offset);
    known.usedAtMs = this.config.nowMs();
    this.dedupBytes += DEDUP_PUBLISH_BYTES;
    if (known.sequences.length > this.config.dedupWindow) {
      known.sequences.shift();
      known.offsets.shift();
      this.dedupBytes -= DEDUP_PUBLISH_BYTES;
    }
    if (this.dedupBytes > this.dedupBytesMax) this.trimDedup();
  }

  private trimDedup(): void {
    const enough = this.dedupBytesMax * (1 - FREED_SHARE);
    for (const [session, known] of this.dedup) {
      if (this.dedupBytes <= enough) return;
      this.forgetSession(session, known);
    }
  }

  private forgetSession(session: string, known: Dedup): void {
    this.dedup.delete(session);
    this.dedupBytes -= DEDUP_SESSION_BYTES + known.sequences.length * DEDUP_PUBLISH_BYTES;
  }

  private topOf(name: string): number {
    return this.topics.get(name)?.top ?? this.tops.get(name) ?? this.olderTops.get(name) ?? this.floor;
  }

  /** Who has all of an empty topic must not be told that something is missing, so its top is kept for a while. */
  private forget(name: string, top: number): void {
    this.tops.set(name, top);
    if (this.tops.size < TOPS_MAX / 2) return;
    // Half of them at once: each look for the oldest of a Map passes all that were deleted before it.
    for (const olderTop of this.olderTops.values()) this.floor = Math.max(this.floor, olderTop);
    this.olderTops = this.tops;
    this.tops = new Map();
  }

  private topicOf(name: string): Topic {
    let topic = this.topics.get(name);
    if (!topic) {
      const top = this.topOf(name);
      const payloads = new PayloadMemory(this.spares);
      topic = { entries: [], head: 0, top, trimmedThrough: top, payloads, listeners: new Set() };
      this.topics.set(name, topic);
      this.tops.delete(name);
      this.olderTops.delete(name);
    }
    return topic;
  }

  private touch(name: string): Topic {
    const topic = this.topicOf(name);
    this.topics.delete(name);
    this.topics.set(name, topic);
    return topic;
  }

  private trimTopic(name: string, topic: Topic, nowMs: number): void {
    const { countMax, bytesMax, ageMaxMs } = this.config.retentionOf(name);
    while (topic.head < topic.entries.length) {
      const oldest = topic.entries[topic.head]!;
      const count = topic.entries.length - topic.head;
      if (count <= countMax && topic.payloads.bytes <= bytesMax && nowMs - oldest.atMs <= ageMaxMs) return;
      this.dropOldest(topic);
    }
  }

  private trimTotal(): void {
    const enough = this.totalBytesMax * (1 - FREED_SHARE);
    for (const topic of this.topics.values()) {
      while (topic.head < topic.entries.length) {
        if (this.bytes <= enough) return;
        this.dropOldest(topic);
      }
    }
  }

  private dropOldest(topic: Topic): void {
    const oldest = topic.entries[topic.head]!;
    topic.payloads.drop(oldest);
    this.bytes -= oldest.end - oldest.start;
    topic.trimmedThrough++;
    // The slot is freed at once, the array in strides, so that trimming costs the same however long a topic is.
    topic.entries[topic.head++] = undefined as never;
    if (topic.head < 1_024 || topic.head * 2 < topic.entries.length) return;
    topic.entries = topic.entries.slice(topic.head);
    topic.head = 0;
  }
}

function takeEntries(topic: Topic, after: number, limit: ReadLimit): Entry[] {
  const { entries, head, trimmedThrough, payloads } = topic;
  const taken: Entry[] = [];
  let offset = after;
  let bytes = 0;
  for (let i = head + after - trimmedThrough; i < entries.length; i++) {
    const entry = entries[i]!;
    bytes += entry.end - entry.start;
    if (taken.length > 0 && (taken.length >= limit.messagesMax || bytes > limit.bytesMax)) break;
    taken.push({ offset: ++offset, payload: payloads.read(entry) });
  }
  return taken;
}
