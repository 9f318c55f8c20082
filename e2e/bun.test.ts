import { execFile } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import type { ServerCalls } from './programs/server.ts';
import { bunPath, type Child, startChild } from './support/child.ts';
import { becomes, expectEachOnce, Ledger, oneTo, openClient } from './support/ledger.ts';
import { openChaos } from './support/servers.ts';

describe('the server on Bun', () => {
  it('[WIRE-1, WIRE-2, FLOW-1, FLOW-7, CLOSE-1] has an engine that keeps the contract of engines, beside other routes', async () => {
    const said = await new Promise<string>((resolve) => {
      const args = ['test', '--conditions=source', './e2e/programs/bun-contract.ts'];
      execFile(bunPath, args, (_error, stdout, stderr) => resolve(stdout + stderr));
    });
    expect(said).toMatch(/^ 0 fail$/m);
    expect(Number(/^ (\d+) pass$/m.exec(said)?.[1]), said).toBeGreaterThan(40);
  });

  it('[FLOW-2] replays far more than a socket holds to whoever reads slowly, and answers others meanwhile', async () => {
    const { child, port } = await startServer();
    const slow = await openChaos(port);
    await slow.set({ bandwidthBytesPerSecond: 8_000_000 });
    const last = await child.call('publish', 'news', 1_500, 8_000);
    const { client } = openClient(slow.url('ws'));
    const ledger = new Ledger(client, 'news', 'start');
    await ledger.ready;
    const { client: other } = openClient(`ws://127.0.0.1:${port}/`);
    const { offset } = await other.publish('jobs', { publisher: 'other', n: 1 });
    expect(offset).toBe(1);
    await ledger.reaches(last);
    expectEachOnce(ledger.messages, { server: 1_500 });
    expect(ledger.gaps).toEqual([]);
  });

  it('[SUB-5, REQ-1] kill -9: a gap "epoch", live again, and a request is never run twice', async () => {
    let { child, port } = await startServer();
    const path = await openChaos(() => port);
    const { client } = openClient(path.url('ws'));
    const ledger = new Ledger(client, 'news', 'start');
    await ledger.reaches(await child.call('publish', 'news', 5));
    const request = client.request('never', 7);
    const requestFailed = expect(request).rejects.toMatchObject({ code: 'outcome-unknown' });
    await becomes(client, 'live');
    await child.kill();
    ({ child, port } = await startServer());
    await requestFailed;
    await ledger.reaches(await child.call('publish', 'news', 3));
    expect(ledger.gaps.map(({ reason }) => reason)).toEqual(['epoch']);
    expect(await child.call('runs')).toEqual([]);
  });

  it('[DRAIN-1, DRAIN-2] SIGTERM moves its clients to another, and ends it with 0', async () => {
    const [from, to] = [await startServer(), await startServer()];
    let target = from.port;
    const path = await openChaos(() => target);
    const clients = await Promise.all(
      oneTo(20).map(async () => {
        const { client, phases } = openClient(path.url('ws'));
        await becomes(client, 'live');
        return { client, phases };
      }),
    );
    await from.child.call('drainOnSignal', 10_000);
    target = to.port;
    from.child.signal('SIGTERM');
    await from.child.exited;
    expect(from.child.exitCode).toBe(0);
    for (const { client, phases } of clients) {
      expect(client.status.phase).toBe('live');
      expect(phases, 'made before broken').not.toContain('waiting');
    }
    expect((await to.child.call('stats')).connections).toBe(20);
  });
});

async function startServer(): Promise<{ child: Child<ServerCalls>; port: number }> {
  const child = await startChild<ServerCalls>('server', { bun: true });
  return { child, port: await child.call('listen', 0) };
}
