import { Client } from '../client/client.ts';
import type { Platform } from '../client/driver.ts';
import type { ClientOptions, Endpoints } from '../client/options.ts';
import type { Contract } from '../client/types.ts';
import { memoryLog } from '../server/logs/memory.ts';
import { resolveOptions, type ServerOptions } from '../server/options.ts';
import { HoldfastServer } from '../server/server.ts';
import { seededRandom } from './seeded-random.ts';
import { VirtualClock, type ProcessClock } from './virtual-clock.ts';
import { VirtualNetwork } from './virtual-network.ts';

/** A process of a testbed: it can be stopped and continued (SIGSTOP, SIGCONT), or ended (kill -9). */
export interface Process {
  readonly clock: ProcessClock;
}

/**
 * Whole clients and servers in one process and in virtual time, with a network that does what you say: to test
 * how your application bears outages, without waiting for any. The same seed gives the same run.
 *
 * ```ts
 * const testbed = createTestbed({ seed: 1 });
 * const { server } = testbed.server({}, 8080);
 * const { client } = testbed.client('ws://virtual:8080/');
 * await testbed.clock.until(() => client.status.phase === 'live', 10_000);
 * for (const connection of testbed.network.connections) connection.cut();
 * ```
 */
export function createTestbed({ seed = 1 }: { seed?: number } = {}): Testbed {
  return new Testbed(seed);
}

export class Testbed {
  readonly random: () => number;
  readonly clock = new VirtualClock();
  readonly network: VirtualNetwork;
  private clients = 0;

  constructor(seed: number) {
    this.random = seededRandom(seed);
    this.network = new VirtualNetwork(this.clock, this.random);
  }

  /** A server that listens on `ws://virtual:<port>/`. */
  server(options: ServerOptions, port: number): { server: HoldfastServer; process: Process } {
    const clock = this.clock.process();
    const server = new HoldfastServer({
      options: resolveOptions({ logger: false, ...options }),
      log: options.log ?? memoryLog(),
      clock,
      random: this.random,
      engine: this.network.engine(clock),
    });
    void server.listen(port);
    return { server, process: { clock } };
  }

  /** A client; `name` finds its connections with `network.of(name)`. */
  client<C extends Contract = Contract>(
    endpoints: Endpoints,
    options: ClientOptions & { name?: string } = {},
  ): { client: Client<C>; name: string; process: Process } {
    const { name = `client-${++this.clients}`, ...rest } = options;
    const clock = this.clock.process();
    const platform: Platform = {
      clock,
      random: this.random,
      openSocket: this.network.dialer(name, clock),
      isOnline: () => true,
      watchHints: () => () => {},
    };
    return { client: new Client<C>(endpoints, rest, platform), name, process: { clock } };
  }
}

export { seededRandom } from './seeded-random.ts';
export { VirtualClock, type ProcessClock } from './virtual-clock.ts';
export { VirtualNetwork, type LineQuality, type VirtualConnection } from './virtual-network.ts';
