import { redisLog } from 'holdfast/logs/redis';
import { describeLog, describeSharedLog } from 'holdfast/testing/contracts';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { requirePeer } from './peers.ts';
import { RedisServer, startCluster } from './support/redis.ts';

const stands = requirePeer('redis-server');
const runner = { describe, it: (title: string, body: () => Promise<void>) => it(title, body, 30_000) };
let prefixes = 0;
const freshPrefix = (): string => `test-${++prefixes}`;

describe.runIf(stands)('on one Redis', () => {
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await RedisServer.start();
  });
  afterAll(() => redis.stop());

  describeLog('redis', () => redisLog({ url: redis.url, prefix: freshPrefix() }), runner);
  describeSharedLog(
    'redis',
    () => {
      const prefix = freshPrefix();
      return { log: () => redisLog({ url: redis.url, prefix }), destroy: () => {} };
    },
    runner,
  );
});

describe.runIf(stands)('on a cluster of three', () => {
  let servers: RedisServer[];
  beforeAll(async () => {
    servers = await startCluster();
  });
  afterAll(() => Promise.all(servers.map((server) => server.stop())));
  const urls = (): string[] => servers.map(({ url }) => url);
  // A script sees one slot, so there a session's sequences are counted for each topic apart.
  const it = (title: string, body: () => Promise<void>): void => {
    if (!title.includes('count over all its topics')) runner.it(title, body);
  };

  describeLog('redis', () => redisLog({ url: urls(), prefix: freshPrefix() }), { ...runner, it });
  describeSharedLog(
    'redis',
    () => {
      const prefix = freshPrefix();
      return { log: () => redisLog({ url: urls(), prefix }), destroy: () => {} };
    },
    { ...runner, it },
  );
});
