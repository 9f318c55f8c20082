import type { Phase } from 'holdfast/client';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { requirePeer } from './peers.ts';
import { bundlePage, launchBrowser, openPage, servePage } from './support/browser.ts';
import { openChromium } from './support/devtools.ts';
import { expectEachOnce, Ledger, openClient, patient } from './support/ledger.ts';
import { openChaos, openServer } from './support/servers.ts';

// What browsers really do to a WebSocket, each as a test: facts that a client must bear.

const hasChromium = requirePeer('chromium');
let browser: Browser;
let script: string;

beforeAll(async () => {
  if (hasChromium) [browser, script] = await Promise.all([launchBrowser(), bundlePage()]);
});
afterAll(() => browser?.close());

async function becomes(page: Page, phase: Phase): Promise<void> {
  await vi.waitFor(
    async () => expect(await page.evaluate(() => window.seen.client.status.phase)).toBe(phase),
    patient,
  );
}

async function receives(page: Page, count: number): Promise<void> {
  await vi.waitFor(
    async () => expect(await page.evaluate(() => window.seen.messages.length)).toBe(count),
    patient,
  );
  expectEachOnce(await page.evaluate(() => window.seen.messages), { server: count });
  expect(await page.evaluate(() => window.seen.gaps)).toEqual([]);
}

