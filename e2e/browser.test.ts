import type { Phase } from 'holdfast/client';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { requirePeer } from './peers.ts';
import { bundlePage, launchBrowser, openPage } from './support/browser.ts';
import { expectEachOnce, Ledger, oneTo, openClient, patient } from './support/ledger.ts';
import { openChaos, openServer } from './support/servers.ts';

const hasChromium = requirePeer('chromium');
let browser: Browser;
let script: string;

beforeAll(async () => {
  if (hasChromium) [browser, script] = await Promise.all([launchBrowser(), bundlePage()]);
});
afterAll(() => browser?.close());

/** A server, a chaos proxy before it, and a client that reads the topic directly. */
async function openScene() {
  const { server, port } = await openServer();
  const path = await openChaos(port);
  const witness = new Ledger(openClient(`ws://127.0.0.1:${port}`).client, 'news', 'start');
  let n = 0;
  const publish = (): ReturnType<typeof server.publish> =>
    server.publish('news', { publisher: 'server', n: ++n });
  return { server, path, witness, publish, endpoint: path.url('ws') };
}

async function pageBecomes(page: Page, phase: Phase): Promise<void> {
  await vi.waitFor(
    async () => expect(await page.evaluate(() => window.seen.client.status.phase)).toBe(phase),
    patient,
  );
}

/** What the page got, once it has `count` messages. */
async function seenBy(page: Page, count: number) {
  await vi.waitFor(
    async () => expect(await page.evaluate(() => window.seen.messages.length)).toBeGreaterThanOrEqual(count),
    patient,
  );
  return page.evaluate(() => ({
    messages: window.seen.messages,
    gaps: window.seen.gaps,
    phases: window.seen.phases,
  }));
}

/** Publishes without waiting for the acknowledgement, as a page does that may be gone before. */
async function publishUnawaited(page: Page, n: number): Promise<void> {
  await page.evaluate((number) => {
    window.seen.client.publish('news', { publisher: 'page', n: number }).catch(() => {});
  }, n);
}

