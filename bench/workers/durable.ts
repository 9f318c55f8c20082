import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lmdbLog } from 'holdfast/logs/lmdb';
import { createServer, type MessageLog, type Position } from 'holdfast/server';
import { open } from 'lmdb';
import { serve } from '../lab/serve.ts';

const folder = mkdtempSync(join(process.env['BENCH_DISK'] ?? tmpdir(), 'holdfast-bench-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

const payload = new Uint8Array(32).fill(7);
const everything = { countMax: 1e9, bytesMax: 1e12, ageMaxMs: 1e9 };
const asByDefault = { countMax: 10_000, bytesMax: 16 * 2 ** 20, ageMaxMs: 3_600_000 };

/** Calls again and again, so many at once, until the time is over; gives the calls per second. */
async function perSecond(
  atOnce: number,
  durationMs: number,
  call: (loop: number) => Promise<unknown>,
): Promise<number> {
  const startedAt = performance.now();
  let calls = 0;
  const loop = async (_: unknown, index: number): Promise<void> => {
    while (performance.now() - startedAt < durationMs) {
      await call(index);
      calls++;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, loop));
  return (calls / (performance.now() - startedAt)) * 1_000;
}

/** What anyone would write first: one put, one flush, one after the other. */
async function flushes(durationMs: number): Promise<number> {
  const database = open<Uint8Array, number>({
    path: join(folder, 'bare'),
    encoding: 'binary',
    overlappingSync: false,
  });
  let key = 0;
  const rate = await perSecond(1, durationMs, () => database.put(++key, payload));
  await database.close();
  return rate;
}

let log: MessageLog | undefined;

async function openLog(): Promise<MessageLog> {
  log = lmdbLog(join(folder, 'log'));
  await log.open({
    retentionOf: () => asByDefault,
    nowMs: Date.now,
    random: Math.random,
    dedupTtlMs: 1_200_000,
    dedupWindow: 256,
    heard: () => {},
  });
  return log;
}

const sequences: number[] = [];

async function publishes(input: { inFlight: number; sessions: number; durationMs: number }): Promise<number> {
  const opened = log ?? (await openLog());
  return perSecond(input.inFlight, input.durationMs, (loop) => {
    const session = loop % input.sessions;
    sequences[session] = (sequences[session] ?? 0) + 1;
    return opened.append('topic', `session ${session}`, sequences[session]!, payload);
  });
}

let server: ReturnType<typeof createServer>;
let peakBytes = 0;

/** A server with so many messages in its log; gives the position of the first. */
async function listen({
  count,
  bytes,
}: {
  count: number;
  bytes: number;
}): Promise<{ port: number; first: Position }> {
  server = createServer({
    logger: false,
    log: lmdbLog(join(folder, 'served')),
    topics: { '*': { retention: everything } },
  });
  const { port } = await server.listen(0, '127.0.0.1');
  const text = 'x'.repeat(bytes);
  const first = await server.publish('news', { n: 0, text });
  for (let n = 1; n <= count; n += 500) {
    await Promise.all(
      Array.from({ length: 500 }, (_, index) => server.publish('news', { n: n + index, text })),
    );
  }
  return { port, first };
}

let sampling: NodeJS.Timeout | undefined;

/** Begins to look, now and then, at what is in use: not at garbage, which is collected when there is need to. */
function watch(): number {
  clearInterval(sampling);
  sampling = setInterval(() => (peakBytes = Math.max(peakBytes, bytesInUse())), 100);
  return (peakBytes = bytesInUse());
}

/** The most that was in use since then. */
function peak(): number {
  clearInterval(sampling);
  return Math.max(peakBytes, bytesInUse());
}

function bytesInUse(): number {
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

const commands = { flushes, publishes, listen, watch, peak };
export type DurableCommands = typeof commands;
serve(commands);
