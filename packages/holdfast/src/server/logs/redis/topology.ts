import type { Probe } from './keys.ts';
import type { Address, ResolvedRedisOptions } from './options.ts';
import type { Pause } from './pause.ts';
import { Shard, type ShardParts } from './shard.ts';
import { slotOf, SLOTS } from './slots.ts';
import { askSlots, type SlotRange } from './survey.ts';

export interface TopologyParts {
  options: ResolvedRedisOptions;
  pause: Pause;
  random: () => number;
  /** What was published on these channels meanwhile may have been missed. */
  restored(channels: Iterable<string>): void;
  /** What this node probes a shard with, by number. */
  probe(n: number): Probe;
}

/** No more often is a cluster asked who serves what. */
const REFRESH_INTERVAL_MS = 200;

/** Which Redis serves what: one primary for everything, or a cluster's, by slot. */
export class Topology {
  clustered = false;
  /** SPUBLISH, or PUBLISH where there is no such thing. */
  publishCommand = 'PUBLISH';
  private readonly shards = new Map<string, Shard>();
  private slots: Shard[] = [];
  private listeners = new Map<string, (message: Buffer) => void>();
  private refreshing: Promise<void> | undefined;
  private asked = 0;
  private closed = false;
  private readonly parts: TopologyParts;

  constructor(parts: TopologyParts) {
    this.parts = parts;
  }

  /** Connects. Rejects with what is wrong and what to do. */
  async open(clustered: boolean, sharded: boolean): Promise<void> {
    const { addresses } = this.parts.options;
    this.clustered = clustered;
    if (sharded) this.publishCommand = 'SPUBLISH';
    if (clustered) return this.assign(await askSlots(addresses, this.parts.options), true);
    const shard = this.make(addresses);
    this.shards.set('', shard);
    this.slots = [shard];
    await shard.open();
  }

  /** Begins to check whether what is published is heard. */
  async watch(): Promise<void> {
    await Promise.all(Array.from(this.shards.values(), (shard) => this.watchShard(shard)));
  }

  shardOf(key: string): Shard {
    const shard = this.slots[this.clustered ? slotOf(key) : 0];
    if (shard) return shard;
    this.refresh();
    throw new Error(`CLUSTERDOWN Nobody serves the slot ${slotOf(key)}`);
  }

  async hear(channel: string, listener: (message: Buffer) => void): Promise<void> {
    this.listeners.set(channel, listener);
    await this.shardOf(channel).subscriber.hear(channel, listener);
  }

  forget(channel: string): void {
    this.listeners.delete(channel);
    for (const { subscriber } of this.shards.values()) subscriber.forget(channel);
  }

  get primaries(): Iterable<Shard> {
    return this.shards.values();
  }

  get trouble(): string | undefined {
    for (const { trouble } of this.shards.values()) if (trouble) return trouble;
    if (this.clustered && this.slots.length < SLOTS) return 'The Redis cluster does not serve all slots.';
    return undefined;
  }

  close(): void {
    this.closed = true;
    for (const shard of this.shards.values()) shard.close();
  }

  /** Asks the cluster who serves what now. */
  private refresh(): void {
    if (!this.clustered || this.closed) return;
    this.refreshing ??= this.parts.pause
      .alone(REFRESH_INTERVAL_MS)
      .then(async () => this.assign(await askSlots(this.known(), this.parts.options), false))
      .catch(() => {})
      .finally(() => {
        this.refreshing = undefined;
      });
  }

  /** Whom to ask, each time beginning with another: one that was cut off would give its old view again and again. */
  private known(): Address[] {
    const known = Array.from(this.shards.values(), ({ addresses }) => addresses[0]!);
    const all = [...known, ...this.parts.options.addresses];
    const first = this.asked++ % all.length;
    return [...all.slice(first), ...all.slice(0, first)];
  }

  private async assign(ranges: readonly SlotRange[], first: boolean): Promise<void> {
    if (this.closed) return;
    const slots: Shard[] = [];
    const fresh: Shard[] = [];
    for (const { from, to, primary } of ranges) {
      let shard = this.shards.get(primary.text);
      if (!shard) {
        shard = this.make([primary]);
        this.shards.set(primary.text, shard);
        fresh.push(shard);
      }
      for (let slot = from; slot <= to; slot++) slots[slot] = shard;
    }
    this.slots = slots;
    if (first) await Promise.all(fresh.map((shard) => shard.open()));
    const serving = new Set(slots);
    for (const [name, shard] of this.shards) {
      if (serving.has(shard)) continue;
      this.shards.delete(name);
      shard.close();
    }
    if (first) return;
    for (const shard of fresh) shard.start();
    this.moveListeners();
    for (const shard of this.shards.values()) void this.watchShard(shard).catch(() => {});
    this.parts.pause.wake();
  }

  /** Channels whose slot has moved are heard where it is now. */
  private moveListeners(): void {
    for (const [channel, listener] of this.listeners) {
      const { subscriber } = this.slots[slotOf(channel)] ?? {};
      if (!subscriber || subscriber.hears(channel)) continue;
      for (const { subscriber: other } of this.shards.values()) {
        if (other !== subscriber) other.forget(channel);
      }
      subscriber.hear(channel, listener).then(
        () => this.parts.restored([channel]),
        // It is heard once the connection stands; `restored` comes then.
        () => {},
      );
    }
  }

  private watchShard(shard: Shard): Promise<void> {
    if (!this.clustered) return shard.watch(this.parts.probe(0));
    for (let n = 0; n < SLOTS; n++) {
      const probe = this.parts.probe(n);
      if (this.slots[slotOf(probe.key)] === shard) return shard.watch(probe);
    }
    return Promise.resolve();
  }

  private make(addresses: readonly Address[]): Shard {
    const { options, pause, random } = this.parts;
    const parts: ShardParts = {
      options,
      addresses,
      pause,
      random,
      sharded: this.publishCommand === 'SPUBLISH',
      restored: ({ subscriber }) => this.parts.restored(subscriber.channels.keys()),
      doubted: () => this.refresh(),
    };
    return new Shard(parts);
  }
}
