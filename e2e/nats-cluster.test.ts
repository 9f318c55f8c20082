import { natsLog } from 'holdfast/logs/nats';
import { describeSharedLog, LogSubject } from 'holdfast/testing/contracts';
import { afterAll, beforeAll, describe, it } from 'vitest';
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
  const logAt = (index: number, prefix: string): ReturnType<typeof natsLog> => {
    const urls = servers.map(({ url }) => url);
    const first = index % 3;
    return natsLog({ url: [...urls.slice(first), ...urls.slice(0, first)], prefix, replicas: 3 });
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
