import { redisLog, type RedisLogOptions } from 'holdfast/logs/redis';
import { LogSubject } from 'holdfast/testing/contracts';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { requirePeer } from './peers.ts';
import { expectEachOnce, Ledger, oneTo, openClient, patient } from './support/ledger.ts';
import { RedisServer } from './support/redis.ts';
import { openServer, type RunningServer } from './support/servers.ts';

const NAME = 'shop';

describe.runIf(requirePeer('redis-server'))('Redis under three Sentinels', () => {
  let primary: RedisServer;
  let replica: RedisServer;
  let sentinels: RedisServer[];
  let urls: string[];

  beforeAll(async () => {
    primary = await RedisServer.start();
    replica = await RedisServer.start(
      `--replicaof 127.0.0.1 ${primary.port}`,
      '--repl-diskless-sync-delay 0',
    );
    await info(replica, /master_link_status:up/);
    sentinels = await Promise.all([1, 2, 3].map(() => RedisServer.startSentinel(NAME, primary)));
    urls = sentinels.map(({ url }) => url);
    for (const sentinel of sentinels) {
      const known = new RegExp(
        `name=${NAME},status=ok,address=127.0.0.1:${primary.port},slaves=1,sentinels=3`,
      );
      await info(sentinel, known);
    }
  }, 60_000);
  afterAll(() => Promise.all([...sentinels, primary, replica].map((server) => server.stop())));

  /** Until INFO says so. */
  async function info(server: RedisServer, what: RegExp): Promise<void> {
    await vi.waitFor(async () => expect(await server.command('INFO')).toMatch(what), patient);
  }

  async function openNode(): Promise<RunningServer> {
    return openServer({ log: redisLog({ url: urls, sentinel: NAME, probeIntervalMs: 300 }) });
  }

  async function failureOf(options: RedisLogOptions): Promise<string> {
    const opened = LogSubject.open(redisLog(options), {});
    return opened.then(
      () => 'It did open.',
      (error: Error) => error.message,
    );
  }

  it('[ERR-1] a name that no Sentinel knows, an address that is no Sentinel, and a Sentinel as if it were Redis', async () => {
    expect(await failureOf({ url: urls, sentinel: 'shpo' })).toMatch(
      /watches no primary named "shpo".*Correct `sentinel`/,
    );
    expect(await failureOf({ url: primary.url, sentinel: NAME })).toMatch(/No Sentinel listens there/);
    expect(await failureOf({ url: urls[0]! })).toMatch(/is a Sentinel.*Give redisLog\(\) `sentinel`/);
    expect(() => redisLog({ url: urls, sentinel: '' })).toThrow(/"sentinel" must be the name/);
  });

  it('[SUB-4, PUB-1] the primary dies, and they promote the replica: nodes go on there, whatever is lost is told, and a node that comes later finds it', async () => {
    const [a, b] = [await openNode(), await openNode()];
    const { client } = openClient(`ws://127.0.0.1:${b.port}`);
    const ledger = new Ledger(client, 't', 'start');
    const publish = (node: RunningServer, publisher: string, n: number) =>
      node.server.publish('t', { publisher, n });
    const before = await Promise.all(oneTo(20).map((n) => publish(a, 'before', n)));
    await ledger.reaches(before.at(-1)!);
    await info(replica, /role:slave/);
    await primary.kill();
    const after = await Promise.all(oneTo(20).map((n) => publish(a, 'after', n)));
    await ledger.reaches(after.at(-1)!);
    expectEachOnce(ledger.messages, { before: 20, after: 20 });
    // Another process answers now: whether it has everything, nobody can know.
    expect(after[0]!.epoch).not.toBe(before[0]!.epoch);
    expect(ledger.gaps).toMatchObject([{ reason: 'epoch', to: { epoch: after[0]!.epoch } }]);

    // It is back, and at first takes itself for the primary that it was.
    await primary.run();
    const late = await openNode();
    await ledger.reaches(await publish(late, 'late', 1));
    expectEachOnce(ledger.messages, { before: 20, after: 20, late: 1 });
    await info(replica, /role:master/);
  }, 60_000);
});
