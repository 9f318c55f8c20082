import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Client } from 'holdfast/client';
import type { PresenceMessage } from 'holdfast/server';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { requirePeer } from './peers.ts';
import type { ServerCalls } from './programs/server.ts';
import { type Child, startChild } from './support/child.ts';
import { becomes, openClient, patient } from './support/ledger.ts';
import { startNats } from './support/nats.ts';
import { RedisServer } from './support/redis.ts';

type Listen = Parameters<ServerCalls['listen']>[1];

interface TestNode {
  child: Child<ServerCalls>;
  port: number;
  url: string;
}

/** Each log with what its nodes are told of it. */
const logs: Record<string, { peer: string; open: () => Promise<NonNullable<Listen>> }> = {
  LMDB: {
    peer: 'sh',
    async open() {
      const lmdb = mkdtempSync(join(tmpdir(), 'holdfast-cluster-'));
      onTestFinished(() => rmSync(lmdb, { recursive: true, force: true }));
      return { lmdb };
    },
  },
  Redis: {
    peer: 'redis-server',
    async open() {
      const redis = await RedisServer.start();
      onTestFinished(() => redis.stop());
      return { redis: { url: redis.url } };
    },
  },
  NATS: {
    peer: 'nats-server',
    async open() {
      const nats = await startNats();
      onTestFinished(() => nats.destroy());
      return { nats: { url: nats.url } };
    },
  },
};

/** Two nodes in processes of their own that know each other, and beat five times a second. */
async function startTwo(log: Listen): Promise<[TestNode, TestNode]> {
  const options = { ...log, limits: { nodeBeatMs: 200 }, topics: { room: { presence: true } } };
  const start = async (): Promise<TestNode> => {
    const child = await startChild<ServerCalls>('server');
    const port = await child.call('listen', 0, options);
    return { child, port, url: `ws://127.0.0.1:${port}` };
  };
  const nodes = await Promise.all([start(), start()]);
  for (const { child } of nodes)
    await vi.waitFor(async () => expect((await child.call('clusterStats')).nodes).toHaveLength(2), patient);
  return nodes;
}

/** A client whose address is changed under it. */
function openMovable(first: TestNode): { client: Client; move(to: TestNode): Promise<void> } {
  let { url } = first;
  const { client } = openClient(async () => url);
  return {
    client,
    async move(to) {
      ({ url } = to);
      client.reconnect();
      await vi.waitFor(() => expect(client.status.endpoint).toBe(url), patient);
      await becomes(client, 'live');
    },
  };
}

const connectionsOf = async ({ child }: TestNode): Promise<number> => (await child.call('stats')).connections;

describe.each(Object.entries(logs))('two nodes on one log: %s', (_, { peer, open }) => {
  const available = requirePeer(peer);

  it.runIf(available)(
    '[CLUSTER-5, CLUSTER-3] a request runs on while its client moves, and is answered on the other node',
    async () => {
      const [a, b] = await startTwo(await open());
      const { client, move } = openMovable(a);
      await becomes(client, 'live');
      const answer = client.request('later', 7);
      await vi.waitFor(async () => expect(await a.child.call('runs')).toEqual([7]), patient);
      await move(b);
      await vi.waitFor(async () => expect(await connectionsOf(a)).toBe(0), patient);
      expect(await connectionsOf(b)).toBe(1);
      await a.child.call('answer');
      expect(await answer).toBe('answer 7');
      expect(await b.child.call('runs')).toEqual([]);
      // And one whose node dies with it is not run again.
      const lost = client.request('later', 8).catch(({ code }: { code: string }) => code);
      await vi.waitFor(async () => expect(await b.child.call('runs')).toEqual([8]), patient);
      await move(a);
      await b.child.kill();
      expect(await lost).toBe('outcome-unknown');
      expect(await a.child.call('runs')).toEqual([7]);
    },
    60_000,
  );

  it.runIf(available)(
    '[CLUSTER-10, CLUSTER-11, CLUSTER-8] who is there is known on both, and right again soon after kill -9 of one',
    async () => {
      const [a, b] = await startTwo(await open());
      const stays = openMovable(a);
      const dies = openMovable(b);
      for (const { client } of [stays, dies]) await client.subscribe('room', () => {}).ready;
      const counts: number[] = [];
      stays.client.subscribe('$presence:room', ({ count }: PresenceMessage) => void counts.push(count), {
        from: 'start',
      });
      for (const { child } of [a, b])
        await vi.waitFor(async () => expect((await child.call('presence', 'room')).count).toBe(2), patient);
      await vi.waitFor(() => expect(counts.at(-1)).toBe(2), patient);
      // Its client has nowhere to go: the node does not come back.
      await b.child.kill();
      await vi.waitFor(() => expect(counts.at(-1)).toBe(1), patient);
      const { count, present } = await a.child.call('presence', 'room');
      expect(count).toBe(1);
      expect((await a.child.call('clusterStats')).nodes).toHaveLength(1);
      expect(await a.child.call('closeSession', present[0]!.session, 'Enough.')).toBe(true);
      await becomes(stays.client, 'failed');
    },
    60_000,
  );

  it.runIf(available)(
    '[CLUSTER-7, CLUSTER-8, CLUSTER-9] signals and orders reach the other node, and its figures this one',
    async () => {
      const [a, b] = await startTwo(await open());
      const [one, other] = [openMovable(a).client, openMovable(b).client];
      const signals: unknown[] = [];
      const subscription = other.subscribe('cursors', () => {});
      subscription.on('signal', (signal) => signals.push(signal));
      await subscription.ready;
      await becomes(one, 'live');
      one.signal('cursors', { x: 1 });
      await vi.waitFor(() => expect(signals).toEqual([{ x: 1 }]), patient);
      await vi.waitFor(async () => {
        const { total } = await a.child.call('clusterStats');
        expect(total).toMatchObject({ connections: 2, welcomed: 2 });
      }, patient);
      await other.subscribe('room', () => {}).ready;
      await vi.waitFor(async () => expect((await a.child.call('presence', 'room')).count).toBe(1), patient);
      const [who] = (await a.child.call('presence', 'room')).present;
      expect(await a.child.call('closeSession', who!.session, 'Enough.')).toBe(true);
      await becomes(other, 'failed');
      expect(other.status).toMatchObject({ cause: { code: 'ended-by-server', text: 'Enough.' } });
    },
    60_000,
  );
});
