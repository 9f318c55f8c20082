/**
 * The process that the page's buttons kill: a Holdfast server and a plain WebSocket broadcast on one port.
 * The supervisor forks it, with HOLDFAST_ORIGINS (who may connect, comma-separated) and HOLDFAST_LOG.
 */
import { createServer as createHttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createServer, type Action, type Identity } from 'holdfast/server';
import {
  HOLDFAST_PATH,
  NOTES_TOPIC,
  TICKS_TOPIC,
  type FromServer,
  type Numbered,
  type ToServer,
} from '../events.ts';
import { openLog } from './log.ts';
import { PlainBroadcast } from './plain-broadcast.ts';

const DRAIN_MS = 5_000;

// Without its supervisor nobody could reach it, or end it.
process.on('disconnect', () => process.exit());

const origins = (process.env['HOLDFAST_ORIGINS'] ?? '').split(',');
const http = createHttpServer(({ headers: { origin = '' } }, response) => {
  // Clients ask by HTTP how far an endpoint is, and why it takes no WebSocket; their pages may read the answer.
  if (origins.includes(origin)) response.setHeader('access-control-allow-origin', origin);
  response.writeHead(426, { vary: 'origin' }).end();
});
const log = await openLog(process.env['HOLDFAST_LOG'] ?? 'memory').catch(fail);
const server = createServer({
  ...(log && { log }),
  origins,
  authorize: mayDo,
  // Faster than the default of 25 s, so that a black hole of 10 s is long enough to be noticed.
  heartbeat: { intervalMs: 2_000 },
});
await server.attach(http, { path: HOLDFAST_PATH }).catch(fail);
const plain = new PlainBroadcast(http, new Set(origins));

process.on(
  'message',
  (message: ToServer) => void (message.type === 'publish' ? publish(message.n) : retire()),
);
// Ctrl-C reaches the whole group; the supervisor decides when this process ends.
process.on('SIGINT', () => {});

http.listen(0, '127.0.0.1', () => tell({ type: 'listening', port: (http.address() as AddressInfo).port }));

function mayDo(_identity: Identity, action: Action, name: string): boolean {
  if (action === 'subscribe') return name === TICKS_TOPIC || name === NOTES_TOPIC;
  return action === 'publish' && name === NOTES_TOPIC;
}

async function publish(n: number): Promise<void> {
  const message: Numbered = { n, atMs: Date.now() };
  try {
    await server.publish(TICKS_TOPIC, message);
  } catch (error) {
    // The log can't be used: the number is no message, on either lane.
    return console.error(`Message ${n} was not published: ${(error as Error).message}`);
  }
  plain.send(JSON.stringify(message));
  tell({ type: 'published', ...message });
}

async function retire(): Promise<void> {
  plain.close();
  await server.drain({ deadlineMs: DRAIN_MS });
  await server.close();
  process.exit();
}

/** A log that can't be used says why, and what to do. */
function fail(error: unknown): never {
  console.error(error instanceof Error ? error.message : String(error));
  process.exit(1);
}

function tell(message: FromServer): void {
  if (process.connected) process.send?.(message);
}
