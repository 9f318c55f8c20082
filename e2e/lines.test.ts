import { setTimeout as pause } from 'node:timers/promises';
import { expect, it, onTestFinished, vi } from 'vitest';
import { becomes, expectEachOnce, Ledger, openClient, patient } from './support/ledger.ts';
import { openChaos, openServer } from './support/servers.ts';

it('[LINE-1, LINE-2] three endpoints, of which the best gets 300 ms slower: one move, nothing lost, nothing twice', async () => {
  const { server, port } = await openServer();
  const paths = await Promise.all([openChaos(port), openChaos(port), openChaos(port)]);
  const [near, far, farther] = paths as [(typeof paths)[0], (typeof paths)[0], (typeof paths)[0]];
  await Promise.all([
    far!.set({ latencyMs: 15, jitterMs: 5 }),
    farther!.set({ latencyMs: 60, jitterMs: 20 }),
  ]);
  const endpoints = paths.map((path) => path.url('ws'));
  const { client, phases } = openClient(endpoints, {
    lines: { checkMs: 500, confirmMs: 100, moveMs: 60_000 },
  });
  const ledger = new Ledger(client, 'news', 'start');
  await becomes(client, 'live');
  expect(client.status.endpoint).toBe(endpoints[0]);
  let n = 0;
  const timer = setInterval(() => void client.publish('news', { publisher: 'me', n: ++n }), 20);
  onTestFinished(() => clearInterval(timer));
  await vi.waitFor(
    () => expect(client.endpoints.every(({ rttMs }) => rttMs !== undefined)).toBe(true),
    patient,
  );
  await near!.set({ latencyMs: 150 });
  await vi.waitFor(() => expect(client.status.endpoint).toBe(endpoints[1]), patient);
  await becomes(client, 'live');
  // Long enough for many checks, none of which finds a better one.
  await pause(3_000);
  clearInterval(timer);
  await ledger.reaches(await client.publish('news', { publisher: 'me', n: ++n }));
  expectEachOnce(ledger.messages, { me: n });
  expect(ledger.gaps).toEqual([]);
  expect(client.status.endpoint).toBe(endpoints[1]);
  expect(server.stats().welcomed, 'one move').toBe(2);
  expect(phases.filter((phase) => phase === 'draining')).toHaveLength(1);
  expect(client.endpoints.find(({ current }) => current)?.url).toBe(endpoints[1]);
});
