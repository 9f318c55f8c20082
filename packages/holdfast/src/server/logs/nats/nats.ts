import { randomBytes } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { HoldfastError } from '../../../protocol/error-codes.ts';
import type { Position } from '../../../protocol/position.ts';
import type { Entry } from '../../../protocol/schema.ts';
import type { Appended, FollowedMessage, LogConfig, MessageLog, Page, ReadLimit } from '../../message-log.ts';
import { Appends } from './appends.ts';
import { Connection } from './connection.ts';
import { unavailable } from './failures.ts';
import { Feed } from './feed.ts';
import { Healing } from './healing.ts';
import { cutToLimit, History } from './history.ts';
import { resolveNatsOptions, type NatsLogOptions, type ResolvedNatsOptions } from './options.ts';
import { Repeats } from './repeats.ts';
import { Retention } from './retention.ts';
import { KeptStream } from './stream.ts';
import { Subjects } from './subjects.ts';

export type { NatsLogOptions } from './options.ts';

/** What headers and subject of a message may take of the server's `max_payload`. */
const OVERHEAD_BYTES = 1_024;
/** A server that answers from its copy of the stream may be a moment behind. */
const LAG_RETRY_MS = 20;
const AT_ONCE = 8;

/**
 * Topics in one stream of NATS JetStream (2.9 or later), for many nodes. Needs the packages `@nats-io/transport-node`
 * and `@nats-io/jetstream`. An acknowledged message is on a majority of the stream's replicas; what of it is on their
 * disks is up to the servers' `sync_interval`. NATS remembers the id of each publish for its duplicate window, which is
 * as long as repeats must be known (twice `limits.sessionTtlMs`), in memory. A session's publishes go one after the
 * other, each taking a round trip. Throws `invalid-option`; opening rejects with what is wrong and what to do when
 * NATS, JetStream or the stream can't be used.
 */
export function natsLog(options: string | NatsLogOptions): MessageLog {
  return new NatsLog(resolveNatsOptions(options));
}

class NatsLog implements MessageLog {
  private config!: LogConfig;
  private readonly connection: Connection;
  private readonly subjects: Subjects;
  private stream!: KeptStream;
  private feed!: Feed;
  private history!: History;
  private repeats!: Repeats;
  private retention!: Retention;
  private appends!: Appends;
  private readonly healing = new Healing(() => this.healAll());
  private readonly options: ResolvedNatsOptions;

  constructor(options: ResolvedNatsOptions) {
    this.options = options;
    this.subjects = new Subjects(options.prefix);
    this.connection = new Connection(options, () => this.revive());
  }

  async open(config: LogConfig): Promise<void> {
    const { connection, subjects } = this;
    this.config = config;
    await connection.open();
    const windowMs = config.dedupTtlMs;
    this.stream = new KeptStream(connection, subjects, this.options, windowMs, () => this.forget());
    const { stream } = this;
    this.feed = new Feed(connection, subjects, stream);
    const { feed } = this;
    this.history = new History(connection, subjects);
    const { history } = this;
    this.repeats = new Repeats(config.dedupWindow, config.dedupTtlMs);
    const { repeats } = this;
    const forgotten = (topic: string): void => feed.empty(topic);
    this.retention = new Retention({ connection, stream, subjects, history, config, forgotten }, windowMs);
    const node = randomBytes(8).toString('base64url');
    const nowMs = (): number => config.nowMs();
    this.appends = new Appends({ connection, stream, subjects, feed, history, repeats, node, nowMs });
    try {
      // First, so that all servers of a cluster have heard of it when the node begins.
      this.listen();
      await connection.persist(() => stream.open());
    } catch (error) {
      await connection.close();
      throw error;
    }
  }

  append(
    topic: string,
    session: string | undefined,
    sequence: number,
    payload: Uint8Array,
  ): Promise<Appended> {
    const max = this.connection.nats.info?.max_payload;
    if (max !== undefined && payload.length + OVERHEAD_BYTES > max) {
      const text = `The payload has ${payload.length} bytes, and max_payload of nats-server is ${max}. Split it, or raise that limit.`;
      return Promise.reject(new HoldfastError('too-big', text));
    }
    return this.appends.append(topic, session, sequence, payload);
  }

  read(topic: string, after: Position, limit: ReadLimit): Promise<Page> {
    return this.readUntil(this.connection.deadlineMs, topic, after, limit);
  }

