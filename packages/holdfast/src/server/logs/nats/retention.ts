import type { LogConfig } from '../../message-log.ts';
import type { Connection } from './connection.ts';
import type { History } from './history.ts';
import type { KeptStream } from './stream.ts';
import type { Subjects } from './subjects.ts';

/** What this node knows of a topic since it last looked. */
interface Known {
  /** The floor, and the sequence of the message that holds it. */
  floor: number;
  floorAt: number;
  /** Messages above the floor and up to `scanned`, and their payloads together. */
  count: number;
  bytes: number;
  scanned: number;
  oldestAtMs: number;
  /** How many the stream held, those below the floor too. */
  stored: number;
  purged: number;
}

/** Beyond so many topics, looking at all of them is done less often: a millisecond later for each. */
const TOPICS_MANY = 10_000;
const AT_ONCE = 8;
/** Of one topic at a time; a node that has just started gets to know a long one bit by bit. */
const SCAN_MAX = 5_000;

export interface RetentionParts {
  connection: Connection;
  stream: KeptStream;
  subjects: Subjects;
  history: History;
  config: LogConfig;
  /** Nothing is left of a topic. */
  forgotten: (topic: string) => void;
}

/**
 * What topics keep. Each topic has a floor, a message in the stream that says through where it was trimmed: what is at
 * or below it is gone for every reader at once. From the stream it is removed later, when the duplicate window has
 * passed over it: a server that restarts reads from its messages which ids it must not take again. The message at the
 * floor itself stays, so that the next one's `Nats-Last-Sequence` continues the chain.
 *
 * So after a `trim` the bounds hold exactly for readers, but for topics to which more was added since than is looked at
 * at a time. What the stream holds beyond them is what came within the duplicate window, and a message for each topic.
 */
export class Retention {
  private readonly known = new Map<string, Known>();
  /** Sequences that the stream had reached, and when; the first is the newest whose window has passed. */
  private readonly passed: { sequence: number; atMs: number }[] = [];
  private readonly asked = new Map<string, Promise<number>>();
  private running: Promise<void> | undefined;
  private nextAtMs = 0;
  private burntAtMs = performance.now();
  private readonly windowMs: number;
  private readonly parts: RetentionParts;

  constructor(parts: RetentionParts, windowMs: number) {
    this.parts = parts;
    this.windowMs = windowMs;
  }

  /** What is at or below this offset is gone. Many ask at once when a node dies: they share an answer. */
  floorOf(topic: string): Promise<number> {
    let asked = this.asked.get(topic);
    if (!asked) {
      asked = this.readFloor(topic)
        .then(({ floor }) => floor)
        .finally(() => this.asked.delete(topic));
      this.asked.set(topic, asked);
    }
    return asked;
  }

  trim(): Promise<void> {
    this.running ??= this.trimAll().finally(() => (this.running = undefined));
    return this.running;
  }

  forget(): void {
    this.known.clear();
    this.passed.length = 0;
  }

  private async trimAll(): Promise<void> {
    if (performance.now() < this.nextAtMs) return;
    const { connection, stream, subjects } = this.parts;
    const info = await connection.persist(() =>
      connection.manager.streams.info(stream.name, { subjects_filter: subjects.allTopics }),
    );
    this.passed.push({ sequence: info.state.last_seq, atMs: performance.now() });
    const topics = Object.entries(info.state.subjects ?? {});
    this.nextAtMs = performance.now() + Math.max(0, topics.length - TOPICS_MANY);
    const work = topics.values();
    await Promise.all(Array.from({ length: AT_ONCE }, () => this.trimSome(work)));
    // Those that another node has forgotten.
    for (const topic of this.known.keys()) {
      if (!info.state.subjects?.[subjects.topic(topic)]) this.forgotten(topic);
    }
    await this.purgeBurnt();
  }

  private async trimSome(topics: Iterable<[subject: string, stored: number]>): Promise<void> {
    for (const [subject, stored] of topics) {
      const topic = this.parts.subjects.topicOf(subject);
      if (topic === undefined) continue;
      const known = this.known.get(topic);
      // The floor that was there at the last look: by now no reader relies on what is below.
      if (known) await this.purge(subject, known);
      try {
        await this.trimTopic(topic, stored);
      } catch (error) {
        // What was counted half-way is worth nothing.
        this.known.delete(topic);
        throw error;
      }
    }
  }

