import type { Entry } from '../../../protocol/schema.ts';
import type { FollowedMessage } from '../../message-log.ts';

/** Who is further behind hears the newest of these; the chain shows that some are missing, and they are read. */
const HEARD_MAX = 256;

interface Followed {
  /** The listeners have heard everything up to here. */
  heard: number;
  readonly listeners: Set<(message: FollowedMessage) => void>;
}

/** What a node needs to know of its log to tell the followers. */
export interface Readable {
  readonly epoch: number;
  topOf(topic: string): number;
  /** What follows an offset, this many at most. */
  entriesAfter(topic: string, offset: number, count: number): readonly Entry[];
}

/** The topics that this node follows, each told in order: from memory when it appended itself, else from the file. */
export class Follows {
  private readonly topics = new Map<string, Followed>();
  private readonly log: Readable;

  constructor(log: Readable) {
    this.log = log;
  }

  follow(name: string, listener: (message: FollowedMessage) => void): () => void {
    const topic = this.topics.get(name) ?? { heard: this.log.topOf(name), listeners: new Set() };
    this.topics.set(name, topic);
    topic.listeners.add(listener);
    return () => {
      topic.listeners.delete(listener);
      if (topic.listeners.size === 0 && this.topics.get(name) === topic) this.topics.delete(name);
    };
  }

  /** A topic has these new messages, or so a neighbour says of a topic's top. */
  advance(name: string, news: readonly Entry[] | number): void {
    const topic = this.topics.get(name);
    if (!topic) return;
    const fresh = typeof news === 'number' ? [] : news;
    const top = typeof news === 'number' ? news : news.at(-1)!.offset;
    if (top <= topic.heard) return;
    const isNext = fresh[0]?.offset === topic.heard + 1;
    for (const entry of isNext ? fresh : this.read(name, topic.heard, top, fresh)) this.tell(topic, entry);
    topic.heard = Math.max(topic.heard, top);
  }

  /** What the disk has altered tells nobody here: the next message shows the hole, and who reads it is told why. */
  private read(name: string, heard: number, top: number, fresh: readonly Entry[]): readonly Entry[] {
    try {
      return this.log.entriesAfter(name, Math.max(heard, top - HEARD_MAX), HEARD_MAX);
    } catch {
      return fresh;
    }
  }

  /** Something may have been missed: looks at all topics. */
  advanceAll(): void {
    for (const name of this.topics.keys()) this.advance(name, this.log.topOf(name));
  }

  clear(): void {
    this.topics.clear();
  }

  private tell(topic: Followed, { offset, payload }: Entry): void {
    if (offset <= topic.heard) return;
    topic.heard = offset;
    const message = { epoch: this.log.epoch, offset, previous: offset - 1, payload };
    for (const listener of topic.listeners) listener(message);
  }
}
