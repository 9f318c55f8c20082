import type { Endpoints } from 'holdfast/client';
import type { ServerOptions } from 'holdfast/server';
import { describe, expect, it, vi } from 'vitest';
import { becomes, expectEachOnce, Ledger, openClient, patient } from './support/ledger.ts';
import { openChaos, openServer } from './support/servers.ts';

const waysToGiveEndpoints: readonly [string, (first: string, second: string) => Endpoints][] = [
  ['a list', (first, second) => [first, second]],
  [
    'a provider',
    (first, second) => {
      let asked = 0;
      return async () => (asked++ === 0 ? first : second);
    },
  ],
];

describe.each(waysToGiveEndpoints)('a path that swallows everything, endpoints from %s', (_, endpointsOf) => {
  it.each(['both', 'up', 'down'] as const)(
    '[RES-3, LIVE-5] the session moves to another path while the server holds the old one (black hole: %s)',
    async (blackHole) => {
      const { server, port } = await openServer();
      const first = await openChaos(port);
      const second = await openChaos(port);
      const { client, phases } = openClient(endpointsOf(first.url('ws'), second.url('ws')));
      const ledger = new Ledger(client, 'news', 'start');
      await client.publish('news', { publisher: 'client', n: 1 });
      await ledger.reaches(await server.publish('news', { publisher: 'server', n: 1 }));
      const ended: (string | number)[] = [];
      server.on('disconnect', ({ reason }) => ended.push(reason));

      await first.set({ blackHole });
      const underWay = client.publish('news', { publisher: 'client', n: 2 });
      // Bytes that still come down would prove the path alive, so where they can, none are sent now.
      if (blackHole !== 'up') await server.publish('news', { publisher: 'server', n: 2 });
      expect(server.stats().connections, 'the server holds the old connection').toBe(1);
      await underWay;
      await becomes(client, 'live');
      if (blackHole === 'up') await server.publish('news', { publisher: 'server', n: 2 });

      expect(client.status.endpoint).toBe(second.url('ws'));
      expect(phases).toContain('suspect');
      await vi.waitFor(() => expect(ended).toEqual(['superseded']), patient);
      expect(server.stats().connections, 'exactly one is live').toBe(1);

      // What the hole had swallowed comes out late, and must change nothing.
      await first.clear();
      await vi.waitFor(() => expect(first.connections).toEqual([]), patient);
      await client.publish('news', { publisher: 'client', n: 3 });
      await ledger.reaches(await server.publish('news', { publisher: 'server', n: 3 }));
      expectEachOnce(ledger.messages, { client: 3, server: 3 });
      expect(ledger.gaps).toEqual([]);
      expect(server.stats()).toMatchObject({ connections: 1, welcomed: 2, resumed: 1 });
    },
  );
});

it('[LIVE-2] a path that swallows only what the client says is noticed by the server, though it is busy downwards', async () => {
  const { server, port } = await openServer({
    heartbeat: { intervalMs: 1_000, graceMs: 2_000 },
    // Deadlines of the hello must not delay those of the heartbeat.
    limits: { helloTimeoutMs: 300_000 },
  });
  const first = await openChaos(port);
  const second = await openChaos(port);
  let asked = 0;
  const { client } = openClient(() => (asked++ === 0 ? first : second).url('ws'));
  const ledger = new Ledger(client, 'news', 'start');
  await ledger.ready;

  await first.set({ blackHole: 'up' });
  const arrived = client.publish('news', { publisher: 'client', n: 1 });
  let sent = 0;
  const say = async (): Promise<void> => {
    await ledger.reaches(await server.publish('news', { publisher: 'server', n: ++sent }));
  };
  while (!(await Promise.race([arrived, say()])));
  await first.clear();
  await ledger.reaches(await server.publish('news', { publisher: 'server', n: ++sent }));
  expectEachOnce(ledger.messages, { client: 1, server: sent });
  expect(ledger.gaps).toEqual([]);
});

it('[LIVE-3] a publish right after another, when the path has just died, is noticed as fast as any', async () => {
  const { client, first } = await openTwoPaths();
  await client.publish('news', { publisher: 'client', n: 1 });
  await first.set({ blackHole: 'both' });
  const underWay = client.publish('news', { publisher: 'client', n: 2 });
  // Well before the heartbeat would notice, which takes three quarters of a minute.
  await expect(underWay).resolves.toMatchObject({ offset: 2 });
});

it('[LIVE-4] a probe that stays unanswered makes the connection suspect, whatever else comes down', async () => {
  // The server's own heartbeat would notice much later.
  const { server, client, first } = await openTwoPaths({
    heartbeat: { intervalMs: 120_000, graceMs: 2_000 },
  });
  const ledger = new Ledger(client, 'news', 'start');
  await ledger.ready;
  await first.set({ blackHole: 'up' });
  const suspect = becomes(client, 'suspect');
  const underWay = client.publish('news', { publisher: 'client', n: 1 });
  let sent = 0;
  const stop = setInterval(() => void server.publish('news', { publisher: 'server', n: ++sent }), 100);
  await suspect;
  await underWay;
  clearInterval(stop);
  await ledger.reaches(await server.publish('news', { publisher: 'server', n: ++sent }));
  expectEachOnce(ledger.messages, { client: 1, server: sent });
  expect(client.status.cause).toMatchObject({ code: 'half-open' });
});

async function openTwoPaths(options: ServerOptions = {}) {
  const { server, port } = await openServer(options);
  const first = await openChaos(port);
  const second = await openChaos(port);
  const { client } = openClient([first.url('ws'), second.url('ws')]);
  await becomes(client, 'live');
  return { server, client, first };
}
