import { afterAll, beforeAll, describe, it } from 'vitest';
import { natsLog } from 'holdfast/logs/nats';
import { describeLog, describeSharedLog } from 'holdfast/testing/contracts';
import { requirePeer } from './peers.ts';
import { startNats, type NatsServer } from './support/nats.ts';

const runner = {
  describe,
  it: (title: string, body: () => Promise<void>) => it(title, body, 30_000),
};

describe.runIf(requirePeer('nats-server'))('holdfast/logs/nats on one server', () => {
  let server: NatsServer;
  let prefixes = 0;
  beforeAll(async () => {
    server = await startNats();
  });
  afterAll(() => server.destroy());

  describeLog('nats', () => natsLog({ url: server.url, prefix: `test${++prefixes}` }), runner);
  describeSharedLog(
    'nats',
    () => {
      const prefix = `test${++prefixes}`;
      return { log: () => natsLog({ url: server.url, prefix }), destroy: () => {} };
    },
    runner,
  );
});
