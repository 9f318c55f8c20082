import { randomBytes } from 'node:crypto';
import { HoldfastError } from '../../../protocol/error-codes.ts';
import type { Position } from '../../../protocol/position.ts';
import type { Entry } from '../../../protocol/schema.ts';
import type { Appended, FollowedMessage, LogConfig, MessageLog, Page, ReadLimit } from '../../message-log.ts';
import type { Argument } from './client.ts';
import { explain, isRefusal, unavailable } from './failures.ts';
import { Followed } from './followed.ts';
import { Keys } from './keys.ts';
import { Lanes, type Pending } from './lanes.ts';
import { type RedisLogOptions, resolveRedisOptions, type ResolvedRedisOptions } from './options.ts';
import { Pause } from './pause.ts';
import type { Reply } from './replies.ts';
import { type Script, scripts } from './scripts.ts';
import { checkEviction, survey } from './survey.ts';
import { Topology } from './topology.ts';

export type { RedisLogOptions } from './options.ts';

/** Topics whose retention is enforced at the next `trim`; of more than these, readers and TTLs take care. */
const TOUCHED_MAX = 10_000;
/** So many topics are asked about at a time: each publish waits for what was asked before it. */
const TOPICS_AT_ONCE = 16;
/** What was broadcast and Redis has not taken, which it may never do; more is not said. */
const BROADCAST_BYTES_MAX = 8 * 1_048_576;
const LAYOUT = '2';

/**
 * A log in Redis (6.2 or later) or Valkey: one server, a primary with replicas, or a cluster. It lives as long as
 * Redis keeps its data, and all nodes with the same address and prefix share it.
 *
 * @throws HoldfastError `invalid-option`, with the option's name and what was expected.
 */
export function redisLog(options: string | RedisLogOptions): MessageLog {
  return new RedisLog(resolveRedisOptions(options));
}

interface Append extends Pending {
  topic: string;
  dedupTtlMs: number;
  payload: Buffer;
}

class RedisLog implements MessageLog {
  /** This node, to Redis and the others. */
  private readonly id = randomBytes(12);
  private readonly pause = new Pause();
  private readonly followed = new Map<string, Followed>();
  private readonly touched = new Set<string>();
  private sequence = 0;
  private broadcastBytes = 0;
  private trimming: Promise<void> | undefined;
  private closed = false;
  private secret: Buffer = randomBytes(32);
  private keys!: Keys;
  private config!: LogConfig;
  private topology!: Topology;
  private lanes!: Lanes<Append, Appended>;
  private readonly options: ResolvedRedisOptions;

  constructor(options: ResolvedRedisOptions) {
    this.options = options;
  }

  async open(config: LogConfig): Promise<void> {
    this.config = config;
    const { options, pause } = this;
    const { random } = config;
    const { clustered, sharded } = await survey(options);
    this.keys = new Keys(options.prefix, options.database, clustered);
    this.topology = new Topology({
      options,
      pause,
      random,
      restored: (channels) => this.restore(channels),
      probe: (n) => this.keys.probe(this.id.toString('hex'), n),
    });
    this.lanes = new Lanes({
      send: (key, entry, ahead) => this.send(key, entry, ahead),
      pause,
      random,
      windowMax: config.dedupWindow,
      deadlineMs: options.deadlineMs,
      bytesMax: options.pendingBytesMax,
    });
    try {
      await this.topology.open(clustered, sharded);
      await this.begin();
    } catch (error) {
      await this.close();
      if (error instanceof HoldfastError) throw error;
      const { text } = options.addresses[0]!;
      const code = isRefusal(error) ? 'invalid-option' : 'log-unavailable';
      throw new HoldfastError(code, `redisLog can’t use Redis at ${text}: ${explain(error)}`);
    }
  }

  async append(
    topic: string,
    session: string | undefined,
    sequence: number,
    payload: Uint8Array,
  ): Promise<Appended> {
    // What has no session gets one of this node's, so that it, too, can be sent again when its answer was lost.
    const own = session === undefined;
    const dedup = own
      ? this.keys.dedupOfTopic(topic, `~${this.id.toString('hex')}`)
      : this.keys.dedup(topic, session);
    const dedupTtlMs = own ? this.options.deadlineMs * 2 : this.config.dedupTtlMs;
    const bytes = payload.length + topic.length + 256;
    return this.lanes.append(dedup, {
      sequence: own ? ++this.sequence : sequence,
      bytes,
      topic,
      dedupTtlMs,
      payload: Buffer.from(payload),
    });
  }

