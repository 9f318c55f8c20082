import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { requirePeer } from './peers.ts';
import { bundlePage, launchBrowser, openContext, servePage } from './support/browser.ts';
import { expectEachOnce, Ledger, oneTo, openClient, patient } from './support/ledger.ts';
import { openChaos, openServer } from './support/servers.ts';

const hasChromium = requirePeer('chromium');
let browser: Browser;
let script: string;

beforeAll(async () => {
  if (hasChromium) [browser, script] = await Promise.all([launchBrowser(), bundlePage('tabs-page')]);
});
afterAll(() => browser?.close());

/** A server, a way to it that can be broken, and a browser whose tabs share. */
async function openScene() {
  const { server, port } = await openServer();
  server.method('sum', ([a, b]: [number, number]) => a + b);
  const path = await openChaos(port);
  let dials = 0;
  path.on('open', () => dials++);
  const witness = new Ledger(openClient(`ws://127.0.0.1:${port}`).client, 'news', 'start');
  const context = await openContext(browser);
  const origin = await servePage(script);
  let count = 0;
  const openTab = async (endpoint = path.url('ws')): Promise<Page> => {
    const page = await context.newPage();
    await page.goto(`${origin}/?${new URLSearchParams({ endpoint, name: `tab-${++count}` })}`);
    return page;
  };
  return { server, port, path, witness, context, openTab, dials: () => dials };
}

const isLive = (page: Page) => page.evaluate(() => window.tab.client.status.phase === 'live');

async function allLive(tabs: readonly Page[]): Promise<void> {
  for (const page of tabs) await vi.waitFor(async () => expect(await isLive(page)).toBe(true), patient);
}

/** The tab that holds the connection. */
async function leaderOf(tabs: readonly Page[]): Promise<Page> {
  return vi.waitFor(async () => {
    const leads = await Promise.all(tabs.map((page) => page.evaluate(() => window.tab.leads())));
    expect(leads.filter(Boolean)).toHaveLength(1);
    return tabs[leads.indexOf(true)]!;
  }, patient);
}

const nameOf = (page: Page) => page.evaluate(() => window.tab.name);
const publish = (page: Page, count: number) => page.evaluate((n) => window.tab.publish(n), count);

/** Each tab has all of the witness's messages, in its order, once. */
async function expectSame(tabs: readonly Page[], witness: Ledger): Promise<void> {
  for (const page of tabs) {
    await vi.waitFor(
      async () =>
        expect(await page.evaluate(() => window.tab.messages.length)).toBeGreaterThanOrEqual(
          witness.messages.length,
        ),
      patient,
    );
    const { messages, gaps, failures } = await page.evaluate(() => window.tab);
    expect(messages).toEqual(witness.messages);
    expect([gaps, failures]).toEqual([[], []]);
  }
}

