import { setTimeout as pause } from 'node:timers/promises';
import type { Client } from 'holdfast/client';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { requirePeer } from './peers.ts';
import type { ServerCalls } from './programs/server.ts';
import { type Child, startChild } from './support/child.ts';
import { expectEachOnce, Ledger, oneTo, openClient, patient } from './support/ledger.ts';
import { startNats } from './support/nats.ts';
import { openNetwork } from './support/network.ts';
import { Publishing } from './support/publishing.ts';
import { RedisServer } from './support/redis.ts';
import { openChaos } from './support/servers.ts';
import { openHaproxy } from './support/haproxy.ts';

/** The full run (`HOLDFAST_FULL=1`) has the servers' own timers, and the cut that was promised; else a cut is as long as it takes. */
const full = process.env['HOLDFAST_FULL'] === '1';
const CUT_MS = full ? 30_000 : 9_000;
const LIMITS = full ? {} : { logPatienceMs: 3_000, nodeBeatMs: 1_000 };
const CLIENTS = full ? 60 : 20;
const TOPICS = ['a', 'b', 'c'];
const PUBLISH_INTERVAL_MS = 250;

type LogOptions = Pick<Parameters<ServerCalls['listen']>[1] & object, 'redis' | 'nats'>;

/** A log of two nodes, and a way to it that can be cut for one of them. */
interface Scene {
  log(isFar: boolean): LogOptions;
  /** Where the node that is cut off runs, and is reached. */
  readonly far: { readonly host: string; readonly within?: readonly string[] };
  cut(): Promise<void>;
  heal(): Promise<void>;
}

const redisLog = (host: string, port: number): LogOptions => ({
  redis: { url: `redis://${host}:${port}`, ...(!full && { probeIntervalMs: 1_000 }) },
});

const scenes = {
  // What the node appends arrives, and nobody tells it so: each of these is there when its client sends it again.
  'Redis, by a proxy that swallows its answers': {
    peers: ['redis-server'],
    async open(): Promise<Scene> {
      const redis = await RedisServer.start();
      onTestFinished(() => redis.stop());
      const path = await openChaos(redis.port);
      return {
        log: (isFar) => redisLog('127.0.0.1', isFar ? path.port : redis.port),
        far: { host: '127.0.0.1' },
        cut: () => path.set({ blackHole: 'down' }),
        heal: () => path.clear(),
      };
    },
  },
  'Redis, by a firewall that drops its packets': {
    peers: ['redis-server', 'netns', 'ip', 'nft'],
    async open(): Promise<Scene> {
      const network = openNetwork();
      const { hostAddress, insideAddress, within } = network;
      const redis = await RedisServer.start(`--bind 127.0.0.1 ${hostAddress}`, '--protected-mode no');
      onTestFinished(() => redis.stop());
      return {
        log: (isFar) => redisLog(isFar ? hostAddress : '127.0.0.1', redis.port),
        far: { host: insideAddress, within },
        cut: async () => network.cutFrom(redis.port),
        heal: async () => network.drop(0),
      };
    },
  },
  'NATS, by a proxy that swallows everything': {
    peers: ['nats-server'],
    async open(): Promise<Scene> {
      const nats = await startNats();
      onTestFinished(() => nats.destroy());
      const path = await openChaos(nats.port);
      return {
        log: (isFar) => ({ nats: { url: isFar ? path.url('nats') : nats.url } }),
        far: { host: '127.0.0.1' },
        cut: () => path.set({ blackHole: 'both' }),
        heal: () => path.clear(),
      };
    },
  },
};

class Node {
  readonly child: Child<ServerCalls>;
  readonly address: string;

  private constructor(child: Child<ServerCalls>, address: string) {
    this.child = child;
    this.address = address;
  }

  static async start(
    log: LogOptions,
    { host, within = [] }: Scene['far'] = { host: '127.0.0.1' },
  ): Promise<Node> {
    const child = await startChild<ServerCalls>('server', { within });
    const retention = { countMax: 1_000_000, bytesMax: 1_000_000_000 };
    const topics = { '*': { retention } };
    const port = await child.call('listen', 0, { host, ...log, topics, limits: LIMITS });
    return new Node(child, `${host}:${port}`);
  }

  async connections(): Promise<number> {
    return (await this.child.call('stats')).connections;
  }

  async becomes(readiness: number): Promise<void> {
    await vi.waitFor(
      async () => expect((await fetch(`http://${this.address}/readyz`)).status).toBe(readiness),
      patient,
    );
  }

  /** How many nodes it knows to live, itself among them. */
  async knows(nodes: number): Promise<void> {
    await vi.waitFor(
      async () => expect((await this.child.call('clusterStats')).nodes).toHaveLength(nodes),
      patient,
    );
  }
}

/** What each client went through from now on. */
function watch(clients: readonly Client[]): Set<string> {
  const phases = new Set<string>();
  for (const client of clients) client.onStatus(({ phase }) => phases.add(phase));
  return phases;
}

/** They were asked to move, and nobody was without a connection. */
function expectConnected(phases: ReadonlySet<string>): void {
  expect(phases).toContain('draining');
  for (const phase of ['connecting', 'waiting', 'offline', 'failed']) expect(phases).not.toContain(phase);
}

/** All that one node has of each topic, which a client of its own reads from the start. */
async function historyAt(node: Node, totals: Readonly<Record<string, number>>): Promise<Ledger[]> {
  const { client } = openClient(`ws://${node.address}/`);
  const ledgers = TOPICS.map((topic) => new Ledger(client, topic, 'start'));
  await vi.waitFor(() => {
    for (const [index, topic] of TOPICS.entries())
      expect(ledgers[index]!.messages.length).toBeGreaterThanOrEqual(totals[topic]!);
  }, patient);
  return ledgers;
}

