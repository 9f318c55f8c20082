import { ByteWriter } from '../protocol/bytes.ts';
import { encode } from '../protocol/codec.ts';
import { writeRun } from '../protocol/hot-records.ts';
import type { Position } from '../protocol/position.ts';
import type { Entry, GapReason } from '../protocol/schema.ts';
import type { Cursor } from '../session/cursor.ts';
import type { CursorPage } from '../session/cursors.ts';
import type { TopicSource } from './cluster/presence-topics.ts';
import type { FollowedMessage, ReadLimit } from './message-log.ts';
import type { TopicPolicy } from './topic-options.ts';

/** A page of a topic, the same for every cursor at its position. */
export type TopicPage = Omit<CursorPage, 'liveFrom'>;

/** A connection as the hub sees it. */
export interface Subscriber {
  /**
   * Sends bytes that others get too, and that are lent for the time of the call; false when the socket is full, and
   * nothing was sent. `run` numbers them, so that a connection with two live cursors on a topic gets them once.
   */
  offer(shared: Uint8Array, run: number): boolean;
  /** A live cursor could not be served: it goes on from `position` later. */
  lag(cursor: Cursor<HubTopic>, position: Position): void;
}

/** A topic that somebody on this node subscribes to. */
export class HubTopic {
  readonly name: string;
  /** Names the topic on the wire, node-wide, so that a run is the same bytes for everyone. */
  readonly alias: number;
  readonly policy: TopicPolicy['policy'];
  /** Whether it is known who is on it. */
  readonly presence: boolean;
  readonly live = new Map<Cursor<HubTopic>, Subscriber>();
  /** Live cursors were sent everything up to here. */
  sent: Position = { epoch: 0, offset: 0 };
  /** What came since, to leave together at the end of the turn, or when it fills a page. */
  run: Entry[] = [];
  runBytes = 0;
  signal: Uint8Array | undefined;
  /** Subscriptions of any state; at zero the topic is let go. */
  uses = 0;
  ready: Promise<void> = Promise.resolve();
  /** Nothing came since the last check. */
  quiet = false;
  unfollow: () => void = () => {};

  constructor(name: string, alias: number, { policy, presence }: TopicPolicy) {
    this.name = name;
    this.alias = alias;
    this.policy = policy;
    this.presence = presence && !name.startsWith('$');
  }
}

/** Topics whose tops are asked for at a time: one that the log is slow to tell must not keep the others waiting. */
const CHECKS_AT_ONCE = 8;

/** Fan-out: each run of a topic is encoded once, and the same bytes go to every live subscriber. */
export class Hub {
  /** False while resources run short: signals are the first to give way (SPEC ADM-5). */
  takesSignals = true;
  private readonly topics = new Map<string, HubTopic>();
  private readonly dirty = new Set<HubTopic>();
  /** Pages that are being read, or were in this turn, and of those the ones that were: for whoever asks for the same. */
  private readonly pages = new Map<string, Promise<TopicPage>>();
  private readonly readPages = new Set<string>();
  private aliases = 0;
  private runs = 0;
  private checking: Promise<void> | undefined;
  private readonly writer = new ByteWriter();
  private readonly log: TopicSource;
  private readonly policyOf: (topic: string) => TopicPolicy;
  private readonly limit: ReadLimit;
  private readonly wake: () => void;

  constructor(
    log: TopicSource,
    policyOf: (topic: string) => TopicPolicy,
    limit: ReadLimit,
    wake: () => void,
  ) {
    this.log = log;
    this.policyOf = policyOf;
    this.limit = limit;
    this.wake = wake;
  }

  get topicCount(): number {
    return this.topics.size;
  }

  find(name: string): HubTopic | undefined {
    return this.topics.get(name);
  }

  /** Begins to use a topic; each `use` wants a `release`. Follows it first, so that nothing falls between. */
  async use(name: string): Promise<HubTopic> {
    let topic = this.topics.get(name);
    if (!topic) {
      topic = new HubTopic(name, ++this.aliases, this.policyOf(name));
      this.topics.set(name, topic);
      topic.ready = this.begin(topic);
    }
    topic.uses++;
    try {
      await topic.ready;
    } catch (error) {
      this.release(topic);
      throw error;
    }
    return topic;
  }

  release(topic: HubTopic): void {
    if (--topic.uses > 0) return;
    topic.unfollow();
    this.topics.delete(topic.name);
    this.dirty.delete(topic);
  }

  private async begin(topic: HubTopic): Promise<void> {
    const early: FollowedMessage[] = [];
    let follow = (message: FollowedMessage): void => void early.push(message);
    topic.unfollow = await this.log.follow(topic.name, (message) => follow(message));
    topic.sent = await this.log.top(topic.name);
    follow = (message) => this.take(topic, message);
    for (const message of early) this.take(topic, message);
  }

  /** Adds a message to the run, when it continues the chain (SPEC HUB-2). */
  private take(topic: HubTopic, { epoch, offset, previous, payload }: FollowedMessage): void {
    topic.quiet = false;
    const last = topic.run.at(-1)?.offset ?? topic.sent.offset;
    if (epoch === topic.sent.epoch && offset <= last) return;
    if (epoch !== topic.sent.epoch || previous !== last) {
      // A new life of the log, or a message that was lost on its way here: everyone reads on from the log.
      this.flushRun(topic);
      this.lagAll(topic);
      topic.sent = { epoch, offset: previous };
    }
    // It would leave in pages anyway, and so the first is on its way while the rest of a burst is still being made.
    if (topic.runBytes + payload.length > this.limit.bytesMax) this.flushRun(topic);
    topic.run.push({ offset, payload });
    topic.runBytes += payload.length;
    this.dirty.add(topic);
    this.wake();
  }

