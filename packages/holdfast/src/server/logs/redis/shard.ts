import type { RedisArgument } from '@redis/client';
import { Connection } from './connection.ts';
import type { Client } from './dial.ts';
import { has } from './failures.ts';
import type { Address, ResolvedRedisOptions } from './options.ts';
import type { Pause } from './pause.ts';
import { type Script, scripts } from './scripts.ts';
import { Subscriber } from './subscriber.ts';

export interface ShardParts {
  options: ResolvedRedisOptions;
  addresses: readonly Address[];
  pause: Pause;
  random: () => number;
  sharded: boolean;
  /** What was published meanwhile may have been missed. */
  restored(shard: Shard): void;
  /** Where the primary is, should be asked again. */
  doubted(): void;
}

type Probe = { state: 'heard' } | { state: 'sent'; atMs: number };

/** One primary: a connection that commands, a connection that listens, and a probe that tells whether both work. */
export class Shard {
  readonly addresses: readonly Address[];
  readonly commands: Connection;
  readonly subscriber: Subscriber;
  private probed: Probe = { state: 'heard' };
  private probeChannel = '';
  private probeTimer: ReturnType<typeof setInterval> | undefined;
  private readonly parts: ShardParts;

  constructor(parts: ShardParts) {
    this.parts = parts;
    this.addresses = parts.addresses;
    const { options, addresses, pause, random, sharded } = parts;
    const shared = { options, addresses, pause, random, failed: () => parts.doubted() };
    this.commands = new Connection({
      ...shared,
      prepare: loadScripts,
      restored: () => {
        pause.wake();
        // Another primary may command now, while the old one is still listened to.
        this.probe();
      },
    });
    this.subscriber = new Subscriber({
      ...shared,
      sharded,
      moved: () => parts.doubted(),
      restored: () => {
        this.probed = { state: 'heard' };
        pause.wake();
        parts.restored(this);
      },
    });
  }

  /** The first time, when what is wrong is told at once. */
  async open(): Promise<void> {
    await this.commands.open();
    await this.subscriber.connection.open();
  }

  start(): void {
    this.commands.start();
    this.subscriber.connection.start();
  }

  async run<T>(script: Script, keys: readonly string[], args: readonly RedisArgument[]): Promise<T> {
    try {
      return await this.commands.send<T>(['EVALSHA', script.sha, String(keys.length), ...keys, ...args]);
    } catch (error) {
      // Somebody flushed the scripts: they are brought back for the next try.
      const { client } = this.commands;
      if (client && has(error, 'NOSCRIPT')) await loadScripts(client);
      if (has(error, 'MOVED', 'CLUSTERDOWN')) this.parts.doubted();
      if (has(error, 'READONLY', 'MASTERDOWN')) this.commands.restart(error);
      throw error;
    }
  }

  /** Publishes now and then on a channel of its own, and listens for it: pub/sub itself never says that it fails. */
  async watch(channel: string): Promise<void> {
    clearInterval(this.probeTimer);
    if (this.probeChannel !== channel) this.subscriber.forget(this.probeChannel);
    this.probeChannel = channel;
    this.probeTimer = setInterval(() => this.probe(), this.parts.options.probeIntervalMs);
    await this.subscriber.hear(channel, () => {
      this.probed = { state: 'heard' };
    });
  }

  /** What is wrong; undefined when nothing is. */
  get trouble(): string | undefined {
    const trouble = this.commands.trouble ?? this.subscriber.connection.trouble;
    if (trouble || this.probed.state === 'heard') return trouble;
    const silentMs = performance.now() - this.probed.atMs;
    if (silentMs < Math.min(2_000, this.parts.options.probeIntervalMs)) return undefined;
    return `Redis at ${this.addresses[0]!.text} has not answered for ${Math.round(silentMs)} ms.`;
  }

  close(): void {
    clearInterval(this.probeTimer);
    this.commands.close();
    this.subscriber.connection.close();
  }

  private probe(): void {
    if (!this.commands.client || !this.subscriber.hears(this.probeChannel)) return;
    const nowMs = performance.now();
    const { probed } = this;
    const { answerTimeoutMs, probeIntervalMs } = this.parts.options;
    if (probed.state === 'sent' && nowMs - probed.atMs >= answerTimeoutMs) {
      this.probed = { state: 'heard' };
      this.commands.restart(new Error(`Timeout: no answer for ${answerTimeoutMs} ms`));
      return this.subscriber.connection.restart(
        new Error(`Timeout: nothing heard for ${answerTimeoutMs} ms`),
      );
    }
    if (probed.state === 'heard') this.probed = { state: 'sent', atMs: nowMs };
    const command = this.parts.sharded ? 'SPUBLISH' : 'PUBLISH';
    this.run(scripts.probe, [], [command, this.probeChannel, '']).then(
      // Redis wrote the message out before this answer: it may be a moment behind on its own connection, no more.
      () => setTimeout(() => this.judge(nowMs), Math.min(1_000, probeIntervalMs)).unref(),
      () => {},
    );
  }

  /** Redis answered, yet the probe was not heard: the subscription is dead, or leads elsewhere. */
  private judge(sentAtMs: number): void {
    if (this.probed.state === 'heard' || this.probed.atMs > sentAtMs) return;
    if (!this.subscriber.hears(this.probeChannel)) return;
    this.probed = { state: 'heard' };
    this.subscriber.connection.restart(new Error('What was published did not come back'));
  }
}

async function loadScripts(client: Client): Promise<void> {
  await Promise.all(Object.values(scripts).map(({ text }) => client.sendCommand(['SCRIPT', 'LOAD', text])));
}
