/**
 * The process that the page's buttons kill: a Holdfast server and a plain WebSocket broadcast on one port.
 * The supervisor forks it, with the origins that may connect as its only argument, comma-separated.
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
import { PlainBroadcast } from './plain-broadcast.ts';

const DRAIN_MS = 5_000;

// Without its supervisor nobody could reach it, or end it.
process.on('disconnect', () => process.exit());

const origins = (process.argv[2] ?? '').split(',');
const http = createHttpServer((_request, response) => response.writeHead(426).end());
const server = createServer({
  origins,
  authorize: mayDo,
  // Faster than the default of 25 s, so that a black hole of 10 s is long enough to be noticed.
  heartbeat: { intervalMs: 2_000 },
});
await server.attach(http, { path: HOLDFAST_PATH });
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
  plain.send(JSON.stringify(message));
  await server.publish(TICKS_TOPIC, message);
  tell({ type: 'published', ...message });
}

async function retire(): Promise<void> {
  plain.close();
  await server.drain({ deadlineMs: DRAIN_MS });
  await server.close();
  process.exit();
}

function tell(message: FromServer): void {
  if (process.connected) process.send?.(message);
}
