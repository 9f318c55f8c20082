import type { Client } from './client.ts';
import { Connection, type ConnectionParts } from './connection.ts';
import { has } from './failures.ts';

/** Channels that one SUBSCRIBE names. */
const CHANNELS_AT_ONCE = 500;

export type Listener = (message: Buffer) => void;

export interface SubscriberParts extends Omit<ConnectionParts, 'prepare'> {
  /** Whether channels belong to slots (SSUBSCRIBE), as from Redis 7 on in a cluster. */
  sharded: boolean;
  /** Another shard has a channel now, as Redis says by itself or when it is asked for. */
  moved(): void;
}

/** A connection that hears channels, and after each loss hears them again. */
export class Subscriber {
  readonly connection: Connection;
  private readonly wanted = new Map<string, Listener>();
  /** Those that Redis has confirmed on the present connection, or is about to. */
  private confirmed = new Map<string, Promise<void>>();
  private readonly parts: SubscriberParts;

  constructor(parts: SubscriberParts) {
    this.parts = parts;
    this.connection = new Connection({ ...parts, prepare: (client) => this.prepare(client) });
  }

  /** Hears a channel once the promise is settled; a channel has one listener. */
  async hear(channel: string, listener: Listener): Promise<void> {
    this.wanted.set(channel, listener);
    const { client } = this.connection;
    if (!client) throw new Error(this.connection.trouble);
    await this.subscribe(client, [channel]);
  }

  forget(channel: string): void {
    if (!this.wanted.delete(channel) || !this.confirmed.delete(channel)) return;
    const { client } = this.connection;
    // Whatever still comes finds no listener.
    client?.listen(this.parts.sharded ? 'sunsubscribe' : 'unsubscribe', [channel]).catch(() => {});
  }

  /** Whether the channel is heard on the connection of this moment. */
  hears(channel: string): boolean {
    return this.connection.client !== undefined && this.confirmed.has(channel);
  }

  get channels(): ReadonlyMap<string, Listener> {
    return this.wanted;
  }

  private async prepare(client: Client): Promise<void> {
    this.confirmed = new Map();
    const { confirmed } = this;
    client.hear({
      message: (channel, message) => this.wanted.get(channel)?.(message),
      ended: (channel) => {
        confirmed.delete(channel);
        this.parts.moved();
      },
    });
    // More may be wanted meanwhile; nobody is told that it works before all are heard.
    for (;;) {
      const missing = Array.from(this.wanted.keys()).filter((channel) => !confirmed.has(channel));
      if (missing.length === 0) return;
      await this.subscribe(client, missing.slice(0, CHANNELS_AT_ONCE));
    }
  }

  private async subscribe(client: Client, channels: readonly string[]): Promise<void> {
    const { confirmed } = this;
    const fresh = channels.filter((channel) => !confirmed.has(channel));
    // A cluster takes only channels of one slot in one command.
    const groups = this.parts.sharded ? fresh.map((channel) => [channel]) : fresh.length > 0 ? [fresh] : [];
    for (const group of groups) {
      const done = client.listen(this.parts.sharded ? 'ssubscribe' : 'subscribe', group);
      for (const channel of group) confirmed.set(channel, done);
      done.catch((error: unknown) => {
        for (const channel of group) confirmed.delete(channel);
        if (has(error, 'MOVED', 'CLUSTERDOWN')) this.parts.moved();
      });
    }
    await Promise.all(channels.map((channel) => confirmed.get(channel)));
  }
}