  async read(topic: string, after: Position, { messagesMax, bytesMax }: ReadLimit): Promise<Page> {
    const [epochText, previous, reason, ...rest] = await this.ask<[Buffer, number, Buffer, ...Buffer[]]>(
      topic,
      scripts.read,
      [String(after.epoch), String(after.offset), String(messagesMax), String(bytesMax)],
    );
    const epoch = Number(epochText);
    const entries: Entry[] = [];
    for (let i = 0; i < rest.length; i += 2) entries.push({ offset: Number(rest[i]), payload: rest[i + 1]! });
    if (reason.length === 0) return { epoch, previous, entries };
    const to = { epoch, offset: previous };
    return { gap: { to, reason: reason.toString() as 'retention' | 'epoch' }, epoch, previous, entries };
  }

  async top(topic: string): Promise<Position> {
    const { epoch, top } = await this.look(topic);
    return { epoch, offset: top };
  }

  async before(topic: string, count: number): Promise<Position> {
    const { epoch, top, floor } = await this.look(topic);
    return { epoch, offset: Math.max(floor, top - count) };
  }

  async follow(topic: string, listener: (message: FollowedMessage) => void): Promise<() => void> {
    const channel = this.keys.channel(topic);
    let followed = this.followed.get(channel);
    if (!followed) {
      followed = new Followed(topic);
      this.followed.set(channel, followed);
    }
    const { listeners } = followed;
    const mine = (message: FollowedMessage): void => listener(message);
    listeners.add(mine);
    const unfollow = (): void => {
      if (!listeners.delete(mine) || listeners.size > 0 || this.followed.get(channel) !== followed) return;
      this.followed.delete(channel);
      this.topology.forget(channel);
    };
    try {
      await this.persist(() => this.topology.hear(channel, (message) => followed.take(message)));
    } catch (error) {
      unfollow();
      throw error;
    }
    return unfollow;
  }

  broadcast(message: Uint8Array): void {
    const { topology, keys } = this;
    // A server that did not get as far as opening its log says goodbye, too.
    if (!topology || this.broadcastBytes > BROADCAST_BYTES_MAX) return;
    const args = [topology.publishCommand, keys.nodes, Buffer.concat([this.id, message])];
    try {
      const { commands } = topology.shardOf(keys.nodes);
      const taken = (): void => void (this.broadcastBytes -= message.length);
      this.broadcastBytes += message.length;
      commands.send(args).then(taken, taken);
    } catch {
      // At most once: what can't be said now is not said.
    }
  }

  /** One at a time, however long Redis takes to answer. */
  trim(): Promise<void> {
    this.trimming ??= this.trimTouched().finally(() => (this.trimming = undefined));
    return this.trimming;
  }

  private async trimTouched(): Promise<void> {
    // A Redis that came back empty is claimed again, so that nodes to come have the key of those that live.
    await this.claim();
    const topics = [...this.touched];
    this.touched.clear();
    await someAtATime(topics, (topic) => this.look(topic));
  }

  async key(): Promise<Uint8Array> {
    return new Uint8Array(this.secret);
  }

  health(): string | undefined {
    return this.topology?.trouble;
  }

  async close(): Promise<void> {
    this.closed = true;
    // Nothing of it stands when what was wrong was seen at the first look.
    this.topology?.close();
    this.lanes?.close(new Error('The log was closed'));
    this.pause.end();
  }

  // ── Beginning ────────────────────────────────────────────────────────────────────────────────────────────

  private async begin(): Promise<void> {
    for (const { commands, addresses } of this.topology.primaries) {
      await checkEviction(commands, addresses[0]!.text);
    }
    await this.claim();
    await this.topology.hear(this.keys.nodes, (message) => this.hearNode(message));
    await this.topology.watch();
    await this.rehearse();
  }

  /** Takes the prefix, or learns whose it is. */
  private async claim(): Promise<void> {
    const { deployment: key } = this.keys;
    const { deployment, prefix } = this.options;
    const shard = this.topology.shardOf(key);
    const claimed = await shard.run<[Buffer, Buffer, Buffer]>(
      scripts.claim,
      [key],
      [this.secret, LAYOUT, deployment],
    );
    const [secret, layout, owner] = claimed;
    if (layout.toString() !== LAYOUT) {
      const text = `The keys under "${prefix}" have the layout ${layout.toString()}, and this version of Holdfast knows ${LAYOUT}. Run one version on all nodes, or set another prefix.`;
      throw new HoldfastError('invalid-option', `redisLog: ${text}`);
    }
    if (owner.toString() !== deployment) {
      const text = `The prefix "${prefix}" belongs to the deployment "${owner.toString()}", and this node is of "${deployment}". Give each deployment a prefix of its own, or all its nodes the same name.`;
      throw new HoldfastError('invalid-option', `redisLog: ${text}`);
    }
    this.secret = secret;
  }

