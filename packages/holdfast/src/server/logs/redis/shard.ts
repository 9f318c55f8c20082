import type { Argument, Client } from './client.ts';
import { Connection } from './connection.ts';
import { explain, has, isRefusal } from './failures.ts';
import type { Probe } from './keys.ts';
import type { Address, ResolvedRedisOptions } from './options.ts';
import type { Pause } from './pause.ts';
import type { Reply } from './replies.ts';
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

interface Probed {
  /** When the oldest probe was sent that has not been heard; undefined when all were. */
  sentAtMs: number | undefined;
  /** Why Redis, which answers, took no writes at the last one. */
  refusal: unknown;
}

const heard: Probed = { sentAtMs: undefined, refusal: undefined };

/** One primary: a connection that commands, a connection that listens, and a probe that tells whether both work. */
export class Shard {
  readonly addresses: readonly Address[];
  readonly commands: Connection;
  readonly subscriber: Subscriber;
  private probed = heard;
  private probing: Probe | undefined;
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
        this.probed = heard;
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

  async run<T extends Reply>(script: Script, keys: readonly string[], args: readonly Argument[]): Promise<T> {
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
  async watch(probe: Probe): Promise<void> {
    clearInterval(this.probeTimer);
    if (this.probing && this.probing.key !== probe.key) this.subscriber.forget(this.probing.channel);
    this.probing = probe;
    this.probeTimer = setInterval(() => this.probe(), this.parts.options.probeIntervalMs);
    await this.subscriber.hear(probe.channel, () => {
      this.probed = heard;
    });
  }

  /** What is wrong; undefined when nothing is. */
  get trouble(): string | undefined {
    const trouble = this.commands.trouble ?? this.subscriber.connection.trouble;
    const { sentAtMs, refusal } = this.probed;
    const name = `Redis at ${this.addresses[0]!.text}`;
    if (trouble) return trouble;
    if (refusal !== undefined) return `${name} takes no writes: ${explain(refusal)}`;
    const silentMs = sentAtMs === undefined ? 0 : performance.now() - sentAtMs;
    if (silentMs < Math.min(2_000, this.parts.options.probeIntervalMs)) return undefined;
    return `${name} has not answered for ${Math.round(silentMs)} ms.`;
  }

  close(): void {
    clearInterval(this.probeTimer);
    this.commands.close();
    this.subscriber.connection.close();
  }

  private probe(): void {
    const { probing, probed } = this;
    if (!probing || !this.commands.client || !this.subscriber.hears(probing.channel)) return;
    const nowMs = performance.now();
    const { answerTimeoutMs, probeIntervalMs } = this.parts.options;
    if (probed.sentAtMs !== undefined && nowMs - probed.sentAtMs >= answerTimeoutMs) {
      this.probed = heard;
      this.commands.restart(new Error(`Timeout: no answer for ${answerTimeoutMs} ms`));
      return this.subscriber.connection.restart(
        new Error(`Timeout: nothing heard for ${answerTimeoutMs} ms`),
      );
    }
    this.probed = { ...probed, sentAtMs: probed.sentAtMs ?? nowMs };
    const command = this.parts.sharded ? 'SPUBLISH' : 'PUBLISH';
    this.run(scripts.probe, [probing.key], [command, probing.channel]).then(
      // Redis wrote the message out before this answer: it may be a moment behind on its own connection, no more.
      () => setTimeout(() => this.judge(probing, nowMs), Math.min(1_000, probeIntervalMs)).unref(),
      (error: unknown) => {
        if (isRefusal(error) || has(error, 'MISCONF', 'NOREPLICAS'))
          this.probed = { sentAtMs: undefined, refusal: error };
      },
    );
  }

  /** Redis answered, yet the probe was not heard: the subscription is dead, or leads elsewhere. */
  private judge(probe: Probe, sentAtMs: number): void {
    if (this.probed.sentAtMs === undefined || this.probed.sentAtMs > sentAtMs) return;
    if (!this.subscriber.hears(probe.channel)) return;
    this.probed = heard;
    this.subscriber.connection.restart(new Error('What was published did not come back'));
  }
}

async function loadScripts(client: Client): Promise<void> {
  await Promise.all(Object.values(scripts).map(({ text }) => client.send(['SCRIPT', 'LOAD', text])));
}
