import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { requirePeer } from './peers.ts';
import type { ServerCalls } from './programs/server.ts';
import { type Child, startChild } from './support/child.ts';
import { HIGH_CONFIDENCE } from './support/explaining.ts';
import { becomes, openClient, patient } from './support/ledger.ts';
import { RedisServer } from './support/redis.ts';
import { openChaos } from './support/servers.ts';

/** As on a machine of its own: its number means nothing to the processes of this one. */
const elsewhere = ['unshare', '--pid', '--fork', '--kill-child'];
const CLIENTS = 5;

interface Node {
  child: Child<ServerCalls>;
  port: number;
}

async function startNode(url: string, within: readonly string[] = []): Promise<Node> {
  const child = await startChild<ServerCalls>('server', { within });
  const redis = { url, probeIntervalMs: 1_000 };
  const port = await child.call('listen', 0, { redis, limits: { nodeBeatMs: 1_000 } });
  return { child, port };
}

/** Two nodes on one Redis, of which the first, with all clients, is on this machine or on another. */
async function openScene(within: readonly string[] = []) {
  const redis = await RedisServer.start();
  onTestFinished(() => redis.stop());
  const [logPath, other] = [await openChaos(redis.port), await startNode(redis.url)];
  const first = await startNode(`redis://127.0.0.1:${logPath.port}`, within);
  const path = await openChaos(first.port);
  await vi.waitFor(
    async () => expect((await other.child.call('clusterStats')).nodes).toHaveLength(2),
    patient,
  );
  const endpoints = [path.url('ws'), `ws://127.0.0.1:${other.port}/`];
  const clients = Array.from({ length: CLIENTS }, () => openClient(endpoints).client);
  await Promise.all(clients.map((client) => becomes(client, 'live')));
  expect((await first.child.call('stats')).connections).toBe(CLIENTS);
  /** Waits until each disconnect is explained. */
  const explained = async (): Promise<Record<string, number>> => {
    const causes = async () => (await other.child.call('stats')).causes;
    const sum = (of: Readonly<Record<string, number>>) => Object.values(of).reduce((a, b) => a + b, 0);
    await vi.waitFor(async () => expect(sum(await causes())).toBe(CLIENTS), patient);
    return causes();
  };
  return { first, other, clients, path, logPath, explained };
}

describe.runIf(requirePeer('redis-server'))('one of two nodes on a Redis', () => {
  it('[CAUSE-3, CAUSE-6] is killed on this machine: its clients are told that for sure', async () => {
    const { first, clients, explained } = await openScene();
    await first.child.kill();
    expect(await explained()).toEqual({ 'server-crash': CLIENTS });
    for (const client of clients)
      expect(client.status.cause).toMatchObject({ code: 'server-crash', confidence: 0.95 });
  });

  it.runIf(requirePeer('netns'))(
    '[CAUSE-3, CAUSE-6] is killed on another machine: its clients are told when it is not heard any more',
    async () => {
      const { first, clients, explained } = await openScene(elsewhere);
      const killedAtMs = performance.now();
      await first.child.kill();
      expect(await explained()).toEqual({ 'server-crash': CLIENTS });
      console.info(`Explained ${Math.round(performance.now() - killedAtMs)} ms after the kill.`);
      for (const client of clients) {
        expect(client.status.cause).toMatchObject({ code: 'server-crash', confidence: 0.75 });
        expect(client.status.cause!.text).toMatch(/this node heard it last \d\.\d s before/);
      }
    },
  );

  it.each([['this', []], ...(requirePeer('netns') ? [['another', elsewhere] as [string, string[]]] : [])])(
    '[CAUSE-4, CAUSE-6] on %s machine is cut off from the log, and so are its clients from it: nobody calls that a crash for sure',
    async (machine, within) => {
      const { clients, path, logPath, explained, other } = await openScene(within);
      const verdicts: { code: string; confidence: number | undefined }[] = [];
      for (const client of clients)
        client.onStatus(
          ({ cause }) =>
            cause?.confidence !== undefined && verdicts.push({ ...cause, confidence: cause.confidence }),
        );
      await logPath.set({ blackHole: 'both' });
      await path.set({ refuse: true });
      path.reset();
      const causes = await explained();
      for (const { confidence } of verdicts) expect(confidence).toBeLessThan(HIGH_CONFIDENCE);
      // Here its process can be seen to run.
      if (machine === 'this') expect(causes).toEqual({ unknown: CLIENTS });
      const { connections } = await other.child.call('stats');
      expect(connections, 'somebody is there').toBeGreaterThan(0);
    },
  );
});
