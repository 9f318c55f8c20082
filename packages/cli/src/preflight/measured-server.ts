/** The server whose memory `measure` weighs: a process of its own, called over its IPC channel. */
import { createServer as createHttpServer } from 'node:http';
import { getHeapStatistics } from 'node:v8';
import { createServer } from 'holdfast/server';
import { WebSocketServer } from 'ws';
import type { ServerKind } from './measured.ts';

export interface Weight {
  readonly rssBytes: number;
  readonly heapBytes: number;
  /** On the heap and outside of it, in use after a collection. */
  readonly usedBytes: number;
  readonly heapLimitBytes: number;
  readonly cpuMs: number;
}

export type Call = { readonly call: 'listen'; readonly server: ServerKind } | { readonly call: 'weigh' };
export type Answer = { readonly port: number } | Weight;

const BACKLOG = 1_024;

async function listen(kind: ServerKind): Promise<number> {
  if (kind === 'holdfast') {
    const { port } = await createServer({ logger: false }).listen(0, '127.0.0.1');
    return port;
  }
  const http = createHttpServer();
  const server = new WebSocketServer({ server: http });
  server.on('connection', (socket) => socket.on('error', () => socket.terminate()));
  await new Promise<void>((resolve) => void http.listen(0, '127.0.0.1', BACKLOG, resolve));
  const address = http.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

function weigh(): Weight {
  // What the first collection finalizes, the second gives back.
  globalThis.gc?.();
  globalThis.gc?.();
  const { rss, heapUsed, external } = process.memoryUsage();
  const { user, system } = process.cpuUsage();
  return {
    rssBytes: rss,
    heapBytes: heapUsed,
    usedBytes: heapUsed + external,
    heapLimitBytes: getHeapStatistics().heap_size_limit,
    cpuMs: (user + system) / 1_000,
  };
}

process.on('message', async (message: Call) => {
  const answer: Answer = message.call === 'listen' ? { port: await listen(message.server) } : weigh();
  process.send?.(answer);
});
process.on('disconnect', () => process.exit());
