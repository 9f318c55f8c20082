import { redisLog } from 'holdfast/logs/redis';
import { describeLog, describeSharedLog, LogSubject } from 'holdfast/testing/contracts';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { requirePeer } from './peers.ts';
import { oneTo, patient } from './support/ledger.ts';
import { joinAsReplica, type RedisServer, startCluster } from './support/redis.ts';

/** What a script touches is in one slot, so on a cluster a session's sequences are counted for each topic apart. */
const acrossTopics = 'a session’s sequences count over all its topics';

const runner = {
  describe,
  it: (title: string, body: () => Promise<void>): void => {
    if (!title.includes(acrossTopics)) it(title, body, 30_000);
  },
};

describe.runIf(requirePeer('redis-server'))('Redis as a cluster of three', () => {
  let servers: RedisServer[];
  let prefixes = 0;
  beforeAll(async () => {
    servers = await startCluster();
  });
  afterAll(() => Promise.all(servers.map((server) => server.stop())));

  const logAt = (prefix: string) =>
    redisLog({ url: servers.map(({ url }) => url), prefix, probeIntervalMs: 300 });

  describeLog('redis', () => logAt(`test-${++prefixes}`), runner);
  describeSharedLog(
    'redis',
    () => {
      const prefix = `test-${++prefixes}`;
      return { log: () => logAt(prefix), destroy: () => {} };
    },
    runner,
  );

  async function openNode(prefix: string): Promise<LogSubject> {
    const node = await LogSubject.open(logAt(prefix), {});
    onTestFinished(() => node.log.close());
    return node;
  }

  /** Which server is the primary of a key’s slot. */
  async function ownerOf(key: string): Promise<{ owner: RedisServer; slot: number }> {
    const slot = await servers[0]!.command<number>('CLUSTER', 'KEYSLOT', key);
    const rows = await servers[0]!.command<[number, number, [string, number]][]>('CLUSTER', 'SLOTS');
    const [, , [, port]] = rows.find(([from, to]) => from <= slot && slot <= to)!;
    return { owner: servers.find((server) => server.port === port)!, slot };
  }

  it('[PUB-3] a session’s repeat on the same topic is known, whatever it published elsewhere', async () => {
    const node = await openNode('repeats');
    const first = await node.add('a', 'one', 'session', 1);
    await node.add('b', 'two', 'session', 2);
    expect(await node.append('a', 'one', 'session', 1)).toEqual({ ...first, status: 'duplicate' });
    await node.add('b', 'three', 'session', 3);
    expect(await node.append('b', 'one', 'session', 1)).toEqual({ status: 'stale' });
  });

  it('[PUB-3, HUB-2] a topic’s slot moves to another server under load: nothing lost, nothing twice, in order', async () => {
    const [a, b] = [await openNode('moving'), await openNode('moving')];
    const follower = await b.follow('t');
    const texts = oneTo(600).map((n) => `message ${n}`);
    const { owner, slot } = await ownerOf('moving:{tt}:state');
    const target = servers.find((server) => server !== owner)!;
    const [ownerId, targetId] = await Promise.all(
      [owner, target].map((server) => server.command<string>('CLUSTER', 'MYID')),
    );
    const move = async (): Promise<void> => {
      await target.command('CLUSTER', 'SETSLOT', String(slot), 'IMPORTING', ownerId!);
      await owner.command('CLUSTER', 'SETSLOT', String(slot), 'MIGRATING', targetId!);
      for (;;) {
        const keys = await owner.command<string[]>('CLUSTER', 'GETKEYSINSLOT', String(slot), '10');
        if (keys.length === 0) break;
        const to = ['127.0.0.1', String(target.port), '', '0', '5000'];
        await owner.command('MIGRATE', ...to, 'KEYS', ...keys);
      }
      for (const server of [target, owner])
        await server.command('CLUSTER', 'SETSLOT', String(slot), 'NODE', targetId!);
    };
    let moved: Promise<void> | undefined;
    await Promise.all(
      texts.map(async (text, index) => {
        // Waves, so that the move falls among them.
        if (index >= 200) await moved;
        if (index === 100) moved = move();
        await a.add('t', text, 'session', index + 1);
      }),
    );
    await moved;
    expect((await ownerOf('moving:{tt}:state')).owner).toBe(target);
    expect(await b.kept('t')).toEqual(texts);
    await a.add('t', 'the end');
    await follower.until('the end');
    // What was published while the channel moved may be missing, but never unnoticed: the chain shows it.
    const { epoch, offset } = await b.log.top('t');
    expect(follower.messages.at(-1)).toMatchObject({ epoch, offset, previous: offset - 1 });
  });

  it('[HUB-2] a topic whose slot moved before this node asked for anything in it is followed where it is now', async () => {
    const [a, b] = [await openNode('moved'), await openNode('moved')];
    const { owner, slot } = await ownerOf('moved:{tunseen}:state');
    const target = servers.find((server) => server !== owner)!;
    const targetId = await target.command<string>('CLUSTER', 'MYID');
    for (const server of [target, owner])
      await server.command('CLUSTER', 'SETSLOT', String(slot), 'NODE', targetId);
    const startedAtMs = performance.now();
    const follower = await b.follow('unseen');
    expect(performance.now() - startedAtMs, 'not only when the log gives up').toBeLessThan(20_000);
    await a.add('unseen', 'one');
    await follower.until('one');
  });

  it('[PUB-3, SUB-5] a primary is killed and its replica takes over: publishes go on, and no position is used twice', async () => {
    const [a, b] = [await openNode('failing'), await openNode('failing')];
    const { owner } = await ownerOf('failing:{tt}:state');
    const replica = await joinAsReplica(owner, servers);
    onTestFinished(() => replica.stop());
    const before = [];
    for (const n of oneTo(20)) before.push(await a.add('t', `before ${n}`, 'session', n));
    // WAIT would only look at what its own connection has written.
    await vi.waitFor(async () => {
      const info = String(await owner.command('INFO', 'replication'));
      expect(info).toContain(`state=online,offset=${/master_repl_offset:(\d+)/.exec(info)![1]},`);
    }, patient);
    const follower = await b.follow('t');
    await owner.kill();
    await vi.waitFor(() => expect(a.log.health?.()).toMatch(/127\.0\.0\.1:\d+/), patient);
    // Without the vote of the others: on a busy machine that can take longer than anybody waits.
    await replica.command('CLUSTER', 'FAILOVER', 'TAKEOVER');
    const added = await Promise.all(oneTo(20).map((n) => a.add('t', `after ${n}`, 'session', 20 + n)));
    await follower.until('after 20');
    expect(added[0]!.position.epoch, 'the replica may have lacked something').not.toBe(
      before[0]!.position.epoch,
    );
    expect(await b.kept('t')).toEqual([
      ...oneTo(20).map((n) => `before ${n}`),
      ...oneTo(20).map((n) => `after ${n}`),
    ]);
    // Who had ten of the twenty goes on from there, with a gap in which nothing is missing.
    const page = await b.read('t', before[9]!.position);
    expect(page).toMatchObject({ gap: { reason: 'epoch', to: { offset: 10 } }, previous: 10 });
    expect(page.entries).toHaveLength(30);
    await vi.waitFor(() => expect(a.log.health?.()).toBeUndefined(), patient);
    await owner.run();
  });
});
