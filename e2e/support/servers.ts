import { createChaosProxy, type ChaosProxy } from '@holdfast/chaos';
import { createServer, type HoldfastServer, type ServerOptions } from 'holdfast/server';
import { onTestFinished } from 'vitest';

export interface RunningServer {
  server: HoldfastServer;
  port: number;
}

/** A server in this process, closed when the test is over. */
export async function openServer(options: ServerOptions = {}, host = '127.0.0.1'): Promise<RunningServer> {
  const server = createServer({ logger: false, ...options }) as HoldfastServer;
  onTestFinished(() => server.close());
  const { port } = await server.listen(0, host);
  return { server, port };
}

/** A chaos proxy before a port of this machine, closed when the test is over. */
export async function openChaos(port: number | (() => number), seed = 1): Promise<ChaosProxy> {
  const find = typeof port === 'function' ? port : () => port;
  const proxy = await createChaosProxy({ target: () => ({ host: '127.0.0.1', port: find() }), seed });
  onTestFinished(() => proxy.close());
  return proxy;
}
