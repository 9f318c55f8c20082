import { redisLog, type RedisLogOptions } from 'holdfast/logs/redis';
import type { HoldfastServer, Position } from 'holdfast/server';
import { LogSubject } from 'holdfast/testing/contracts';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { requirePeer } from './peers.ts';
import { openDeafProxy } from './support/deaf-proxy.ts';
import { becomes, expectEachOnce, Ledger, oneTo, openClient, patient } from './support/ledger.ts';
import { RedisServer } from './support/redis.ts';
import { openServer, type RunningServer } from './support/servers.ts';

/** How long Redis stands still; the full run is `HOLDFAST_FULL=1`. */
const STANDSTILL_MS = process.env['HOLDFAST_FULL'] === '1' ? 20_000 : 4_000;

async function startRedis(...settings: readonly string[]): Promise<RedisServer> {
  const redis = await RedisServer.start(...settings);
  onTestFinished(() => redis.stop());
  return redis;
}

function openNode(url: string | string[], options: Partial<RedisLogOptions> = {}): Promise<RunningServer> {
  return openServer({ log: redisLog({ url, probeIntervalMs: 300, ...options }) });
}

/** A client on a node, and what it gets of a topic from the start. */
async function openReader(node: RunningServer, topic = 't') {
  const { client, phases } = openClient(`ws://127.0.0.1:${node.port}`);
  const ledger = new Ledger(client, topic, 'start');
  await ledger.ready;
  return { client, phases, ledger };
}

/** Publishes the numbers as the publisher `name`; resolves with the last position. */
async function publishAll(
  server: HoldfastServer,
  name: string,
  numbers: readonly number[],
): Promise<Position> {
  const positions = await Promise.all(numbers.map((n) => server.publish('t', { publisher: name, n })));
  return positions.at(-1)!;
}

async function readiness({ port }: RunningServer): Promise<{ status: number; reason?: string }> {
  const response = await fetch(`http://127.0.0.1:${port}/readyz`);
  return { status: response.status, ...((await response.json()) as { reason?: string }) };
}

async function isReady(node: RunningServer): Promise<void> {
  await vi.waitFor(async () => expect((await readiness(node)).status).toBe(200), patient);
}