describe.runIf(hasChromium)('the client in Chromium', () => {
  it('connects, subscribes, publishes and requests', async () => {
    const { server, endpoint, publish, witness } = await openScene();
    server.method('sum', ([a, b]: [number, number]) => a + b);
    const page = await openPage(browser, script, { endpoint });
    expect(await page.evaluate(() => window.seen.client.request('sum', [1, 2]))).toBe(3);
    const position = await page.evaluate(() =>
      window.seen.client.publish('news', { publisher: 'page', n: 1 }),
    );
    expect(position).toEqual({ epoch: expect.any(Number), offset: 1 });
    await witness.reaches(await publish());
    const { messages, phases } = await seenBy(page, 2);
    expectEachOnce(messages, { page: 1, server: 1 });
    expectEachOnce(witness.messages, { page: 1, server: 1 });
    expect(phases).toEqual(['connecting', 'live']);
  });

  it('[SUB-2, PUB-3] loses and doubles nothing while its connection is broken again and again', async () => {
    const { server, path, endpoint, publish, witness } = await openScene();
    const page = await openPage(browser, script, { endpoint });
    const ways = ['cut', 'reset', 'cutMidFrame', 'cut', 'reset'] as const;
    for (const [index, way] of ways.entries()) {
      await pageBecomes(page, 'live');
      const from = index * 40;
      const publishes = page.evaluate(
        (numbers) =>
          Promise.all(numbers.map((n) => window.seen.client.publish('news', { publisher: 'page', n }))),
        oneTo(40).map((n) => n + from),
      );
      await Promise.all(oneTo(20).map(publish));
      path[way]();
      await Promise.all(oneTo(20).map(publish));
      await publishes;
    }
    await witness.reaches(await publish());
    const { messages, gaps } = await seenBy(page, 401);
    expectEachOnce(messages, { page: 200, server: 201 });
    expectEachOnce(witness.messages, { page: 200, server: 201 });
    expect(gaps).toEqual([]);
    expect(server.stats().resumed).toBeGreaterThanOrEqual(4);
  });

  it('[PUB-4] what it published while it was cut off survives a reload, and is applied once', async () => {
    const { path, endpoint, publish, witness } = await openScene();
    const page = await openPage(browser, script, { endpoint, storage: true });
    await pageBecomes(page, 'live');
    await path.set({ refuse: true });
    path.cut();
    await pageBecomes(page, 'waiting');
    for (const n of oneTo(3)) await publishUnawaited(page, n);
    await page.reload();
    expect(await page.evaluate(() => window.seen.client.status.queued)).toBe(3);
    await path.clear();
    await pageBecomes(page, 'live');
    await vi.waitFor(
      async () =>
        expect(await page.evaluate(() => window.seen.client.status)).toMatchObject({
          queued: 0,
          unacknowledged: 0,
        }),
      patient,
    );
    await witness.reaches(await publish());
    expectEachOnce(witness.messages, { page: 3, server: 1 });
  });

  it('[PUB-3, PUB-4] a publish whose acknowledgement was lost with the page is not applied twice', async () => {
    const { path, endpoint, publish, witness } = await openScene();
    const page = await openPage(browser, script, { endpoint, storage: true });
    await pageBecomes(page, 'live');
    await path.set({ blackHole: 'down' });
    await publishUnawaited(page, 1);
    await vi.waitFor(() => expectEachOnce(witness.messages, { page: 1 }), patient);
    await page.reload();
    await path.clear();
    await pageBecomes(page, 'live');
    await page.evaluate(() => window.seen.client.publish('news', { publisher: 'page', n: 2 }));
    await witness.reaches(await publish());
    expectEachOnce(witness.messages, { page: 2, server: 1 });
  });

  it('[SUB-6] goes on after a reload with what it had not processed', async () => {
    const { path, endpoint, publish } = await openScene();
    const page = await openPage(browser, script, { endpoint, storage: true });
    await Promise.all(oneTo(3).map(publish));
    await seenBy(page, 3);
    await path.set({ refuse: true });
    path.cut();
    await Promise.all(oneTo(3).map(publish));
    await page.reload();
    await path.clear();
    const { messages, gaps } = await seenBy(page, 3);
    expect(messages.map(({ n }) => n)).toEqual([4, 5, 6]);
    expect(gaps).toEqual([]);
  });

  it('[RET-5, RET-6] a page of another origin is told why the server takes no connection of its', async () => {
    const { port } = await openServer({ origins: ['https://app.example'] });
    const page = await openPage(browser, script, { endpoint: `ws://127.0.0.1:${port}` });
    await vi.waitFor(
      async () =>
        expect(await page.evaluate(() => window.seen.client.status.cause)).toMatchObject({
          code: 'http-403',
          text: expect.stringContaining('forbids'),
        }),
      patient,
    );
  });

  it('[RET-4] close() ends all attempts', async () => {
    const { path, endpoint } = await openScene();
    const { path: otherPath, endpoint: otherEndpoint } = await openScene();
    const page = await openPage(browser, script, { endpoint });
    const other = await openPage(browser, script, { endpoint: otherEndpoint });
    await Promise.all([pageBecomes(page, 'live'), pageBecomes(other, 'live')]);
    await Promise.all([path.set({ refuse: true }), otherPath.set({ refuse: true })]);
    path.cut();
    otherPath.cut();
    await Promise.all([pageBecomes(page, 'waiting'), pageBecomes(other, 'waiting')]);
    await page.evaluate(() => window.seen.client.close());
    await pageBecomes(page, 'closed');

    // Both ways are open again. The other page, whose attempts all fail, is the measure of how long to look.
    const attempts = { page: 0, other: 0 };
    path.on('open', () => attempts.page++);
    otherPath.on('open', () => attempts.other++);
    await path.clear();
    await otherPath.set({ refuse: undefined, lifetimeCutMs: 1 });
    await vi.waitFor(() => expect(attempts.other).toBeGreaterThanOrEqual(6), patient);
    expect(attempts.page).toBe(0);
    expect(await page.evaluate(() => window.seen.client.status.phase)).toBe('closed');
  });

  it('[LIVE-3] tries at once when the network is back, however long the wait was to be', async () => {
    const { path, endpoint, publish } = await openScene();
    const hours = 10_000_000;
    const options = { backoff: { baseMs: hours, capMs: hours } };
    const page = await openPage(browser, script, { endpoint, options });
    await pageBecomes(page, 'live');
    await path.set({ refuse: true });
    path.cut();
    await pageBecomes(page, 'waiting');
    await publish();
    await path.clear();
    // Chromium may say "online" a moment before it lets connections through, so it is said until one has got through.
    await vi.waitFor(async () => {
      await page.context().setOffline(true);
      await pageBecomes(page, 'offline');
      await page.context().setOffline(false);
      expect(await page.evaluate(() => window.seen.becomesLive())).toBe(true);
    }, patient);
    expectEachOnce((await seenBy(page, 1)).messages, { server: 1 });
  });
});
