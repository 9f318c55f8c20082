import { redisLog } from 'holdfast/logs/redis';
import { createServer, type HoldfastServer, type Position } from 'holdfast/server';
import { monotonicMs } from '../lab/clock.ts';
import { serve } from '../lab/serve.ts';

/** One node on a Redis. */
const everything = { countMax: 1e9, bytesMax: 1e12, ageMaxMs: 1e9 };
let server: HoldfastServer;

const commands = {
  listen: async (url: string): Promise<number> => {
    const topics = { '*': { retention: everything } };
    server = createServer({ logger: false, log: redisLog(url), topics }) as HoldfastServer;
    return (await server.listen(0, '127.0.0.1')).port;
  },

  /** Publishes so many messages; gives the position of the first. */
  fill: async ({ count, bytes }: { count: number; bytes: number }): Promise<Position> => {
    const text = 'x'.repeat(bytes);
    const first = await server.publish('news', { n: 0, text });
    for (let n = 1; n <= count; n += 500) {
      await Promise.all(
        Array.from({ length: Math.min(500, count + 1 - n) }, (_, index) =>
          server.publish('news', { n: n + index, text }),
        ),
      );
    }
    return first;
  },

  /** Publishes one after the other; gives how many a second. */
  rate: async ({ inFlight, durationMs }: { inFlight: number; durationMs: number }): Promise<number> => {
    const startedAtMs = monotonicMs();
    let count = 0;
    const loop = async (): Promise<void> => {
      while (monotonicMs() - startedAtMs < durationMs) {
        await server.publish('rate', 'x'.repeat(32));
        count++;
      }
    };
    await Promise.all(Array.from({ length: inFlight }, loop));
    return (count / (monotonicMs() - startedAtMs)) * 1_000;
  },

  /** What is in use now, and the most that was since `watch`; not garbage, which is collected when there is need to. */
  watch: (): number => {
    clearInterval(sampling);
    sampling = setInterval(() => (peakBytes = Math.max(peakBytes, bytesInUse())), 100);
    return (peakBytes = bytesInUse());
  },
  peak: (): number => {
    clearInterval(sampling);
    return Math.max(peakBytes, bytesInUse());
  },
};

let sampling: NodeJS.Timeout | undefined;
let peakBytes = 0;

function bytesInUse(): number {
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

export type RedisNodeCommands = typeof commands;
serve(commands);