  /**
   * Asks the log whether topics that were quiet since the last check are so for it, too: the loss of the last
   * message on its way here would otherwise go unnoticed until the next (SPEC HUB-4). Rejects when it could not be
   * asked about some; the others were seen to.
   */
  check(): Promise<void> {
    this.checking ??= this.checkAll().finally(() => (this.checking = undefined));
    return this.checking;
  }

  private async checkAll(): Promise<void> {
    const topics = this.topics.values();
    const failures: unknown[] = [];
    const some = async (): Promise<void> => {
      for (const topic of topics)
        await this.checkTopic(topic).catch((error: unknown) => failures.push(error));
    };
    await Promise.all(Array.from({ length: CHECKS_AT_ONCE }, some));
    if (failures.length > 0) throw failures[0];
  }

  private async checkTopic(topic: HubTopic): Promise<void> {
    if (topic.quiet && topic.live.size > 0) {
      const top = await this.log.top(topic.name);
      const { sent } = topic;
      // What came while the log was asked speaks for itself.
      if (topic.quiet && (top.epoch !== sent.epoch || top.offset > sent.offset)) {
        this.lagAll(topic);
        topic.sent = top;
      }
    }
    topic.quiet = true;
  }

  private lagAll(topic: HubTopic): void {
    for (const [cursor, subscriber] of topic.live) {
      topic.live.delete(cursor);
      subscriber.lag(cursor, topic.sent);
    }
  }

  /** Sends what the turn brought. */
  flush(): void {
    for (const topic of this.dirty) this.flushTopic(topic);
    this.dirty.clear();
    for (const key of this.readPages) this.pages.delete(key);
    this.readPages.clear();
  }

  private flushTopic(topic: HubTopic): void {
    this.flushRun(topic);
    const { signal, alias } = topic;
    if (!signal) return;
    topic.signal = undefined;
    const bytes = encode([{ type: 'signaled', alias, payload: signal }]);
    const number = ++this.runs;
    for (const subscriber of topic.live.values()) subscriber.offer(bytes, number);
  }

  private flushRun(topic: HubTopic): void {
    const { run: entries, sent, alias } = topic;
    const last = entries.at(-1);
    if (!last) return;
    topic.run = [];
    topic.runBytes = 0;
    topic.sent = { epoch: sent.epoch, offset: last.offset };
    if (topic.live.size === 0) return;
    writeRun({ alias, epoch: sent.epoch, previous: sent.offset, entries }, this.writer);
    // Lent, not copied: sockets frame it once for all, and large messages are copied often enough.
    this.writer.lend({ send: (bytes) => this.offerRun(topic, bytes, sent) });
  }

  private offerRun(topic: HubTopic, bytes: Uint8Array, before: Position): void {
    const number = ++this.runs;
    for (const [cursor, subscriber] of topic.live) {
      if (subscriber.offer(bytes, number)) continue;
      topic.live.delete(cursor);
      subscriber.lag(cursor, before);
    }
  }

  /** Offers a signal to live subscribers at the end of the turn; of several in one turn the latest wins. */
  offerSignal(name: string, payload: Uint8Array): void {
    const topic = this.topics.get(name);
    if (!topic || topic.live.size === 0 || !this.takesSignals) return;
    topic.signal = new Uint8Array(payload);
    this.dirty.add(topic);
    this.wake();
  }

  /** Where a subscription begins. */
  async startOf(topic: HubTopic, from: string, epoch: number, offset: number): Promise<Position> {
    if (from === 'position') return { epoch, offset };
    if (from === 'now') return topic.sent;
    return this.log.before(topic.name, from === 'last' ? offset : Infinity);
  }

  /**
   * The next page for a cursor that is behind. Readers of a topic come back together, from the same position, so a
   * page is read once for all who ask for it meanwhile (SPEC HUB-9).
   */
  pageAfter(topic: HubTopic, after: Position): Promise<TopicPage> {
    const key = `${topic.alias} ${after.epoch} ${after.offset}`;
    const known = this.pages.get(key);
    if (known) return known;
    const page = this.readPage(topic, after);
    this.pages.set(key, page);
    const forget = (): void => void this.pages.delete(key);
    page.then(({ entries }) => {
      // With an empty one a cursor stays where it is, and asks again: for what is there by then.
      if (entries.length === 0) return forget();
      this.readPages.add(key);
      this.wake();
    }, forget);
    return page;
  }

  /** Reads it from the log, as its topic's policy wants it. */
  private async readPage(topic: HubTopic, after: Position): Promise<TopicPage> {
    const conflated = topic.policy === 'replay' ? undefined : await this.conflate(topic, after);
    const { gap, ...page } = await this.log.read(topic.name, conflated ?? after, this.limit);
    const alias = topic.alias;
    if (!conflated) return { ...page, gap, alias };
    const skipped: { to: Position; reason: GapReason } = { to: conflated, reason: 'conflated' };
    return { ...page, gap: gap ?? skipped, alias };
  }

  /** Where a conflating topic goes on; undefined when nothing would be skipped, or the log must speak first. */
  private async conflate(topic: HubTopic, after: Position): Promise<Position | undefined> {
    const target = await this.log.before(topic.name, topic.policy === 'latest' ? 1 : 0);
    const skips = target.epoch === after.epoch && target.offset > after.offset;
    return skips ? target : undefined;
  }
}
