import type { Msg, Subscription } from '@nats-io/transport-node';
import type { Entry } from '../../../protocol/schema.ts';
import type { FollowedMessage } from '../../message-log.ts';
import type { Connection } from './connection.ts';
import type { KeptStream } from './stream.ts';
import type { Subjects } from './subjects.ts';
import { Tail } from './tail.ts';

type Listener = (message: FollowedMessage) => void;

interface LiveTopic {
  name: string;
  subscription: Subscription;
  listeners: Set<Listener>;
  /** The newest offset that the node knows of. */
  last: number;
  /** The newest offset that its followers were told of. */
  told: number;
  appendedAtMs: number;
}

/** A topic that this node only appends to is listened to for as long as this after the last append. */
const IDLE_MS = 30_000;

/**
 * What the stream republishes. A node listens to the topics that it follows, and for a while to those that it appends
 * to: JetStream acknowledges a message without saying which was the one before it, but says so here.
 */
export class Feed {
  private readonly topics = new Map<string, LiveTopic>();
  private readonly tail = new Tail();
  private readonly connection: Connection;
  private readonly subjects: Subjects;
  private readonly stream: KeptStream;

  constructor(connection: Connection, subjects: Subjects, stream: KeptStream) {
    this.connection = connection;
    this.subjects = subjects;
    this.stream = stream;
  }

  /** Resolves once the server that the node is connected to knows of it. */
  async follow(name: string, listener: Listener): Promise<() => void> {
    const topic = this.topicOf(name);
    const unfollow = (): void => {
      topic.listeners.delete(listener);
      this.endIfUnused(topic);
    };
    topic.listeners.add(listener);
    try {
      await this.connection.persist(() => this.connection.nats.flush());
    } catch (error) {
      unfollow();
      throw error;
    }
    return unfollow;
  }

  /** To be called before an append, so that the node hears of it. */
  expect(name: string): void {
    this.topicOf(name).appendedAtMs = performance.now();
  }

  /** The topic has a message at this offset. */
  reached(name: string, offset: number): void {
    const topic = this.topics.get(name);
    if (topic && offset > topic.last) topic.last = offset;
  }

  /** The newest offset of a topic that this node knows of; 0 when it does not listen to it. */
  lastOf(name: string): number {
    return this.topics.get(name)?.last ?? 0;
  }

  /**
   * The offset before a message that was acknowledged; undefined when the node has not heard it. The stream sends it
   * out before it acknowledges it, on the same way; a timer would not do, because it fires before what has arrived
   * at a busy process is read.
   */
  async hearPrevious(offset: number): Promise<number | undefined> {
    if (this.known(offset) === undefined) await this.connection.nats.flush().catch(() => {});
    return this.known(offset);
  }

  /** The same without another look at what has arrived. */
  known(offset: number): number | undefined {
    return this.tail.previousOf(offset);
  }

  /** What follows an offset, up to the newest message that was heard; undefined when not all of it is known here. */
  since(name: string, after: number): Entry[] | undefined {
    const last = this.lastOf(name);
    return last === 0 || after > last ? undefined : this.tail.between(after, last);
  }

  /** Takes in messages that were read and end where those that were heard begin: others will ask for them, too. */
  learn(page: readonly Entry[]): void {
    for (const [index, { offset, payload }] of page.entries()) {
      // Of the first it is not known what was before it.
      if (index > 0) this.tail.take(offset, page[index - 1]!.offset, payload);
    }
  }

  /** The topics that somebody follows. */
  followed(): string[] {
    return [...this.topics.values()].filter(({ listeners }) => listeners.size > 0).map(({ name }) => name);
  }

  /** Whether a topic’s followers were told of this message, or of a later one. */
  hasTold(name: string, offset: number): boolean {
    return (this.topics.get(name)?.told ?? Infinity) >= offset;
  }

  /** Tells a topic’s followers of a message that may have been lost on its way. */
  tell(name: string, message: FollowedMessage): void {
    const topic = this.topics.get(name);
    if (!topic) return;
    topic.last = topic.told = message.offset;
    for (const listener of topic.listeners) listener(message);
  }

  /** The topic holds nothing any more. */
  empty(name: string): void {
    const topic = this.topics.get(name);
    if (!topic) return;
    this.tail.drop(topic.last);
    topic.last = 0;
  }

  rest(): void {
    for (const topic of this.topics.values()) this.endIfUnused(topic);
  }

  forget(): void {
    this.tail.forget();
    for (const topic of this.topics.values()) topic.last = topic.told = 0;
  }

  private endIfUnused(topic: LiveTopic): void {
    if (topic.listeners.size > 0 || performance.now() - topic.appendedAtMs < IDLE_MS) return;
    topic.subscription.unsubscribe();
    if (this.topics.get(topic.name) === topic) this.topics.delete(topic.name);
  }

  private topicOf(name: string): LiveTopic {
    let topic = this.topics.get(name);
    if (!topic) {
      const callback = (error: Error | null, message: Msg): void => {
        if (!error) this.hear(name, message);
      };
      const subscription = this.connection.nats.subscribe(this.subjects.live(name), { callback });
      topic = { name, subscription, listeners: new Set(), last: 0, told: 0, appendedAtMs: -Infinity };
      this.topics.set(name, topic);
    }
    return topic;
  }

  private hear(name: string, { headers, data: payload }: Msg): void {
    const offset = Number(headers?.get('Nats-Sequence'));
    const previous = Number(headers?.get('Nats-Last-Sequence'));
    // Anybody with the right to publish there could have sent this.
    if (!Number.isSafeInteger(offset) || !(offset > previous)) return;
    this.stream.note(offset, headers!.get('Nats-Msg-Id'));
    this.tail.take(offset, previous, payload);
    const topic = this.topics.get(name);
    if (!topic) return;
    if (offset > topic.last) topic.last = offset;
    topic.told = offset;
    const { epoch } = this.stream;
    for (const listener of topic.listeners) listener({ epoch, offset, previous, payload });
  }
}
