import { RESP_TYPES, type RedisArgument } from '@redis/client';
import { type Client, dial, firstOf } from './dial.ts';
import { explain } from './failures.ts';
import type { Address, ResolvedRedisOptions } from './options.ts';
import type { Pause } from './pause.ts';

const BACKOFF_BASE_MS = 50;
const BACKOFF_CAP_MS = 2_000;

/**
 * One connection to the primary among some addresses, made anew whenever it is lost.
 *
 *   opening ──▶ ready ──lost──▶ waiting ──▶ opening …      any ──close()──▶ closed
 */
type State =
  | { name: 'opening'; cause: unknown }
  | { name: 'ready'; client: Client }
  | { name: 'waiting'; cause: unknown }
  | { name: 'closed' };

export interface ConnectionParts {
  options: ResolvedRedisOptions;
  addresses: readonly Address[];
  pause: Pause;
  random: () => number;
  /** What a new connection needs before anybody uses it. */
  prepare(client: Client): Promise<void>;
  /** It works again, after it was lost. */
  restored?(): void;
  /** It was lost, or could not be made again. */
  failed?(): void;
}

export class Connection {
  private state: State = { name: 'opening', cause: undefined };
  private tried = 0;
  private address: Address;
  private readonly parts: ConnectionParts;

  constructor(parts: ConnectionParts) {
    this.parts = parts;
    this.address = parts.addresses[0]!;
  }

  get client(): Client | undefined {
    return this.state.name === 'ready' ? this.state.client : undefined;
  }

  /** What is wrong with it; undefined when nothing is. */
  get trouble(): string | undefined {
    if (this.state.name === 'ready') return undefined;
    const { cause } = this.state.name === 'closed' ? { cause: undefined } : this.state;
    return `Redis at ${this.address.text}: ${cause === undefined ? 'not yet connected.' : explain(cause)}`;
  }

  /** The first time, each address has one try; what is wrong then is told to whoever starts the server. */
  async open(): Promise<void> {
    try {
      this.take(await firstOf(this.parts.addresses, (address) => this.dial(address)));
    } catch (error) {
      this.state = { name: 'closed' };
      throw error;
    }
  }

  /** Keeps trying from the start, for an address that others have vouched for. */
  start(): void {
    void this.reopen();
  }

  /** Gives the present connection up for a new one. What was under way on it fails. */
  restart(cause: unknown): void {
    if (this.state.name === 'ready') this.lose(this.state.client, cause);
  }

  async send<T>(args: readonly RedisArgument[]): Promise<T> {
    if (this.state.name !== 'ready') throw new Error(this.trouble);
    return this.state.client.sendCommand<T>(args, binary);
  }

  close(): void {
    const { client } = this;
    this.state = { name: 'closed' };
    client?.destroy();
  }

  private take(client: Client): void {
    if (this.state.name === 'closed') return client.destroy();
    this.state = { name: 'ready', client };
    this.tried = 0;
    client.on('error', (error: unknown) => this.lose(client, error));
    // Lost between its last answer and now: nobody was listening then.
    if (!client.isReady) this.lose(client, new Error('The connection closed unexpectedly'));
  }

  private lose(client: Client, cause: unknown): void {
    if (this.client !== client) return;
    this.state = { name: 'waiting', cause };
    client.destroy();
    this.parts.failed?.();
    void this.reopen();
  }

  private async reopen(): Promise<void> {
    const { addresses, random, pause } = this.parts;
    while (this.state.name !== 'closed') {
      const address = addresses[this.tried % addresses.length]!;
      try {
        const client = await this.dial(address);
        this.take(client);
        if (this.client === client) this.parts.restored?.();
        return;
      } catch (error) {
        if ((this.state as State).name === 'closed') return;
        this.state = { name: 'waiting', cause: error };
        this.parts.failed?.();
      }
      // Full jitter, and a cap below what anybody would notice; each round goes over all addresses first.
      const round = Math.floor(++this.tried / addresses.length);
      const waitMs = random() * Math.min(BACKOFF_CAP_MS, BACKOFF_BASE_MS * 2 ** Math.min(round, 10));
      await pause.alone(waitMs);
    }
  }

  private dial(address: Address): Promise<Client> {
    this.address = address;
    const { options, prepare } = this.parts;
    return dial(address, options, async (client) => {
      const info = await client.sendCommand<string>(['INFO', 'replication']);
      if (!/^role:master/m.test(info)) throw new Error('READONLY It is not the primary');
      await prepare(client);
    });
  }
}

/**
 * Replies as bytes: payloads are anybody's. And no timeout of the client's own, which costs a signal and a timer for
 * each command: those that wait have deadlines, and a connection that does not answer is given up.
 */
const binary = { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer }, timeout: 0 };