  private async trimTopic(topic: string, stored: number): Promise<void> {
    const { history, stream, subjects, config } = this.parts;
    const { countMax, bytesMax, ageMaxMs, isTransient = false } = config.retentionOf(topic);
    const nowMs = config.nowMs();
    let known = this.known.get(topic);
    if (isTransient && known?.count === 0 && known.stored === stored) return this.forgetEmpty(topic, known);
    if (known && known.stored === stored && nowMs - known.oldestAtMs <= ageMaxMs) return;
    const { floor, at } = await this.readFloor(topic);
    if (!known || known.floor !== floor) {
      known = {
        floor,
        floorAt: at,
        count: 0,
        bytes: 0,
        scanned: floor,
        oldestAtMs: Infinity,
        stored,
        purged: 0,
      };
      this.known.set(topic, known);
    }
    const seen = known;
    seen.stored = stored;
    let left = SCAN_MAX;
    await history.scan(topic, seen.scanned + 1, ({ sequence, size, atMs }) => {
      if (seen.count++ === 0) seen.oldestAtMs = atMs;
      seen.bytes += size;
      seen.scanned = sequence;
      return --left > 0;
    });
    // There is more to look at next time.
    if (left === 0) seen.stored = -1;
    const fits = (atMs: number): boolean =>
      seen.count <= countMax && seen.bytes <= bytesMax && nowMs - atMs <= ageMaxMs;
    if (seen.count === 0 || fits(seen.oldestAtMs)) return;
    let through = floor;
    await history.scan(topic, floor + 1, ({ sequence, size, atMs }) => {
      if (sequence > seen.scanned || fits(atMs)) {
        seen.oldestAtMs = atMs;
        return false;
      }
      through = sequence;
      seen.count--;
      seen.bytes -= size;
      if (seen.count === 0) seen.oldestAtMs = Infinity;
      return seen.count > 0;
    });
    const text = new TextEncoder().encode(String(through));
    // Another node that was faster has done the same work, or will next time.
    if (!(await stream.replace(subjects.floor(topic), seen.floorAt, text))) this.known.delete(topic);
    else
      Object.assign(seen, await this.readFloor(topic).then((now) => ({ floor: now.floor, floorAt: now.at })));
  }

  /** Removes what is below the floor, and so old that no server needs its id any more. */
  private async purge(subject: string, known: Known): Promise<void> {
    const through = Math.min(known.floor, this.passedThrough());
    if (through <= known.purged) return;
    const { connection, stream } = this.parts;
    const { purged } = await connection.manager.streams.purge(stream.name, { filter: subject, seq: through });
    known.purged = through;
    if (known.stored > 0) known.stored -= purged;
  }

  /**
   * Leaves nothing of an empty topic, once no server needs the id of its floor any more. The floor goes first: should
   * this end half-way, what the topic held last is there again, until it is dropped again.
   */
  private async forgetEmpty(topic: string, { floor, floorAt }: Known): Promise<void> {
    if (floorAt === 0 || floorAt > this.passedThrough()) return;
    const { connection, stream, subjects } = this.parts;
    const { streams } = connection.manager;
    await streams.purge(stream.name, { filter: subjects.floor(topic), seq: floorAt + 1 });
    await streams.purge(stream.name, { filter: subjects.topic(topic), seq: floor + 1 });
    this.forgotten(topic);
  }

  private forgotten(topic: string): void {
    this.known.delete(topic);
    this.parts.forgotten(topic);
  }

  private async purgeBurnt(): Promise<void> {
    if (performance.now() - this.burntAtMs < this.windowMs) return;
    this.burntAtMs = performance.now();
    const { connection, stream, subjects } = this.parts;
    await connection.manager.streams.purge(stream.name, {
      filter: subjects.allBurnt,
      seq: this.passedThrough(),
    });
  }

  /** A sequence that the stream had reached before the duplicate window. */
  private passedThrough(): number {
    const untilMs = performance.now() - this.windowMs;
    while (this.passed.length > 1 && this.passed[1]!.atMs < untilMs) this.passed.shift();
    const [first] = this.passed;
    return first && first.atMs < untilMs ? first.sequence : 0;
  }

  private async readFloor(topic: string): Promise<{ floor: number; at: number }> {
    const stored = await this.parts.history.newest(this.parts.subjects.floor(topic));
    if (!stored) return { floor: 0, at: 0 };
    return { floor: Number(new TextDecoder().decode(stored.payload)), at: stored.sequence };
  }
}
