// What NATS JetStream as a log costs, beside bare NATS in the same run: npx tsx --conditions=source e2e/programs/nats-figures.ts
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { natsLog } from 'holdfast/logs/nats';
import { LogSubject } from 'holdfast/testing/contracts';
import { NatsServer, startNats, startNatsCluster } from '../support/nats.ts';

const ROUNDS = 2_000;

interface Percentiles {
  p50Ms: number;
  p99Ms: number;
}

function percentiles(values: number[]): Percentiles {
  values.sort((a, b) => a - b);
  const at = (share: number): number => Number(values[Math.floor(values.length * share)]!.toFixed(3));
  return { p50Ms: at(0.5), p99Ms: at(0.99) };
}

/** From a publish on one connection until it is heard on another. */
async function bareDelivery(urls: readonly string[]): Promise<Percentiles> {
  const [from, to] = await Promise.all(
    [hostOf(urls[0]!), hostOf(urls.at(-1)!)].map((servers) => connect({ servers })),
  );
  const times = await heard(to!, (payload) => from!.publish('bare', payload));
  await Promise.all([from!.close(), to!.close()]);
  return percentiles(times);
}

async function heard(nats: NatsConnection, send: (payload: Uint8Array) => void): Promise<number[]> {
  let next = (): void => {};
  nats.subscribe('bare', { callback: () => next() });
  await nats.flush();
  // Until the interest has crossed the cluster.
  await new Promise((resolve) => setTimeout(resolve, 300));
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const startMs = performance.now();
    await new Promise<void>((resolve) => {
      next = resolve;
      send(new Uint8Array(32));
    });
    times.push(performance.now() - startMs);
  }
  return times;
}

/** The same through the log: from an append on one node until a follower on another hears it, and until it is acknowledged. */
async function logDelivery(urls: readonly string[], replicas: number): Promise<Record<string, Percentiles>> {
  const options = { prefix: 'figures', replicas };
  const near = await LogSubject.open(natsLog({ ...options, url: urls }), {});
  const far = await LogSubject.open(natsLog({ ...options, url: urls.toReversed() }), {});
  let next = (): void => {};
  await far.log.follow('t', () => next());
  const [delivered, acknowledged]: [number[], number[]] = [[], []];
  for (let round = 0; round < ROUNDS; round++) {
    const startMs = performance.now();
    const arrives = new Promise<void>((resolve) => (next = resolve));
    const [atMs] = await Promise.all([
      arrives.then(() => performance.now()),
      near.log
        .append('t', 'session', round + 1, new Uint8Array(32))
        .then(() => acknowledged.push(performance.now() - startMs)),
    ]);
    delivered.push(atMs - startMs);
  }
  await near.log.close();
  await far.log.close();
  return { delivered: percentiles(delivered), acknowledged: percentiles(acknowledged) };
}

/** Appends a second: of one session, of 64 at once, and without one. */
async function throughput(urls: readonly string[], replicas: number): Promise<Record<string, number>> {
  const { log } = await LogSubject.open(natsLog({ url: urls, prefix: 'speed', replicas }), {});
  const payload = new Uint8Array(32);
  const rate = async (run: () => Promise<number>): Promise<number> => {
    const startMs = performance.now();
    const count = await run();
    return Math.round(count / ((performance.now() - startMs) / 1_000));
  };
  const session = async (name: string, count: number): Promise<void> => {
    await Promise.all(Array.from({ length: count }, (_, index) => log.append('t', name, index + 1, payload)));
  };
  const one = await rate(() => session('one', 3_000).then(() => 3_000));
  const names = Array.from({ length: 64 }, (_, index) => `session ${index}`);
  const many = await rate(() => Promise.all(names.map((name) => session(name, 200))).then(() => 64 * 200));
  const none = await rate(async () => {
    await Promise.all(Array.from({ length: 10_000 }, () => log.append('t', undefined, 0, payload)));
    return 10_000;
  });
  await log.close();
  return { one, many, none };
}

function hostOf(url: string): string {
  return new URL(url).host;
}

async function measure(name: string, servers: readonly NatsServer[]): Promise<void> {
  const urls = servers.map(({ url }) => url);
  const bare = await bareDelivery(urls);
  const log = await logDelivery(urls, servers.length);
  const again = await bareDelivery(urls);
  const ratio = (log['delivered']!.p50Ms / ((bare.p50Ms + again.p50Ms) / 2)).toFixed(2);
  console.log(name, { bare, again, ...log, ratio, appendsPerSecond: await throughput(urls, servers.length) });
  for (const server of servers) await server.destroy();
}

await measure('one server', [await startNats()]);
await measure('three servers, three replicas', await startNatsCluster(3));
process.exit(0);
