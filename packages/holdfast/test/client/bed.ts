import type { Client } from '../../src/client/client.ts';
import type { ClientOptions, ClientStorage, Endpoints } from '../../src/client/options.ts';
import type { ServerOptions } from '../../src/server/options.ts';
import type { HoldfastServer } from '../../src/server/server.ts';
import { createTestbed, type Process, type Testbed, type VirtualConnection } from '../../src/testing/kit.ts';

export const URL = 'ws://virtual:1/';

/** A server and a client in virtual time. */
export class Bed {
  readonly testbed: Testbed;
  readonly server: HoldfastServer;
  readonly serverProcess: Process;
  readonly client: Client;
  readonly process: Process;
  readonly name = 'me';

  constructor(options: ClientOptions = {}, serverOptions: ServerOptions = {}, endpoints: Endpoints = URL) {
    this.testbed = createTestbed({ seed: 1 });
    const { server, process: serverProcess } = this.testbed.server(serverOptions, 1);
    this.server = server;
    this.serverProcess = serverProcess;
    const { client, process } = this.testbed.client(endpoints, { name: this.name, ...options });
    this.client = client;
    this.process = process;
  }

  /** A bed whose client is live. */
  static async live(options?: ClientOptions, serverOptions?: ServerOptions): Promise<Bed> {
    const bed = new Bed(options, serverOptions);
    await bed.until(() => bed.client.status.phase === 'live');
    return bed;
  }

  /** Another client of the same server. */
  another(options: ClientOptions & { name?: string } = {}): Client {
    return this.testbed.client(URL, options).client;
  }

  get line(): VirtualConnection {
    const line = this.testbed.network.of(this.name).at(-1);
    if (!line) throw new Error('The client has no connection.');
    return line;
  }

  /** How many connections the client has dialled that are still there. */
  get lines(): number {
    return this.testbed.network.of(this.name).length;
  }

  pass(durationMs: number): Promise<void> {
    return this.testbed.clock.advance(durationMs);
  }

  /** Lets time pass until the condition holds; fails when it does not within two minutes. */
  async until(condition: () => boolean): Promise<void> {
    if (!(await this.testbed.clock.until(condition, 120_000, 10)))
      throw new Error(`It did not come to pass: ${condition.toString()}`);
  }

  /** Waits for a promise while time passes. */
  async wait<T>(promise: Promise<T>): Promise<T> {
    let settled = false;
    promise.catch(() => {}).finally(() => (settled = true));
    await this.until(() => settled);
    return promise;
  }

  /** The code with which a promise rejects. */
  async codeOf(promise: Promise<unknown>): Promise<string> {
    return this.wait(
      promise.then(
        (value) => `resolved with ${JSON.stringify(value)}`,
        (error: { code?: string }) => error.code ?? String(error),
      ),
    );
  }
}

/** Web Storage in memory, which a next life finds again. */
export function memoryStorage(
  items = new Map<string, string>(),
): ClientStorage & { items: Map<string, string> } {
  return {
    items,
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => void items.set(key, value),
  };
}
