import { bunEngine, type Fetch } from './engines/bun.ts';
import { memoryLog } from './logs/memory.ts';
import { resolveOptions, type ServerOptions } from './options.ts';
import { nodeMachine } from './resources/node-machine.ts';
import { linuxProcesses } from './resources/processes.ts';
import { HoldfastServer } from './server.ts';
import { systemClock } from './system-clock.ts';

export interface BunServerOptions extends ServerOptions {
  /**
   * The application's own routes, as `Bun.serve`, Hono or Elysia have them: they get every request but the upgrades at
   * `path`, those for `/healthz` and `/readyz` included.
   */
  fetch?: Fetch;
}

/**
 * Makes a server on Bun's own, from Bun 1.4.4 on. It serves nothing until `listen` is called. Bun itself finds it under
 * `holdfast/server`, too.
 *
 * @throws HoldfastError `invalid-option`, with the option's name and what was expected.
 */
export function createServer({ fetch, ...options }: BunServerOptions = {}): HoldfastServer<never> {
  return new HoldfastServer<never>({
    options: resolveOptions(options),
    log: options.log ?? memoryLog(),
    clock: systemClock,
    random: Math.random,
    engine: (host) => bunEngine(host, options.path, fetch),
    machine: nodeMachine(),
    processes: linuxProcesses(),
  });
}

export { HoldfastError } from '../protocol/error-codes.ts';
export { memoryLog } from './logs/memory.ts';
export type * from './create-server.ts';