describe.runIf(hasChromium)('a page in Chromium', () => {
  it('[LIVE-4, LIVE-5] an open socket that hears nothing any more is replaced within 8 s, and not waited for', async () => {
    const { port, server } = await openServer();
    const [hole, open] = [await openChaos(port), await openChaos(port)];
    const page = await openPage(browser, script, { endpoint: `${hole.url('ws')},${open.url('ws')}` });
    await becomes(page, 'live');
    await hole.set({ blackHole: 'both' });
    const position = page.evaluate(async () => {
      const beganAtMs = performance.now();
      await window.seen.client.publish('news', { publisher: 'server', n: 1 });
      return performance.now() - beganAtMs;
    });
    // Chromium itself would fire `close` 60 s later.
    expect(await position).toBeLessThan(8_000);
    expect(await page.evaluate(() => window.seen.client.status.endpoint)).toBe(open.url('ws'));
    expect(await page.evaluate(() => window.seen.phases)).toContain('suspect');
    await receives(page, 1);
    expect(server.stats().welcomed).toBe(2);
  });

  it('[RET-3] a handshake that never completes is given up and tried again', async () => {
    const { port } = await openServer();
    const path = await openChaos(port);
    await path.set({ blackHole: 'down' });
    let dials = 0;
    path.on('open', () => dials++);
    const options = { connectTimeoutMs: 1_000 };
    const page = await openPage(browser, script, { endpoint: path.url('ws'), options });
    await vi.waitFor(() => expect(dials).toBeGreaterThanOrEqual(3), patient);
    await path.clear();
    await becomes(page, 'live');
  });

  it('[LIVE-2] a page whose timers wake once a minute survives an idle limit of seconds', async () => {
    const { port, server } = await openServer({ heartbeat: { intervalMs: 1_000 } });
    const path = await openChaos(port);
    await path.set({ idleCutMs: 3_000 });
    const page = await openPage(browser, script, { endpoint: path.url('ws') });
    await becomes(page, 'live');
    // What intensive throttling does to a hidden page (Chromium: hidden for 5 min, silent for 30 s).
    await page.evaluate(() => {
      const slow = setTimeout;
      globalThis.setTimeout = ((run: () => void, ms?: number) =>
        slow(run, Math.max(60_000, ms ?? 0))) as typeof setTimeout;
    });
    const beganAtMs = Date.now();
    await vi.waitFor(() => expect(Date.now() - beganAtMs).toBeGreaterThan(8_000), patient);
    expect(server.stats()).toMatchObject({ connections: 1, welcomed: 1 });
    await server.publish('news', { publisher: 'server', n: 1 });
    await receives(page, 1);
  });

  it('[SUB-2] a page frozen under traffic gets all of it once it is resumed, hidden: in order and once', async () => {
    const { port, server } = await openServer({ heartbeat: { intervalMs: 1_000, graceMs: 2_000 } });
    const ended = new Promise<string | number>((resolve) => {
      server.on('disconnect', ({ reason }) => resolve(reason));
    });
    const query = new URLSearchParams({ endpoint: `ws://127.0.0.1:${port}/` });
    const tab = await (await openChromium())(`${await servePage(script)}/?${query}`);
    const count = (): Promise<number> => tab.evaluate(() => window.seen?.messages.length ?? -1);
    await vi.waitFor(() => expect(server.stats().connections).toBe(1), patient);
    await tab.freeze();
    for (let n = 1; n <= 200; n++) await server.publish('news', { publisher: 'server', n });
    // The browser would answer pings for it; the page itself answers no heartbeat.
    expect(await ended).toBe('heartbeat-timeout');
    for (let n = 201; n <= 300; n++) await server.publish('news', { publisher: 'server', n });
    expect(await count()).toBeLessThan(300);
    await tab.resume();
    await vi.waitFor(async () => expect(await count()).toBe(300), patient);
    expect(await tab.evaluate(() => document.hidden)).toBe(true);
    expectEachOnce(await tab.evaluate(() => window.seen.messages), { server: 300 });
    expect(await tab.evaluate(() => window.seen.gaps)).toEqual([]);
  });

  it('[SUB-2, LIVE-3] a page that comes back from the back/forward cache goes on where it was', async () => {
    const caching = await launchBrowser({ ignoreDefaultArgs: ['--disable-back-forward-cache'] });
    try {
      const { port, server } = await openServer();
      const told = new Ledger(openClient(`ws://127.0.0.1:${port}`).client, 'told', 'start');
      const page = await openPage(caching, script, { endpoint: `ws://127.0.0.1:${port}/` });
      await becomes(page, 'live');
      const elsewhere = await servePage('setTimeout(() => history.back(), 1_000);');
      // The page tells by itself: whoever drives the browser loses hold of it on the way.
      await page.evaluate((url) => {
        addEventListener('pageshow', async ({ persisted }) => {
          if (!persisted) return;
          while (window.seen.messages.length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
          for (const { n } of window.seen.messages)
            void window.seen.client.publish('told', { publisher: 'page', n });
        });
        location.href = url;
      }, elsewhere);
      await server.publish('news', { publisher: 'server', n: 1 });
      await vi.waitFor(() => expect(told.messages).toEqual([{ publisher: 'page', n: 1 }]), patient);
    } finally {
      await caching.close();
    }
  });

  it('[LIVE-3] an `offline` that is a lie leaves the healthy socket alone', async () => {
    const { port, server } = await openServer();
    const page = await openPage(browser, script, { endpoint: `ws://127.0.0.1:${port}/` });
    await becomes(page, 'live');
    const { rttMs } = await page.evaluate(async () => {
      Object.defineProperty(navigator, 'onLine', { value: false });
      dispatchEvent(new Event('offline'));
      return window.seen.client.probe();
    });
    expect(rttMs).toBeGreaterThanOrEqual(0);
    expect(await page.evaluate(() => window.seen.phases)).toEqual(['connecting', 'live']);
    expect(server.stats()).toMatchObject({ connections: 1, welcomed: 1 });
  });

  for (const state of ['connecting', 'waiting', 'awaiting its token'] as const) {
    it(`[RET-4] close() while ${state}: no later dial`, async () => {
      const { port } = await openServer();
      const [path, own] = [await openChaos(port), await openChaos(port)];
      if (state === 'connecting') await path.set({ blackHole: 'down' });
      let dials = 0;
      path.on('open', () => dials++);
      const page = await openPage(browser, script, { endpoint: own.url('ws') });
      if (state === 'waiting') await path.set({ refuse: true });
      const before = await page.evaluate(
        async ([endpoint, how]) => {
          let giveToken = (_token: string): void => {};
          const token = (): Promise<string> => new Promise((resolve) => (giveToken = resolve));
          const client = window.seen.connect(endpoint!, how === 'awaiting its token' ? { token } : {});
          const wanted = how === 'waiting' ? 'waiting' : 'connecting';
          while (client.status.phase !== wanted) await new Promise((resolve) => setTimeout(resolve, 10));
          await new Promise((resolve) => setTimeout(resolve, 50));
          await client.close();
          giveToken('late');
          return client.status.phase;
        },
        [path.url('ws'), state],
      );
      expect(before).toBe('closed');
      await path.clear();
      const settled = dials;
      for (const event of ['online', 'focus', 'visibilitychange', 'pageshow', 'resume'])
        await page.evaluate((name) => void dispatchEvent(new Event(name)), event);
      // A whole connection of another client's is time enough for a dial.
      await page.reload();
      await becomes(page, 'live');
      expect(dials).toBe(settled);
    });
  }

  it('[AUTH-1, RET-3] a token function that rejects, then hangs, then works: live in the end', async () => {
    const { port } = await openServer({
      authenticate: ({ token }) => (token === 'good' ? { id: 'me' } : undefined),
    });
    const page = await openPage(browser, script, { endpoint: `ws://127.0.0.1:${port}/` });
    const calls = await page.evaluate(async (endpoint) => {
      const answers = [
        () => Promise.reject(new Error('The login server is down.')),
        () => new Promise<string>(() => {}),
        () => Promise.resolve('good'),
      ];
      let asked = 0;
      const client = window.seen.connect(endpoint, {
        token: () => answers[Math.min(asked++, 2)]!(),
        connectTimeoutMs: 1_000,
        backoff: { baseMs: 50, capMs: 100 },
      });
      const causes = new Set<string>();
      client.onStatus(({ cause }) => cause && causes.add(cause.text));
      while (client.status.phase !== 'live') await new Promise((resolve) => setTimeout(resolve, 20));
      await client.close();
      return { asked, causes: [...causes] };
    }, `ws://127.0.0.1:${port}/`);
    expect(calls.asked).toBe(3);
    expect(calls.causes).toContain('The login server is down.');
  });
});
