import type { Client } from 'holdfast/client';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { requirePeer } from './peers.ts';
import type { ServerCalls } from './programs/server.ts';
import { type Child, startChild } from './support/child.ts';
import { becomes, expectEachOnce, Ledger, oneTo, openClient, patient } from './support/ledger.ts';
import { RedisServer } from './support/redis.ts';

/** The full run (`HOLDFAST_FULL=1`) holds the figure that is promised; the short one must pass on any machine. */
const full = process.env['HOLDFAST_FULL'] === '1';
const KILLS = full ? 20 : 3;
const CLIENTS = full ? 200 : 100;
const RETURN_P99_MS = full ? 2_000 : 10_000;
/** Each client publishes so often: what is measured is the return, not how fast this machine is. */
const PUBLISH_INTERVAL_MS = 50;

interface Node {
  child: Child<ServerCalls>;
  port: number;
}

/** Publishes one after the other as `name`, until it is told to stop; counts what was acknowledged. */
async function publishOn(client: Client, name: string, run: { goesOn: boolean }): Promise<number> {
  let n = 0;
  while (run.goesOn) {
    await client.publish('t', { publisher: name, n: ++n });
    await new Promise((resolve) => setTimeout(resolve, PUBLISH_INTERVAL_MS));
  }
  return n;
}

/** How long each client that has lost its connection takes until it is live again. */
function watchReturns(clients: readonly Client[]): { returnsMs: number[]; away: Set<Client> } {
  const returnsMs: number[] = [];
  const away = new Set<Client>();
  for (const client of clients) {
    let leftAtMs = 0;
    client.onStatus(({ phase }) => {
      if (phase !== 'live' && !away.has(client)) {
        away.add(client);
        leftAtMs = performance.now();
      } else if (phase === 'live' && away.delete(client)) returnsMs.push(performance.now() - leftAtMs);
    });
  }
  return { returnsMs, away };
}

function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!;
}

describe.runIf(requirePeer('redis-server'))('two nodes on one Redis', () => {
  it(
    `[PUB-3, RES-1] kill -9 of one while ${CLIENTS} clients publish, ${KILLS} times: nothing acknowledged is lost, nothing is there twice`,
    async () => {
      const redis = await RedisServer.start();
      onTestFinished(() => redis.stop());
      const start = async (port = 0): Promise<Node> => {
        const child = await startChild<ServerCalls>('server');
        const topics = { t: { retention: { countMax: 1_000_000, bytesMax: 1_000_000_000 } } };
        return { child, port: await child.call('listen', port, { redis: { url: redis.url }, topics }) };
      };
      const nodes = await Promise.all([start(), start()]);
      const addresses = nodes.map(({ port }) => `ws://127.0.0.1:${port}`);
      const clients = oneTo(CLIENTS).map((n) => {
        // Half of them begin at either node.
        const endpoints = n % 2 ? addresses : addresses.toReversed();
        return openClient(endpoints, { backoff: {} }).client;
      });
      const news = clients.map((client) => new Ledger(client, 'news', 'now'));
      await Promise.all(news.map(({ ready }) => ready));
      const { returnsMs, away } = watchReturns(clients);
      const run = { goesOn: true };
      const publishing = clients.map((client, index) => publishOn(client, `client ${index}`, run));

      for (let kill = 0; kill < KILLS; kill++) {
        const index = kill % 2;
        const { child, port } = nodes[index]!;
        const connections = (await child.call('stats')).connections;
        expect(connections, 'somebody is affected').toBeGreaterThan(0);
        await child.kill();
        await vi.waitFor(() => expect(away.size).toBe(0), patient);
        await Promise.all(clients.map((client) => becomes(client, 'live')));
        nodes[index] = await start(port);
        // A connection that has lived for a while is forgiven the attempts that it took.
        if (full) await new Promise((resolve) => setTimeout(resolve, 6_000));
      }
      run.goesOn = false;
      const counts = await Promise.all(publishing);
      const { client: reader } = openClient(addresses);
      const ledger = new Ledger(reader, 't', 'start');
      await ledger.reaches(await nodes[0]!.child.call('publish', 't', 1));
      const mine = ledger.messages.filter(({ publisher }) => publisher !== 'server');
      expectEachOnce(mine, Object.fromEntries(counts.map((count, index) => [`client ${index}`, count])));
      expect(ledger.gaps).toEqual([]);

      const last = await nodes[1]!.child.call('publish', 'news', 1);
      for (const each of news) {
        await each.reaches(last);
        expect(each.gaps).toEqual([]);
      }
      const p99Ms = percentile(returnsMs, 0.99);
      console.log(
        `${mine.length} publishes; ${returnsMs.length} returns: p50 ${percentile(returnsMs, 0.5).toFixed(0)} ms, p99 ${p99Ms.toFixed(0)} ms`,
      );
      expect(p99Ms).toBeLessThan(RETURN_P99_MS);
    },
    120_000 + KILLS * 20_000,
  );
});
