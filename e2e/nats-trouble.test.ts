import { natsLog, type NatsLogOptions } from 'holdfast/logs/nats';
import { LogSubject } from 'holdfast/testing/contracts';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { requirePeer } from './peers.ts';
import { oneTo, patient } from './support/ledger.ts';
import { startNats, type NatsServer } from './support/nats.ts';
import { openChaos } from './support/servers.ts';

describe.runIf(requirePeer('nats-server'))('holdfast/logs/nats on bad days', () => {
  let server: NatsServer;
  beforeAll(async () => {
    server = await startNats();
  });
  afterAll(() => server.destroy());

  async function open(options: Partial<NatsLogOptions>): Promise<LogSubject> {
    const subject = await LogSubject.open(natsLog({ url: server.url, ...options }), {});
    onTestFinished(() => subject.log.close());
    return subject;
  }

  it('[HUB-7] a NATS whose answers take longer than is waited for at first is read, followed and appended to', async () => {
    const path = await openChaos(server.port);
    const near = await open({ prefix: 'slow' });
    const far = await open({ prefix: 'slow', url: path.url('nats') });
    const texts = oneTo(40).map((n) => `message ${n}`);
    const positions = await near.addAll('t', texts);
    const follower = await far.follow('t');
    // Answers are there after 3.6 s.
    await path.set({ latencyMs: 1_800 });
    const begin = { epoch: positions[0]!.epoch, offset: 0 };
    const [page, added] = await Promise.all([far.read('t', begin), far.append('t', 'far', 'session', 1)]);
    expect(page.gap).toBeUndefined();
    const read = page.entries.map(({ payload }) => Buffer.from(payload).toString());
    expect(read.filter((text) => text !== 'far')).toEqual(texts);
    expect(added.status).not.toBe('stale');
    await follower.until('far');
    expect((await near.kept('t')).filter((text) => text === 'far')).toEqual(['far']);
  }, 60_000);

  it('[HUB-5] what a NATS that stands still does not take of broadcasts is kept within a bound', async () => {
    const [a, b] = [await open({ prefix: 'still' }), await open({ prefix: 'still' })];
    server.signal('SIGSTOP');
    // 50 MB.
    for (let n = 0; n < 5_000; n++) a.log.broadcast(new Uint8Array(10_000));
    server.signal('SIGCONT');
    await vi.waitFor(() => {
      a.log.broadcast(new TextEncoder().encode('the end'));
      expect(b.heard).toContain('the end');
    }, patient);
    expect(b.heard.length).toBeLessThan(1_500);
  });
});