describe.runIf(hasChromium)('tabs that share one connection, in Chromium', () => {
  it('[TAB-1] have one WebSocket, and each its own session, subscriptions, publishes and requests', async () => {
    const { server, witness, openTab, dials } = await openScene();
    const tabs = await Promise.all(oneTo(4).map(() => openTab()));
    await allLive(tabs);
    await leaderOf(tabs);
    expect(dials()).toBe(1);
    // The witness has a connection of its own.
    expect(server.stats().connections).toBe(5);
    expect(
      await Promise.all(tabs.map((page) => page.evaluate(() => window.tab.client.request('sum', [1, 2])))),
    ).toEqual([3, 3, 3, 3]);
    await Promise.all(tabs.map((page) => publish(page, 25)));
    await witness.reaches(await server.publish('news', { publisher: 'server', n: 1 }));
    expectEachOnce(witness.messages, { 'tab-1': 25, 'tab-2': 25, 'tab-3': 25, 'tab-4': 25, server: 1 });
    await expectSame(tabs, witness);
    expect(dials()).toBe(1);
  });

  it('[TAB-2] end their sessions one by one, and the connection with the last', async () => {
    const { server, openTab, path } = await openScene();
    const tabs = await Promise.all(oneTo(3).map(() => openTab()));
    await allLive(tabs);
    const leader = await leaderOf(tabs);
    const followers = tabs.filter((page) => page !== leader);
    let closed = 0;
    path.on('close', () => closed++);
    await leader.evaluate(() => window.tab.client.close());
    await followers[0]!.close();
    await vi.waitFor(() => expect(server.stats().connections).toBe(2), patient);
    expect(closed).toBe(0);
    expect(await isLive(followers[1]!)).toBe(true);
    await followers[1]!.evaluate(() => window.tab.client.close());
    await vi.waitFor(() => expect([server.stats().connections, closed]).toEqual([1, 1]), patient);
  });

  it('[TAB-3] lose and double nothing when the leader dies, again and again, with everything under way', async () => {
    const { server, witness, context, openTab } = await openScene();
    const tabs = await Promise.all(oneTo(4).map(() => openTab()));
    const counts: Record<string, number> = {};
    const dead: { name: string; acknowledged: number; made: number }[] = [];
    for (let round = 0; round < 16; round++) {
      await allLive(tabs);
      const leader = await leaderOf(tabs);
      const survivors = tabs.filter((page) => page !== leader);
      void publish(leader, 200).catch(() => {});
      const publishes = survivors.map((page) => publish(page, 40));
      const seen = witness.messages.length;
      await vi.waitFor(() => expect(witness.messages.length).toBeGreaterThan(seen + 20), patient);
      dead.push({ name: await nameOf(leader), ...(await leader.evaluate(() => window.tab.counts())) });
      if (round % 2) await leader.close();
      else await crash(context, leader);
      tabs.splice(tabs.indexOf(leader), 1, await openTab());
      await Promise.all(publishes);
      for (const page of survivors) {
        const name = await nameOf(page);
        counts[name] = (counts[name] ?? 0) + 40;
      }
    }
    await allLive(tabs);
    await witness.reaches(await server.publish('news', { publisher: 'server', n: 1 }));
    await expectSame(tabs, witness);
    // The leaders did die in the middle of something.
    expect(dead.filter(({ made, acknowledged }) => acknowledged < made && made < 200).length).toBeGreaterThan(
      4,
    );
    // What a tab had published when it died is there as far as it knew; what was under way is there once or never.
    for (const { name, acknowledged } of dead) {
      const numbers = witness.messages.filter(({ publisher }) => publisher === name).map(({ n }) => n);
      expect(numbers).toEqual(oneTo(numbers.length));
      expect(numbers.length).toBeGreaterThanOrEqual(acknowledged);
      delete counts[name];
    }
    for (const [name, count] of Object.entries(counts)) {
      const numbers = witness.messages.filter(({ publisher }) => publisher === name).map(({ n }) => n);
      expect(numbers).toEqual(oneTo(count));
    }
    expect(witness.gaps).toEqual([]);
  });

  it('[TAB-3] go on when the leader is frozen, which then finds all that it missed, once', async () => {
    const { server, witness, openTab } = await openScene();
    const tabs = await Promise.all(oneTo(3).map(() => openTab()));
    await allLive(tabs);
    const leader = await leaderOf(tabs);
    const others = tabs.filter((page) => page !== leader);
    // The browser's own freezing is out of reach here: Playwright has pages believe that they are in sight.
    const frozen = leader.evaluate(() => window.tab.freeze(6_000));
    const startedAtMs = performance.now();
    await Promise.all(others.map((page) => publish(page, 30)));
    expect(performance.now() - startedAtMs).toBeLessThan(6_000);
    await leaderOf(others);
    await frozen;
    await allLive(tabs);
    await publish(leader, 10);
    await witness.reaches(await server.publish('news', { publisher: 'server', n: 1 }));
    await expectSame(tabs, witness);
    await leaderOf(tabs);
  });

  it('[TAB-3] take over from a leader that hangs without a word', async () => {
    const { server, witness, openTab } = await openScene();
    const tabs = await Promise.all(oneTo(3).map(() => openTab()));
    await allLive(tabs);
    const leader = await leaderOf(tabs);
    const others = tabs.filter((page) => page !== leader);
    const hanging = leader.evaluate(() => window.tab.hang(8_000));
    const startedAtMs = performance.now();
    await Promise.all(others.map((page) => publish(page, 30)));
    expect(performance.now() - startedAtMs).toBeLessThan(8_000);
    await hanging;
    await allLive(tabs);
    await publish(leader, 10);
    await witness.reaches(await server.publish('news', { publisher: 'server', n: 1 }));
    await expectSame(tabs, witness);
  });

  it('[TAB-4] lose nothing over lines that break, and a dead one is left by all', async () => {
    const { server, path, witness, openTab } = await openScene();
    const tabs = await Promise.all(oneTo(3).map(() => openTab()));
    for (const way of ['cut', 'reset', 'cutMidFrame'] as const) {
      await allLive(tabs);
      const publishes = tabs.map((page) => publish(page, 30));
      path[way]();
      await Promise.all(publishes);
    }
    await path.set({ blackHole: 'both' });
    const publishes = tabs.map((page) => publish(page, 5));
    // The rival that is dialled beside the dead line.
    await new Promise<unknown>((resolve) => path.on('open', resolve));
    await path.clear();
    await Promise.all(publishes);
    await witness.reaches(await server.publish('news', { publisher: 'server', n: 1 }));
    await expectSame(tabs, witness);
    expectEachOnce(witness.messages, { 'tab-1': 95, 'tab-2': 95, 'tab-3': 95, server: 1 });
  });

  it('[TAB-5] dial each for itself where the server does not share connections', async () => {
    const { server, port, witness, openTab } = await openScene();
    const older = createServer((socket) => {
      const onward = connect(port, '127.0.0.1');
      socket.once('data', (head) => {
        onward.write(String(head).replace(', holdfast.v1.shared', ''));
        socket.pipe(onward).pipe(socket);
      });
      for (const end of [socket, onward]) end.on('error', () => end.destroy());
      onTestFinished(() => void socket.destroy());
    });
    older.listen(0, '127.0.0.1');
    await once(older, 'listening');
    onTestFinished(() => void older.close());
    const endpoint = `ws://127.0.0.1:${(older.address() as AddressInfo).port}/`;
    const tabs = await Promise.all(oneTo(2).map(() => openTab(endpoint)));
    await allLive(tabs);
    await Promise.all(tabs.map((page) => publish(page, 10)));
    await witness.reaches(await server.publish('news', { publisher: 'server', n: 1 }));
    await expectSame(tabs, witness);
  });
});

/** The page's process ends at once, and says nothing to anybody. */
async function crash(context: BrowserContext, page: Page): Promise<void> {
  const session = await context.newCDPSession(page);
  const crashed = once(page as never, 'crash');
  session.send('Page.crash').catch(() => {});
  await crashed;
  await page.close();
}
