import { natsLog } from 'holdfast/logs/nats';
import { describeSharedLog, LogSubject } from 'holdfast/testing/contracts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { requirePeer } from './peers.ts';
import { LogLoad } from './support/log-load.ts';
import { leaderOf, startNatsCluster, type NatsServer } from './support/nats.ts';

const runner = {
  describe,
  it: (title: string, body: () => Promise<void>) => it(title, body, 30_000),
};

describe.runIf(requirePeer('nats-server'))('holdfast/logs/nats on a cluster of three', () => {
  let servers: NatsServer[];
  let prefixes = 0;
  beforeAll(async () => {
    servers = await startNatsCluster(3);
  });
  afterAll(() => Promise.all(servers.map((server) => server.destroy())));

  /** The log of a node that prefers one of the servers. */
  const logAt = (
    index: number,
    prefix: string,
    options: { replicas?: number } = { replicas: 3 },
  ): ReturnType<typeof natsLog> => {
    const urls = servers.map(({ url }) => url);
    const first = index % 3;
    return natsLog({ url: [...urls.slice(first), ...urls.slice(0, first)], prefix, ...options });
  };

  describeSharedLog(
    'nats',
    () => {
      const prefix = `shared${++prefixes}`;
      let nodes = 0;
      return { log: () => logAt(nodes++, prefix), destroy: () => {} };
    },
    runner,
  );

  it('a node that asks for no number of replicas takes the stream as it is', async () => {
    const first = await LogSubject.open(logAt(0, 'asked'), {});
    const second = await LogSubject.open(logAt(1, 'asked', {}), {});
    await expect(LogSubject.open(logAt(2, 'asked', { replicas: 1 }), {})).rejects.toThrow(
      'num_replicas is 3 and must be 1',
    );
    for (const { log } of [first, second]) await log.close();
  });

  it('[PUB-1, PUB-3] kill -9 of the stream’s leader while publishing: nothing acknowledged is lost, nothing is there twice', async () => {
    const nodes = await Promise.all([0, 1].map((index) => LogSubject.open(logAt(index, 'killed'), {})));
    const load = new LogLoad(nodes, 20);
    for (let round = 0; round < 2; round++) {
      await load.goesOnBy(10);
      const leader = await leaderOf(servers, 'killed');
      await leader.kill();
      await load.goesOnBy(10);
      await leader.start();
    }
    await load.endAndCheck(nodes[1]!);
    for (const { log } of nodes) await log.close();
  }, 120_000);
});