describe.runIf(requirePeer('redis-server'))('Redis in trouble', () => {
  it(
    '[HUB-6, PUB-1] stands still: no connection is dropped, readiness says why, and every publish completes',
    async () => {
      const redis = await startRedis();
      const [a, b] = [await openNode(redis.url), await openNode(redis.url)];
      const [first, second] = [await openReader(a), await openReader(b)];
      await publishAll(a.server, 'a', oneTo(10));
      redis.signal('SIGSTOP');
      const stoppedAtMs = performance.now();
      const own = publishAll(a.server, 'a', oneTo(50).slice(10));
      const theirs = oneTo(40).map((n) => second.client.publish('t', { publisher: 'client', n }));
      await vi.waitFor(async () => expect((await readiness(a)).status).toBe(503), patient);
      expect((await readiness(a)).reason).toMatch(/127\.0\.0\.1:\d+/);
      await new Promise((resolve) => setTimeout(resolve, stoppedAtMs + STANDSTILL_MS - performance.now()));
      expect([first.client.status.phase, second.client.status.phase]).toEqual(['live', 'live']);
      redis.signal('SIGCONT');
      const ends = [await own, ...(await Promise.all(theirs))];
      const last = ends.reduce((newest, end) => (end.offset > newest.offset ? end : newest));
      for (const { ledger, phases } of [first, second]) {
        await ledger.reaches(last);
        expectEachOnce(ledger.messages, { a: 50, client: 40 });
        expect(ledger.gaps).toEqual([]);
        expect(phases.filter((phase) => phase !== 'connecting' && phase !== 'live')).toEqual([]);
      }
      await Promise.all([a, b].map(isReady));
    },
    60_000 + STANDSTILL_MS,
  );

  it('[HUB-6, ERR-1] is away for longer than the deadline: publishes fail with log-unavailable, readers stay', async () => {
    const redis = await startRedis('--appendonly yes', '--appendfsync always');
    const node = await openNode(redis.url, { deadlineMs: 700 });
    const { client, phases, ledger } = await openReader(node);
    await publishAll(node.server, 'a', [1]);
    await redis.kill();
    const startedAtMs = performance.now();
    await expect(node.server.publish('t', { publisher: 'a', n: 2 })).rejects.toMatchObject({
      code: 'log-unavailable',
      message: expect.stringContaining('deadlineMs') as string,
    });
    expect(performance.now() - startedAtMs).toBeLessThan(5_000);
    expect((await readiness(node)).reason).toMatch(/ECONNREFUSED|closed unexpectedly/);
    expect(client.status.phase).toBe('live');
    await redis.run();
    await isReady(node);
    await ledger.reaches(await publishAll(node.server, 'a', [2]));
    expectEachOnce(ledger.messages, { a: 2 });
    expect(phases.filter((phase) => phase !== 'connecting' && phase !== 'live')).toEqual([]);
  });

  it('[HUB-6] the log is closed while Redis is away: what waited for it fails at once', async () => {
    const redis = await startRedis();
    const { log } = await LogSubject.open(redisLog(redis.url), {});
    await redis.kill();
    const payload = new Uint8Array(1);
    const waiting = [
      log.top('t'),
      log.read('t', { epoch: 1, offset: 0 }, { messagesMax: 1, bytesMax: 1 }),
      log.append('t', 'session', 1, payload),
      log.append('t', undefined, 0, payload),
      log.follow('t', () => {}),
    ];
    const startedAtMs = performance.now();
    await log.close();
    for (const result of await Promise.allSettled(waiting))
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'log-unavailable' } });
    expect(performance.now() - startedAtMs).toBeLessThan(5_000);
  });

  it('[RES-2] comes back empty: a node that comes later has the key of those that lived', async () => {
    const redis = await startRedis();
    const open = () => LogSubject.open(redisLog(redis.url), {});
    const before = await open();
    await redis.command('FLUSHALL');
    await before.log.trim();
    const after = await open();
    expect(await after.log.key()).toEqual(await before.log.key());
    for (const { log } of [before, after]) await log.close();
  });

  it('[SUB-5] comes back empty: a gap "epoch", and live again on the same connection', async () => {
    const redis = await startRedis();
    const node = await openNode(redis.url);
    const { phases, ledger } = await openReader(node);
    const lost = await publishAll(node.server, 'a', oneTo(5));
    await ledger.reaches(lost);
    await redis.kill();
    await redis.run();
    await ledger.reaches(await publishAll(node.server, 'b', oneTo(3)));
    expect(ledger.gaps).toMatchObject([{ reason: 'epoch', from: lost }]);
    expectEachOnce(ledger.messages, { a: 5, b: 3 });
    expect(phases).not.toContain('waiting');
  });

  /** A primary, and its replica, which has all that the primary has. */
  async function startPair(): Promise<[RedisServer, RedisServer]> {
    const primary = await startRedis('--repl-diskless-sync-delay 0');
    const replica = await startRedis(`--replicaof 127.0.0.1 ${primary.port}`);
    await vi.waitFor(
      async () => expect(await replica.command('INFO', 'replication')).toContain('master_link_status:up'),
      patient,
    );
    return [primary, replica];
  }

  /** Waits until a Redis holds so many messages of the topic `t`. */
  async function holds(redis: RedisServer, count: number): Promise<void> {
    await vi.waitFor(
      async () => expect(await redis.command('XLEN', 'holdfast:{tt}:messages')).toBe(count),
      patient,
    );
  }

  it('[SUB-5, SUB-4] a replica takes over without the newest messages: every subscriber is told, and none gets one twice', async () => {
    const [primary, replica] = await startPair();
    const urls = [primary.url, replica.url];
    const [a, b] = [await openNode(urls), await openNode(urls)];
    const [ahead, beside] = [await openReader(a), await openReader(b)];
    const kept = await publishAll(a.server, 'kept', oneTo(20));
    for (const { ledger } of [ahead, beside]) await ledger.reaches(kept);
    await holds(replica, 20);
    // From here on the replica gets nothing, and the primary does not know.
    await replica.command('REPLICAOF', 'NO', 'ONE');
    const tail = await publishAll(a.server, 'lost', oneTo(10));
    await ahead.ledger.reaches(tail);
    await beside.ledger.reaches(tail);
    // Somebody who has less than what was kept, and sees nothing of the tail before it is gone.
    await primary.kill();
    const late = await openReader(b);
    const after = await publishAll(b.server, 'after', oneTo(20));
    for (const { ledger } of [ahead, beside, late]) {
      await ledger.reaches(after);
      expect(after.epoch).not.toBe(kept.epoch);
    }
    for (const { ledger } of [ahead, beside]) {
      expect(ledger.gaps).toHaveLength(1);
      const to = { epoch: after.epoch, offset: 20 };
      expect(ledger.gaps[0]).toMatchObject({ from: tail, to, reason: 'epoch' });
      expectEachOnce(ledger.messages, { kept: 20, lost: 10, after: 20 });
    }
    expectEachOnce(late.ledger.messages, { kept: 20, after: 20 });
  });

  it('[SUB-4, HUB-4] a quiet topic whose newest messages a failover lost: its subscribers are told without a further message', async () => {
    const [primary, replica] = await startPair();
    const node = await openNode([primary.url, replica.url]);
    const { ledger } = await openReader(node);
    await publishAll(node.server, 'kept', oneTo(3));
    await holds(replica, 3);
    await replica.command('REPLICAOF', 'NO', 'ONE');
    const tail = await publishAll(node.server, 'lost', oneTo(2));
    await ledger.reaches(tail);
    await primary.kill();
    await vi.waitFor(() => expect(ledger.gaps).toMatchObject([{ from: tail, reason: 'epoch' }]), patient);
    expect(ledger.gaps[0]!.to.offset).toBe(3);
  });

  it('[PUB-1] a primary that may not write without its replica: publishes wait until it may', async () => {
    const redis = await startRedis();
    const node = await openNode(redis.url);
    const { ledger } = await openReader(node);
    await ledger.reaches(await publishAll(node.server, 'before', oneTo(5)));
    await redis.command('CONFIG', 'SET', 'min-replicas-to-write', '1');
    const waiting = publishAll(node.server, 'waiting', oneTo(5));
    const trouble = /takes no writes: NOREPLICAS/;
    await vi.waitFor(async () => expect((await readiness(node)).reason).toMatch(trouble), patient);
    await redis.command('CONFIG', 'SET', 'min-replicas-to-write', '0');
    await ledger.reaches(await waiting);
    expectEachOnce(ledger.messages, { before: 5, waiting: 5 });
    await isReady(node);
  });

  it('[HUB-2] the subscriber’s connection is killed while another node publishes: nothing is missed', async () => {
    const redis = await startRedis();
    const [a, b] = [await openNode(redis.url), await openNode(redis.url)];
    const { ledger } = await openReader(a);
    for (let round = 0; round < 5; round++) {
      const numbers = oneTo(100).map((n) => round * 100 + n);
      const published = publishAll(b.server, 'b', numbers);
      await redis.command('CLIENT', 'KILL', 'TYPE', 'pubsub');
      await published;
    }
    // The last ones fell into the gap between two connections, and nothing comes after them.
    await redis.command('CLIENT', 'KILL', 'TYPE', 'pubsub');
    const last = await publishAll(b.server, 'b', oneTo(510).slice(500));
    await ledger.reaches(last);
    expectEachOnce(ledger.messages, { b: 510 });
    expect(ledger.gaps).toEqual([]);
  });

  it('[HUB-2, HUB-4] what is published is dropped on its way, and nobody is told: found out and read', async () => {
    const redis = await startRedis();
    const proxy = await openDeafProxy(redis.port);
    const a = await openNode(`redis://127.0.0.1:${proxy.port}`);
    const b = await openNode(redis.url);
    const { ledger } = await openReader(a);
    await ledger.reaches(await publishAll(b.server, 'b', oneTo(10)));
    proxy.deafen();
    const last = await publishAll(b.server, 'b', oneTo(20).slice(10));
    // No further message comes: the probe that was not heard tells.
    await ledger.reaches(last);
    expect(proxy.droppedBytes).toBeGreaterThan(0);
    expectEachOnce(ledger.messages, { b: 20 });
    expect(ledger.gaps).toEqual([]);
  });

  it('[PUB-3] its scripts are flushed under load: order stays, nothing is lost or there twice', async () => {
    const redis = await startRedis();
    const node = await openNode(redis.url);
    const { client, ledger } = await openReader(node);
    const publishes = oneTo(500).map(async (n) => {
      const position = await client.publish('t', { publisher: 'client', n });
      if (n % 50 === 0) await redis.command('SCRIPT', 'FLUSH');
      return position;
    });
    const own = publishAll(node.server, 'server', oneTo(500));
    const ends = [await own, ...(await Promise.all(publishes))];
    await ledger.reaches(ends.reduce((newest, end) => (end.offset > newest.offset ? end : newest)));
    expectEachOnce(ledger.messages, { client: 500, server: 500 });
  });

  it('[PUB-3] all its connections are killed under load: order stays, nothing is lost or there twice', async () => {
    const redis = await startRedis();
    const node = await openNode(redis.url);
    const { client, ledger } = await openReader(node);
    let killed: Promise<unknown> = Promise.resolve();
    const publishes = oneTo(900).map(async (n) => {
      const position = await client.publish('t', { publisher: 'client', n });
      // One after the other: each would kill the connection that another is asked for on.
      if (n % 300 === 0)
        await (killed = killed.then(() => redis.command('CLIENT', 'KILL', 'TYPE', 'normal')));
      return position;
    });
    const own = publishAll(node.server, 'server', oneTo(900));
    const ends = [await own, ...(await Promise.all(publishes))];
    await ledger.reaches(ends.reduce((newest, end) => (end.offset > newest.offset ? end : newest)));
    expectEachOnce(ledger.messages, { client: 900, server: 900 });
    await becomes(client, 'live');
  });

  it('[HUB-5] what a Redis that stands still does not take of broadcasts is kept within a bound', async () => {
    const redis = await startRedis();
    const open = () => LogSubject.open(redisLog(redis.url), {});
    const [a, b] = [await open(), await open()];
    onTestFinished(async () => void (await Promise.all([a.log.close(), b.log.close()])));
    redis.signal('SIGSTOP');
    // 50 MB.
    for (let n = 0; n < 5_000; n++) a.log.broadcast(new Uint8Array(10_000));
    redis.signal('SIGCONT');
    await vi.waitFor(() => {
      a.log.broadcast(new TextEncoder().encode('the end'));
      expect(b.heard).toContain('the end');
    }, patient);
    expect(b.heard.length).toBeLessThan(1_500);
  });
});
