// A server in a process of its own, which a test may stop, kill, and start again.
import { lmdbLog } from 'holdfast/logs/lmdb';
import { natsLog, type NatsLogOptions } from 'holdfast/logs/nats';
import { redisLog, type RedisLogOptions } from 'holdfast/logs/redis';
import { createServer, type HoldfastServer, type Position, type ServerOptions } from 'holdfast/server';
import { answerCalls } from '../support/calls.ts';

let server: HoldfastServer;
let lastN = 0;
const runs: number[] = [];
const answering: (() => void)[] = [];

/** What a message between processes can carry. */
type ListenOptions = Omit<ServerOptions, 'log'> & {
  host?: string;
  lmdb?: string;
  nats?: NatsLogOptions;
  redis?: RedisLogOptions;
};

const calls = {
  async listen(port: number, options: ListenOptions = {}): Promise<number> {
    const { host = '127.0.0.1', lmdb, nats, redis, ...rest } = options;
    const log = lmdb ? lmdbLog(lmdb) : nats ? natsLog(nats) : redis && redisLog(redis);
    server = createServer({ logger: false, ...rest, ...(log && { log }) }) as HoldfastServer;
    server.method('never', (n: number) => {
      runs.push(n);
      return new Promise(() => {});
    });
    server.method('later', (n: number) => {
      runs.push(n);
      return new Promise<string>((resolve) => void answering.push(() => resolve(`answer ${n}`)));
    });
    return (await server.listen(port, host)).port;
  },
  /** Publishes the next `count` messages of the publisher `server`, each with `bytes` of ballast. */
  async publish(topic: string, count: number, bytes = 0): Promise<Position> {
    const ballast = 'x'.repeat(bytes);
    const publishes = Array.from({ length: count }, () =>
      server.publish(topic, { publisher: 'server', n: ++lastN, ballast }),
    );
    return (await Promise.all(publishes)).at(-1)!;
  },
  /** Answers what `later` was asked. */
  answer: () => answering.splice(0).forEach((give) => give()),
  presence: (topic: string) => server.presence(topic),
  clusterStats: () => server.clusterStats(),
  closeSession: (id: string, text: string) => server.closeSession(id, text),
  /** The requests that `never` and `later` were called with. */
  runs: () => runs,
  stats: () => server.stats(),
  /** From now on SIGTERM moves the clients and ends the process. */
  drainOnSignal: (deadlineMs: number) => void server.drainOnSignal({ deadlineMs }),
};

export type ServerCalls = typeof calls;
answerCalls(calls);
