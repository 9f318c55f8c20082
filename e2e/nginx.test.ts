import { describe, expect, it, vi } from 'vitest';
import { requirePeer } from './peers.ts';
import { expectEachOnce, Ledger, openClient, patient } from './support/ledger.ts';
import { openNginx } from './support/nginx.ts';
import { openServer, type RunningServer } from './support/servers.ts';

/** A server that shows itself at this interval, behind an nginx that cuts what was silent for 3 s. */
async function openBehindNginx(
  intervalMs: number,
): Promise<RunningServer & { url: string; ended: unknown[] }> {
  const running = await openServer({ heartbeat: { intervalMs } });
  const ended: unknown[] = [];
  running.server.on('disconnect', ({ reason }) => ended.push(reason));
  const { port } = await openNginx(running.port, 'proxy_read_timeout 3s;');
  return { ...running, url: `ws://127.0.0.1:${port}/`, ended };
}

describe.runIf(requirePeer('nginx'))('nginx with proxy_read_timeout 3s', () => {
  it('[RET-1, LIVE-2] cuts an idle connection whose heartbeat is slower; it comes back by itself and misses nothing', async () => {
    const slow = await openBehindNginx(25_000);
    const quick = await openBehindNginx(1_000);
    const { client } = openClient(slow.url);
    const ledger = new Ledger(client, 'news', 'start');
    const kept = openClient(quick.url);
    const keptLedger = new Ledger(kept.client, 'news', 'start');
    await Promise.all([ledger.ready, keptLedger.ready]);

    // What is published at the very moment of each cut finds nobody connected.
    let published = 0;
    slow.server.on('disconnect', () => {
      void slow.server.publish('news', { publisher: 'server', n: ++published });
    });
    await vi.waitFor(() => expect(published).toBeGreaterThanOrEqual(4), patient);

    const top = await slow.server.publish('news', { publisher: 'server', n: ++published });
    await ledger.reaches(top);
    expectEachOnce(ledger.messages, { server: published });
    expect(ledger.gaps).toEqual([]);
    expect(slow.ended.slice(0, 4)).toEqual([1006, 1006, 1006, 1006]);

    // Meanwhile, for more than three times nginx's patience, a heartbeat each second held the other connection.
    expect(quick.ended).toEqual([]);
    expect(kept.phases).toEqual(['connecting', 'live']);
    await keptLedger.reaches(await quick.server.publish('news', { publisher: 'server', n: 1 }));
    expectEachOnce(keptLedger.messages, { server: 1 });
  });
});
