import type { Argument, Client } from './client.ts';
import { dial, firstOf } from './dial.ts';
import { explain } from './failures.ts';
import type { Address, ResolvedRedisOptions } from './options.ts';
import type { Pause } from './pause.ts';
import type { Reply } from './replies.ts';

const BACKOFF_BASE_MS = 50;
const BACKOFF_CAP_MS = 2_000;
const closed = new Error('The log was closed');

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

  send<T extends Reply>(args: readonly Argument[]): Promise<T> {
    if (this.state.name !== 'ready') return Promise.reject(new Error(this.trouble));
    return this.state.client.send<T>(args);
  }

  close(): void {
    const { client } = this;
    this.state = { name: 'closed' };
    client?.end(closed);
  }

  private take(client: Client): void {
    if (this.state.name === 'closed') return client.destroy(closed);
    this.state = { name: 'ready', client };
    this.tried = 0;
    client.lost = (cause) => this.lose(client, cause);
    // Lost between its last answer and now: nobody was listening then.
    if (client.cause !== undefined) this.lose(client, client.cause);
  }

  private lose(client: Client, cause: unknown): void {
    if (this.client !== client) return;
    this.state = { name: 'waiting', cause };
    client.destroy(cause);
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
      const info = await client.send<Buffer>(['INFO', 'replication']);
      if (!/^role:master/m.test(info.toString())) throw new Error('READONLY It is not the primary');
      await prepare(client);
    });
  }
}
