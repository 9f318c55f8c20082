import { beforeAll, describe, expect, it, vi } from 'vitest';
import { requirePeer } from './peers.ts';
import { bundlePage, servePage } from './support/browser.ts';
import { openChromium, type Tab } from './support/devtools.ts';
import { expectEachOnce, Ledger, oneTo, openClient, patient } from './support/ledger.ts';
import { openServer } from './support/servers.ts';

const hasChromium = requirePeer('chromium');
let script: string;

beforeAll(async () => {
  if (hasChromium) script = await bundlePage('tabs-page');
});

async function openScene() {
  const { server, port } = await openServer({ heartbeat: { intervalMs: 1_000, graceMs: 2_000 } });
  const witness = new Ledger(openClient(`ws://127.0.0.1:${port}`).client, 'news', 'start');
  const [openTab, origin] = await Promise.all([openChromium(), servePage(script)]);
  const endpoint = `ws://127.0.0.1:${port}`;
  const tabs = await Promise.all(
    oneTo(3).map((n) => openTab(`${origin}/?${new URLSearchParams({ endpoint, name: `tab-${n}` })}`)),
  );
  await allLive(tabs);
  return { server, witness, tabs };
}

async function allLive(tabs: readonly Tab[]): Promise<void> {
  for (const tab of tabs) {
    await vi.waitFor(
      async () => expect(await tab.evaluate(() => window.tab?.client.status.phase)).toBe('live'),
      patient,
    );
  }
}

async function leaderOf(tabs: readonly Tab[]): Promise<Tab> {
  return vi.waitFor(async () => {
    const leads = await Promise.all(tabs.map((tab) => tab.evaluate(() => window.tab.leads())));
    expect(leads.filter(Boolean)).toHaveLength(1);
    return tabs[leads.indexOf(true)]!;
  }, patient);
}

/** How often the tab's timers have rung since it was asked first. */
const ticks = (tab: Tab) =>
  tab.evaluate(() => {
    const page = window as { ticks?: number };
    if (page.ticks === undefined) {
      page.ticks = 0;
      setInterval(() => page.ticks!++, 50);
    }
    return page.ticks;
  });

const publish10 = (tab: Tab) => tab.evaluate(() => window.tab.publish(10));

async function expectAll(tabs: readonly Tab[], witness: Ledger): Promise<void> {
  for (const tab of tabs) {
    await vi.waitFor(
      async () => expect(await tab.evaluate(() => window.tab.messages)).toEqual(witness.messages),
      patient,
    );
    expect(await tab.evaluate(() => [window.tab.gaps, window.tab.failures])).toEqual([[], []]);
  }
}

describe.runIf(hasChromium)('tabs that Chromium freezes', () => {
  it.each(['the leader', 'another'])(
    '[TAB-3] %s: the others go on, and once it is resumed, hidden, it finds all that it missed, once',
    async (who) => {
      const { server, witness, tabs } = await openScene();
      const leader = await leaderOf(tabs);
      const frozen = who === 'the leader' ? leader : tabs.find((tab) => tab !== leader)!;
      const others = tabs.filter((tab) => tab !== frozen);
      await ticks(frozen);
      await frozen.freeze();
      const ticksBefore = await ticks(frozen);
      await Promise.all(others.map(publish10));
      // Longer than the server waits for a sign of life.
      for (let n = 1; n <= 20; n++) {
        await server.publish('news', { publisher: 'server', n });
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
      await leaderOf(others);
      expect(await ticks(frozen), 'a frozen page does not run').toBe(ticksBefore);
      expect(await frozen.evaluate(() => window.tab.messages.length)).toBeLessThan(40);
      await frozen.resume();
      await allLive(tabs);
      await publish10(frozen);
      await witness.reaches(await server.publish('news', { publisher: 'server', n: 21 }));
      await expectAll(tabs, witness);
      expectEachOnce(witness.messages, { 'tab-1': 10, 'tab-2': 10, 'tab-3': 10, server: 21 });
      await leaderOf(tabs);
    },
  );
});