describe.each(Object.entries(scenes))('one of two nodes is cut off from %s', (_, { peers, open }) => {
  const runIf = it.runIf(requirePeer('haproxy', ...peers));

  runIf(
    `[CLUSTER-13, HUB-6, PUB-3] for ${CUT_MS / 1_000} s: its clients move, nothing is lost or twice, and the nodes agree`,
    async () => {
      const scene = await open();
      const far = await Node.start(scene.log(true), scene.far);
      const near = await Node.start(scene.log(false));
      await Promise.all([far.knows(2), near.knows(2)]);
      const proxy = await openHaproxy(
        [far, near].map(({ address }) => address),
        'inter 500ms fall 2 rise 2',
      );
      const addresses = [far, near].map(({ address }) => `ws://${address}/`);
      // A quarter begins at either node, and half come through the proxy.
      const ways = [addresses, proxy.url, addresses.toReversed(), proxy.url];
      const clients = oneTo(CLIENTS).map((n) => openClient(ways[n % ways.length]!).client);
      const readers = TOPICS.map((topic) => clients.map((client) => new Ledger(client, topic, 'start')));
      await Promise.all(readers.flat().map(({ ready }) => ready));
      const publishings = TOPICS.map(
        (topic, index) =>
          new Publishing(
            clients.filter((_, n) => n % TOPICS.length === index),
            topic,
            PUBLISH_INTERVAL_MS,
          ),
      );
      const goOn = () => Promise.all(publishings.map((publishing) => publishing.goesOnBy(3)));
      await goOn();
      const there = await far.connections();
      expect(there, 'somebody is affected').toBeGreaterThanOrEqual(CLIENTS / 4);
      const phases = watch(clients);

      const cutAtMs = performance.now();
      const afterMs = (): number => Math.round(performance.now() - cutAtMs);
      await scene.cut();
      await far.becomes(503);
      const unreadyMs = afterMs();
      await near.becomes(200);
      await vi.waitFor(async () => expect(await far.connections()).toBe(0), patient);
      const movedMs = afterMs();
      if (full) expect(movedMs).toBeLessThan(CUT_MS);
      await vi.waitFor(async () => expect(await near.connections()).toBe(CLIENTS), patient);
      await goOn();
      await pause(Math.max(0, CUT_MS - afterMs()));
      await scene.heal();
      await far.becomes(200);
      await Promise.all([far.knows(2), near.knows(2)]);
      await goOn();
      await Promise.all(publishings.map((publishing) => publishing.end()));

      expectConnected(phases);
      const counts = publishings.map((publishing) => publishing.counts);
      const totals = Object.fromEntries(
        TOPICS.map((topic, index) => [topic, Object.values(counts[index]!).reduce((a, b) => a + b, 0)]),
      );
      const [atFar, atNear] = [await historyAt(far, totals), await historyAt(near, totals)];
      for (const index of TOPICS.keys()) {
        const { messages } = atNear[index]!;
        expectEachOnce(messages, counts[index]!);
        expect(atFar[index]!.messages, 'the nodes agree').toEqual(messages);
        for (const { messages: live, gaps } of readers[index]!) {
          expect(live).toEqual(messages);
          expect(gaps).toEqual([]);
        }
      }
      const { causes } = await near.child.call('stats');
      console.info(
        `${there} of ${CLIENTS} clients: readiness 503 after ${unreadyMs} ms, the last moved after ${movedMs} ms; ` +
          `${Object.values(totals).reduce((a, b) => a + b, 0)} publishes; causes there ${JSON.stringify(causes)}`,
      );
      expect(causes['server-drain']).toBeGreaterThanOrEqual(there);
      expect(causes).not.toHaveProperty('server-crash');
      const { causes: atFarToo } = await far.child.call('stats');
      expect(atFarToo, 'each is explained once, where its client is now').not.toHaveProperty('server-drain');
    },
    CUT_MS + 120_000,
  );
});

describe.runIf(requirePeer('redis-server'))('all nodes are cut off from Redis', () => {
  it('[CLUSTER-13, HUB-6] nobody finds another node, and nobody loses a connection for that', async () => {
    const redis = await RedisServer.start();
    onTestFinished(() => redis.stop());
    const log = redisLog('127.0.0.1', redis.port);
    const nodes = [await Node.start(log), await Node.start(log)];
    await Promise.all(nodes.map((node) => node.knows(2)));
    const addresses = nodes.map(({ address }) => `ws://${address}/`);
    const clients = oneTo(CLIENTS).map((n) => openClient(n % 2 ? addresses : addresses.toReversed()).client);
    const publishing = new Publishing(clients, 'a', PUBLISH_INTERVAL_MS);
    await publishing.goesOnBy(3);
    const phases = watch(clients);
    redis.signal('SIGSTOP');
    await Promise.all(nodes.map((node) => node.becomes(503)));
    await vi.waitFor(async () => {
      for (const { child } of nodes) expect((await child.call('stats')).refused).toBeGreaterThan(0);
    }, patient);
    redis.signal('SIGCONT');
    await Promise.all(nodes.map((node) => node.becomes(200)));
    await publishing.goesOnBy(3);
    await vi.waitFor(() => {
      for (const { status } of clients) expect(status.phase).toBe('live');
    }, patient);
    await publishing.end();
    expectConnected(phases);
    const total = Object.values(publishing.counts).reduce((a, b) => a + b, 0);
    for (const node of nodes) {
      const [ledger] = await historyAt(node, { a: total, b: 0, c: 0 });
      expectEachOnce(ledger!.messages, publishing.counts);
    }
  });
});
