import { redisLog } from 'holdfast/logs/redis';
import { describeLog, describeSharedLog } from 'holdfast/testing/contracts';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { requirePeer } from './peers.ts';
import { RedisServer } from './support/redis.ts';

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