  /** Does once what will be done all the time, so that a missing right is told now. */
  private async rehearse(): Promise<void> {
    const topic = `~rehearsal:${this.id.toString('hex')}`;
    const after = await this.top(topic);
    await this.append(topic, undefined, 0, new Uint8Array(1));
    await this.read(topic, after, { messagesMax: 1, bytesMax: 1 });
    this.touched.delete(topic);
    const keys = [...this.keys.topic(topic), this.keys.dedupOfTopic(topic, `~${this.id.toString('hex')}`)];
    await this.topology.shardOf(keys[0]!).commands.send(['UNLINK', ...keys]);
  }

  // ── Talking to Redis ─────────────────────────────────────────────────────────────────────────────────────

  private async send(dedup: string, entry: Append, ahead: number): Promise<Appended | 'early'> {
    const { topic, sequence, payload, dedupTtlMs } = entry;
    const [state, messages] = this.keys.topic(topic);
    if (this.touched.size < TOUCHED_MAX) this.touched.add(topic);
    const reply = await this.topology
      .shardOf(state)
      .run<[Buffer] | [Buffer, Buffer, number]>(
        scripts.append,
        [state, messages, dedup],
        [
          ...this.common(topic),
          String(sequence),
          String(ahead),
          payload,
          String(this.config.dedupWindow),
          whole(dedupTtlMs),
          this.keys.channel(topic),
          this.topology.publishCommand,
        ],
      );
    if (reply.length === 1) return reply[0].toString() === 'early' ? 'early' : { status: 'stale' };
    const status = reply[0].toString() as 'appended' | 'duplicate';
    const [, epoch, offset] = reply;
    return { status, position: { epoch: Number(epoch), offset }, previous: offset - 1 };
  }

  private async look(topic: string): Promise<{ epoch: number; top: number; floor: number }> {
    const [epoch, top, floor] = await this.ask<[Buffer, number, number]>(topic, scripts.look, []);
    return { epoch: Number(epoch), top, floor };
  }

  private ask<T extends Reply>(topic: string, script: Script, args: readonly string[]): Promise<T> {
    const keys = this.keys.topic(topic);
    return this.persist(() =>
      this.topology.shardOf(keys[0]).run<T>(script, keys, [...this.common(topic), ...args]),
    );
  }

  /** What every script about a topic is told: the epoch that it would begin, the time, and the retention. */
  private common(topic: string): Argument[] {
    const { countMax, bytesMax, ageMaxMs } = this.config.retentionOf(topic);
    const fresh = 1 + Math.floor(this.config.random() * 2 ** 48);
    return [String(fresh), whole(this.config.nowMs()), whole(countMax), whole(bytesMax), whole(ageMaxMs)];
  }

  /** Tries until it succeeds, Redis refuses, or the deadline has come. */
  private async persist<T>(attempt: () => Promise<T>): Promise<T> {
    const { deadlineMs } = this.options;
    const startedAtMs = performance.now();
    for (let tries = 0; ; tries++) {
      try {
        return await attempt();
      } catch (error) {
        const late = performance.now() - startedAtMs >= deadlineMs;
        if (isRefusal(error) || late || this.closed) throw unavailable(error);
      }
      await this.pause.wait(this.config.random() * Math.min(1_000, 10 * 2 ** Math.min(tries, 10)));
    }
  }

  // ── Listening ────────────────────────────────────────────────────────────────────────────────────────────

  private hearNode(message: Buffer): void {
    const { length } = this.id;
    if (message.length < length || this.id.equals(message.subarray(0, length))) return;
    this.config.heard(new Uint8Array(message.subarray(length)));
  }

  /** Messages may have been missed on these channels: their followers are told the newest, and find a hole before it. */
  private restore(channels: Iterable<string>): void {
    void this.claim().catch(() => {});
    const followed = Array.from(channels, (channel) => this.followed.get(channel)).filter(
      (topic) => topic !== undefined,
    );
    someAtATime(followed, (topic) => this.catchUp(topic)).catch(() => {});
  }

  private async catchUp(followed: Followed): Promise<void> {
    const { epoch, offset } = followed.last;
    const known = [String(epoch), String(offset)];
    const reply = await this.ask<[Buffer, number, Buffer] | []>(followed.topic, scripts.peek, known);
    if (reply.length === 0) return;
    const [newEpoch, newest, payload] = reply;
    followed.tell({ epoch: Number(newEpoch), offset: newest, previous: newest - 1, payload });
  }
}

/** Does it with each of them, and rejects when it failed with some. */
async function someAtATime<T>(items: readonly T[], act: (item: T) => Promise<unknown>): Promise<void> {
  const left = items.values();
  const failures: unknown[] = [];
  const some = async (): Promise<void> => {
    for (const item of left) await act(item).catch((error: unknown) => failures.push(error));
  };
  await Promise.all(Array.from({ length: TOPICS_AT_ONCE }, some));
  if (failures.length > 0) throw failures[0];
}

/** A number as Lua reads it; Infinity becomes more than anything is. */
function whole(value: number): string {
  return String(Math.min(Math.floor(value), Number.MAX_SAFE_INTEGER));
}
