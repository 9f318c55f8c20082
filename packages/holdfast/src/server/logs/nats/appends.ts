import type { PubAck } from '@nats-io/jetstream';
import type { Appended } from '../../message-log.ts';
import type { Connection } from './connection.ts';
import { hadNoTaker } from './failures.ts';
import type { Feed } from './feed.ts';
import type { History } from './history.ts';
import { Lane } from './lane.ts';
import { TIME_HEADER } from './reader.ts';
import type { Place, Repeats } from './repeats.ts';
import type { KeptStream } from './stream.ts';
import { encodeToken, type Subjects } from './subjects.ts';

/** How many appends to a topic, without a session, are on their way at a time. */
const WIDTH = 128;
/** How far back it is looked for sequences that were passed over, of a session that this node does not know. */
const PASSED_OVER_MAX = 16;

export interface AppendParts {
  connection: Connection;
  stream: KeptStream;
  subjects: Subjects;
  feed: Feed;
  history: History;
  repeats: Repeats;
  /** New with every start. */
  node: string;
  nowMs: () => number;
}

/**
 * Appends. JetStream adds a message only once by its id, here `session:sequence`, which is what makes a repeat harmless
 * on whatever node it comes. Two things are built on that:
 *
 * - A session's publishes go one after the other, the next when the one before is settled. So the stream never holds a
 *   later one without the earlier, even when a leader or this node is lost between them.
 * - A sequence that was passed over is burnt before a later one is added: its id is used up by a message that no topic
 *   has. Whoever comes with it later finds the id taken, and by looking at what took it, that it is stale.
 */
export class Appends {
  private readonly lanes = new Map<string, Lane<Appended>>();
  private count = 0;
  private readonly parts: AppendParts;

  constructor(parts: AppendParts) {
    this.parts = parts;
  }

  append(
    topic: string,
    session: string | undefined,
    sequence: number,
    payload: Uint8Array,
  ): Promise<Appended> {
    const { deadlineMs } = this.parts.connection;
    const copy = new Uint8Array(payload);
    if (session === undefined) {
      const id = `${this.parts.node}:${++this.count}`;
      return this.lane(`topic ${topic}`, WIDTH).do(() => this.add(topic, id, copy, deadlineMs), deadlineMs);
    }
    const attempt = (): Promise<Appended> => this.addOnce(topic, session, sequence, copy, deadlineMs);
    return this.lane(`session ${session}`, 1).do(attempt, deadlineMs);
  }

  /** What has no session has an id of its own, so that another attempt adds nothing. */
  private async add(topic: string, id: string, payload: Uint8Array, deadlineMs: number): Promise<Appended> {
    await this.parts.connection.ready(deadlineMs);
    const { seq } = await this.publish(topic, id, payload);
    const previous = await this.previousSoon(topic, seq);
    return { status: 'appended', position: { epoch: this.parts.stream.epoch, offset: seq }, previous };
  }

  private async addOnce(
    topic: string,
    session: string,
    sequence: number,
    payload: Uint8Array,
    deadlineMs: number,
  ): Promise<Appended> {
    const { connection, repeats, stream, nowMs } = this.parts;
    // First: what is known may no longer be true when the connection is back.
    await connection.ready(deadlineMs);
    const place = repeats.find(session, sequence);
    if (place) return duplicate(stream.epoch, place);
    const highest = repeats.highestOf(session);
    if (highest !== undefined && sequence <= highest) {
      const taken = await this.burn(session, sequence);
      return taken === undefined ? { status: 'stale' } : this.findOut(session, sequence, taken);
    }
    await this.burnPassedOver(session, sequence, highest);
    const ack = await this.publish(topic, idOf(session, sequence), payload);
    if (ack.duplicate) return this.findOut(session, sequence, ack.seq);
    const offset = ack.seq;
    const previous = await this.previousSoon(topic, offset);
    repeats.remember(session, sequence, { offset, previous }, nowMs());
    return { status: 'appended', position: { epoch: stream.epoch, offset }, previous };
  }

  private async burnPassedOver(
    session: string,
    sequence: number,
    highest: number | undefined,
  ): Promise<void> {
    const lowest = Math.max(1, highest === undefined ? 1 : highest + 1, sequence - PASSED_OVER_MAX);
    // Downwards: where one is taken, whoever took it has seen to all below.
    for (let passed = sequence - 1; passed >= lowest; passed--) {
      if ((await this.burn(session, passed)) !== undefined) return;
    }
  }

  /** Uses up an id; gives the sequence in the stream of what had used it before, if anything. */
  private async burn(session: string, sequence: number): Promise<number | undefined> {
    const { connection, subjects } = this.parts;
    const settings = { id: idOf(session, sequence) };
    const ack = await connection.publish(subjects.burnt(session), new Uint8Array(0), settings);
    return ack.duplicate ? ack.seq : undefined;
  }

  /** What a repeat repeats, of which only the place in the stream is known. */
  private async findOut(session: string, sequence: number, offset: number): Promise<Appended> {
    const { history, subjects, repeats, stream, nowMs } = this.parts;
    const subject = await history.subjectAt(offset);
    const topic = subject === undefined ? undefined : subjects.topicOf(subject);
    if (subject !== undefined && topic === undefined) return { status: 'stale' };
    // A message that is gone has no one before it any more.
    const previous = topic === undefined ? offset - 1 : await this.previousOf(topic, offset);
    repeats.remember(session, sequence, { offset, previous }, nowMs());
    return duplicate(stream.epoch, { offset, previous });
  }

  private async publish(topic: string, id: string, payload: Uint8Array): Promise<PubAck> {
    const { connection, stream, subjects, feed, nowMs } = this.parts;
    feed.expect(topic);
    const headers = { [TIME_HEADER]: String(nowMs()) };
    try {
      const ack = await connection.publish(subjects.topic(topic), payload, { id, headers });
      stream.note(ack.seq, id);
      return ack;
    } catch (error) {
      // Nobody takes it: the stream has no leader now, or is no more.
      if (hadNoTaker(error)) await stream.verify();
      throw error;
    }
  }

  /** The offset before a message of a topic; 0 when it is the first. */
  async previousOf(topic: string, offset: number): Promise<number> {
    const { feed, history } = this.parts;
    return feed.known(offset) ?? history.before(topic, offset);
  }

  /** The same for one that was added just now: the node is about to hear it. */
  private async previousSoon(topic: string, offset: number): Promise<number> {
    return (await this.parts.feed.hearPrevious(offset)) ?? this.previousOf(topic, offset);
  }

  private lane(key: string, width: number): Lane<Appended> {
    let lane = this.lanes.get(key);
    if (!lane) {
      lane = new Lane(width, () => this.lanes.delete(key));
      this.lanes.set(key, lane);
    }
    return lane;
  }
}

function idOf(session: string, sequence: number): string {
  return `${encodeToken(session)}:${sequence}`;
}

function duplicate(epoch: number, { offset, previous }: Place): Appended {
  return { status: 'duplicate', position: { epoch, offset }, previous };
}