  private async readUntil(
    deadlineMs: number,
    topic: string,
    after: Position,
    limit: ReadLimit,
  ): Promise<Page> {
    if (performance.now() > deadlineMs) throw unavailable('its copies of the stream differ for too long');
    const { epoch } = this.stream;
    const floor = await this.retention.floorOf(topic);
    const isSame = after.epoch === epoch;
    const previous = isSame ? Math.max(after.offset, floor) : floor;
    const entries = await this.entriesAfter(topic, previous, limit);
    if (this.stream.epoch !== epoch) return this.readUntil(deadlineMs, topic, after, limit);
    if (entries.length === 0) {
      const heard = this.feed.lastOf(topic);
      const top = heard >= previous && heard > 0 ? heard : (await this.top(topic)).offset;
      // A position beyond the top belongs to a life of the stream that this one is not.
      if (previous > top) return this.readUntil(deadlineMs, topic, { epoch: 0, offset: 0 }, limit);
      if (previous < top) {
        await wait(LAG_RETRY_MS);
        return this.readUntil(deadlineMs, topic, after, limit);
      }
    }
    if (isSame && previous === after.offset) return { epoch, previous, entries };
    const reason = isSame ? 'retention' : 'epoch';
    return { gap: { to: { epoch, offset: previous }, reason }, epoch, previous, entries };
  }

  private async entriesAfter(topic: string, after: number, limit: ReadLimit): Promise<readonly Entry[]> {
    const heard = this.feed.since(topic, after);
    if (heard) return cutToLimit(heard, limit);
    const page = await this.history.page(topic, after, limit);
    // And what was heard while the page was on its way.
    const since = this.feed.since(topic, page.at(-1)?.offset ?? after);
    if (!since) return page;
    this.feed.learn(page);
    return cutToLimit([...page, ...since], limit);
  }

  async top(topic: string): Promise<Position> {
    const newest = await this.history.newest(this.subjects.topic(topic));
    const offset = newest?.sequence ?? 0;
    this.feed.reached(topic, offset);
    return { epoch: this.stream.epoch, offset };
  }

  async before(topic: string, count: number): Promise<Position> {
    if (count === 0) return this.top(topic);
    const { epoch } = this.stream;
    const floor = await this.retention.floorOf(topic);
    if (count === Infinity) return { epoch, offset: floor };
    const top = await this.top(topic);
    const known = count === 1 ? this.feed.known(top.offset) : undefined;
    const offset = known ?? (await this.history.lookBack(topic, floor, top.offset, count)) ?? floor;
    return { epoch, offset: Math.max(floor, offset) };
  }

  follow(topic: string, listener: (message: FollowedMessage) => void): Promise<() => void> {
    return this.feed.follow(topic, listener);
  }

  broadcast(message: Uint8Array): void {
    this.connection.send(this.subjects.between, message);
  }

  async trim(): Promise<void> {
    this.repeats.expire(this.config.nowMs());
    this.feed.rest();
    await this.connection.persist(() => this.stream.verify());
    await this.retention.trim();
  }

  async key(): Promise<Uint8Array> {
    return this.stream.key;
  }

  health(): string | undefined {
    return this.connection.trouble;
  }

  async close(): Promise<void> {
    this.history.forget();
    await this.connection.close();
  }

  private listen(): void {
    const { nats } = this.connection;
    nats.subscribe(this.subjects.between, {
      callback: (error, { data }) => {
        if (!error) this.config.heard(new Uint8Array(data));
      },
    });
    // Another node has changed the epoch: heard as it is published, beside the stream.
    nats.subscribe(this.subjects.control('epoch'), {
      callback: (error) => {
        if (!error) this.stream.reload();
      },
    });
    // The leader before may have taken messages that it did not live to send out.
    nats.subscribe(`$JS.EVENT.ADVISORY.STREAM.LEADER_ELECTED.${this.stream.name}`, {
      callback: (error) => {
        if (!error) this.healing.want();
      },
    });
  }

  private async revive(): Promise<void> {
    await this.stream.verify();
    this.healing.want();
  }

  private forget(): void {
    this.repeats.forget();
    this.retention.forget();
    this.history.forget();
    this.feed.forget();
  }

  /** Tells followers of each topic's newest message, unless they were. */
  private async healAll(): Promise<void> {
    const topics = this.feed.followed().values();
    const some = async (): Promise<void> => {
      for (const topic of topics) await this.healTopic(topic);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, some));
  }

  private async healTopic(topic: string): Promise<void> {
    const newest = await this.history.newest(this.subjects.topic(topic));
    if (!newest || this.feed.hasTold(topic, newest.sequence)) return;
    const { sequence: offset, payload } = newest;
    const previous = await this.appends.previousOf(topic, offset);
    if (this.feed.hasTold(topic, offset)) return;
    this.feed.tell(topic, { epoch: this.stream.epoch, offset, previous, payload });
  }
}
