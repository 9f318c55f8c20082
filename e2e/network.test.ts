import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { requirePeer } from './peers.ts';
import type { ClientCalls } from './programs/client.ts';
import { type Child, startChild } from './support/child.ts';
import { expectEachOnce, oneTo, patient, type Numbered } from './support/ledger.ts';
import { openNetwork } from './support/network.ts';
import { openServer } from './support/servers.ts';

/** With HOLDFAST_FULL=1 three minutes of blips, one every 20 s; else a few of them. */
const isFull = process.env['HOLDFAST_FULL'] === '1';
const BLIP_EVERY_MS = isFull ? 20_000 : 6_000;
const BLIPS_MS = isFull
  ? [1_000, 10_000, 4_000, 7_000, 2_000, 9_000, 5_000, 3_000, 8_000]
  : [1_000, 5_000, 2_000];

/** A server on this machine, and a client in a network of its own that follows `news`. */
async function openAcrossNetwork(heartbeat: { intervalMs: number; graceMs: number }) {
  const network = openNetwork();
  const { server, port } = await openServer({ heartbeat }, network.hostAddress);
  const ended: (string | number)[] = [];
  server.on('disconnect', ({ reason }) => ended.push(reason));
  const client = await startChild<ClientCalls>('client', { within: network.within });
  await client.call('connect', `ws://${network.hostAddress}:${port}/`);
  await client.call('subscribe', 'news', 'start');
  let published = 0;
  const publish = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) await server.publish('news', { publisher: 'server', n: ++published });
  };
  return { network, server, client, ended, publish, published: () => published };
}

async function received(client: Child<ClientCalls>, count: number): Promise<Numbered[]> {
  await vi.waitFor(
    async () => expect((await client.call('received')).length).toBeGreaterThanOrEqual(count),
    patient,
  );
  const items = await client.call('received');
  expect(items.filter((item) => 'gap' in item)).toEqual([]);
  return items.filter((item) => 'n' in item);
}

describe.runIf(requirePeer('netns', 'ip', 'nft'))('a network that loses packets', () => {
  it('[LIVE-1, LIVE-2] all of them for less than the grace: the connection survives, and what was said comes', async () => {
    const { network, client, ended, publish } = await openAcrossNetwork({
      intervalMs: 2_000,
      graceMs: 20_000,
    });
    await publish(5);
    await received(client, 5);
    network.drop(100);
    await publish(5);
    await pause(3_000);
    network.drop(0);
    await publish(5);
    expectEachOnce(await received(client, 15), { server: 15 });
    expect(ended).toEqual([]);
  });

  it('[LIVE-2, RET-2] all of them for longer than the grace: it comes back, nothing lost, nothing twice', async () => {
    const { network, client, ended, publish } = await openAcrossNetwork({
      intervalMs: 1_000,
      graceMs: 2_000,
    });
    await publish(5);
    await client.call('publish', 'news', 5);
    await received(client, 10);
    network.drop(100);
    await publish(5);
    const publishes = client.call('publish', 'news', 5);
    await vi.waitFor(() => expect(ended).toEqual(['heartbeat-timeout']), patient);
    // The client hears nothing of that, and must find out by itself.
    await vi.waitFor(async () => expect(await client.call('phases')).toContain('suspect'), patient);
    network.drop(0);
    await publishes;
    await publish(5);
    expectEachOnce(await received(client, 25), { server: 15, client: 10 });
  });

  it('[PUB-2, SUB-2] one in twenty: everything arrives, in both directions', async () => {
    const { network, client, publish } = await openAcrossNetwork({ intervalMs: 1_000, graceMs: 5_000 });
    network.drop(5);
    const batches = oneTo(10).map(async () => {
      await Promise.all([publish(50), client.call('publish', 'news', 50)]);
    });
    await Promise.all(batches);
    expectEachOnce(await received(client, 1_000), { server: 500, client: 500 });
  });

  it(`[LIVE-1, PUB-2] blips of 1 to 10 s, one every ${BLIP_EVERY_MS / 1_000} s: nothing lost, nothing twice, and those within the grace cost no connection`, async () => {
    const { network, client, ended, publish, published } = await openAcrossNetwork({
      intervalMs: 5_000,
      graceMs: 15_000,
    });
    await publish(1);
    await received(client, 1);
    let sent = 0;
    const publishes: Promise<unknown>[] = [];
    const timer = setInterval(() => {
      publishes.push(publish(1), client.call('publish', 'news', 1));
      sent++;
    }, 200);
    onTestFinished(() => clearInterval(timer));
    for (const blipMs of BLIPS_MS) {
      await pause(BLIP_EVERY_MS - blipMs);
      network.drop(100);
      await pause(blipMs);
      network.drop(0);
    }
    clearInterval(timer);
    await Promise.all(publishes);
    expectEachOnce(await received(client, published() + sent), { server: published(), client: sent });
    // A client may have moved to a rival, which it makes before it breaks; the server has given up none.
    expect(ended.filter((reason) => reason !== 'superseded')).toEqual([]);
  }, 400_000);
});
