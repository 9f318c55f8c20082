import type { PayloadCodec } from '../../protocol/payload.ts';
import type { Position } from '../../protocol/position.ts';
import type { FollowedMessage, MessageLog, Page } from '../message-log.ts';
import type { Present, Roster } from './roster.ts';

/** `$presence:news` tells who comes to `news`, and who leaves. */
export const PRESENCE_PREFIX = '$presence:';

/** What a subscriber of `$presence:…` gets. */
export interface PresenceMessage {
  /** How many are there now. */
  count: number;
  /** All of them, `limits.presentMax` at most: what came before this message no longer matters. */
  present?: readonly Present[];
  joined?: readonly Present[];
  left?: readonly Present[];
}

/** The part of a log that subscriptions read. */
export type TopicSource = Pick<MessageLog, 'follow' | 'read' | 'top' | 'before'>;

interface Stream {
  readonly epoch: number;
  top: number;
  readonly listeners: Set<(message: FollowedMessage) => void>;
  /** What the turn brought. */
  joined: Map<string, Present>;
  left: Map<string, Present>;
}

/** Comings and goings in one message. */
const CHANGES_MAX = 500;

/**
 * Topics without a log: what was there before is summed up in one message, the list as it is now. So whoever was
 * away, fell behind, or comes from another node, where the epoch is another, begins with the list.
 */
export class PresenceTopics implements TopicSource {
  private readonly streams = new Map<string, Stream>();
  private readonly changed = new Set<string>();
  private epoch: number;
  private readonly log: TopicSource;
  private readonly roster: () => Roster;
  private readonly codec: PayloadCodec;
  private readonly presentMax: number;

  constructor(
    log: TopicSource,
    parts: { roster: () => Roster; codec: PayloadCodec; presentMax: number; random: () => number },
  ) {
    this.log = log;
    this.roster = parts.roster;
    this.codec = parts.codec;
    this.presentMax = parts.presentMax;
    this.epoch = 1 + Math.floor(parts.random() * 2 ** 48);
  }

  async follow(name: string, listener: (message: FollowedMessage) => void): Promise<() => void> {
    if (!name.startsWith(PRESENCE_PREFIX)) return this.log.follow(name, listener);
    const stream = this.streamOf(name);
    this.streams.set(name, stream);
    stream.listeners.add(listener);
    return () => {
      stream.listeners.delete(listener);
      if (stream.listeners.size === 0) this.streams.delete(name);
    };
  }

  async top(name: string): Promise<Position> {
    if (!name.startsWith(PRESENCE_PREFIX)) return this.log.top(name);
    const { epoch, top } = this.streamOf(name);
    return { epoch, offset: top };
  }

  /** However much of the past is wanted: it is all in one message. */
  async before(name: string, count: number): Promise<Position> {
    if (!name.startsWith(PRESENCE_PREFIX)) return this.log.before(name, count);
    const { epoch, top } = this.streamOf(name);
    return { epoch, offset: count > 0 ? top - 1 : top };
  }

  async read(name: string, after: Position, limit: Parameters<TopicSource['read']>[2]): Promise<Page> {
    if (!name.startsWith(PRESENCE_PREFIX)) return this.log.read(name, after, limit);
    const stream = this.streamOf(name);
    // What the list holds must not come once more behind it.
    if (this.changed.delete(name)) this.flushStream(name, stream);
    const { epoch, top } = stream;
    const known = after.epoch === epoch && after.offset <= top;
    const previous = known ? after.offset : top - 1;
    if (previous === top) return { epoch, previous, entries: [] };
    const present = this.roster().list(topicOf(name), this.presentMax);
    const page = { epoch, previous, entries: [{ offset: top, payload: this.encode(name, { present }) }] };
    return known ? page : { ...page, gap: { to: { epoch, offset: previous }, reason: 'epoch' } };
  }

  /** Somebody came or went. */
  note(topic: string, change: 'joined' | 'left', present: Present): boolean {
    const name = PRESENCE_PREFIX + topic;
    const stream = this.streams.get(name);
    if (!stream) return false;
    const opposite = change === 'joined' ? stream.left : stream.joined;
    // Who left and came back within a turn was never away.
    if (!opposite.delete(present.session)) stream[change].set(present.session, present);
    this.changed.add(name);
    return true;
  }

  /** Tells the turn's changes to those that follow them. */
  flush(): void {
    for (const name of this.changed) {
      const stream = this.streams.get(name);
      if (stream) this.flushStream(name, stream);
    }
    this.changed.clear();
  }

  private flushStream(name: string, stream: Stream): void {
    const joined = [...stream.joined.values()];
    const left = [...stream.left.values()];
    stream.joined.clear();
    stream.left.clear();
    for (let at = 0; at < Math.max(joined.length, left.length); at += CHANGES_MAX) {
      const part = { joined: joined.slice(at, at + CHANGES_MAX), left: left.slice(at, at + CHANGES_MAX) };
      const message = { epoch: stream.epoch, previous: stream.top, offset: ++stream.top };
      const payload = this.encode(name, part);
      for (const listener of stream.listeners) listener({ ...message, payload });
    }
  }

  private encode(name: string, message: Omit<PresenceMessage, 'count'>): Uint8Array {
    return this.codec.encode({ count: this.roster().count(topicOf(name)), ...message });
  }

  /** Each life of a stream is an epoch of its own, which no position of an earlier one fits. */
  private streamOf(name: string): Stream {
    const known = this.streams.get(name);
    return known ?? { epoch: ++this.epoch, top: 1, listeners: new Set(), joined: new Map(), left: new Map() };
  }
}

function topicOf(name: string): string {
  return name.slice(PRESENCE_PREFIX.length);
}
