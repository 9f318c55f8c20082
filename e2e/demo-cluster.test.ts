import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { requirePeer } from './peers.ts';
import { launchBrowser } from './support/browser.ts';
import { patient } from './support/ledger.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const clients = ['first', 'second'] as const;

describe.each([
  ['redis', 'redis-server'],
  ['nats', 'nats-server'],
])('npm run demo:cluster -- --log %s', (log, peer) => {
  const available = requirePeer('chromium', 'nginx', peer);
  let started: ChildProcess | undefined;
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    if (!available) return;
    started = spawn(process.execPath, ['scripts/demo-cluster.mjs', '--log', log], {
      cwd: root,
      env: { ...process.env, PORT: '0' },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    browser = await launchBrowser();
    page = await browser.newPage();
    await page.goto(await addressOf(started));
    for (const client of clients)
      await vi.waitFor(async () => expect(await countOf(`${client}-arrived`)).toBeGreaterThan(0), patient);
  });
  afterAll(async () => {
    await browser?.close();
    const exited = new Promise((resolve) => started?.once('exit', resolve));
    if (started?.kill('SIGTERM')) await exited;
  });

  async function countOf(name: string): Promise<number> {
    return Number((await page.getByTestId(name).innerText()).replaceAll(/\D/g, ''));
  }

  const pressed = (button: string): Promise<string | null> =>
    page.getByTestId(button).getAttribute('aria-pressed');

  /** A message that was published after this call has come to both clients, and none was lost or came twice. */
  async function expectComplete(): Promise<void> {
    const through = (await countOf('first-published')) + 2;
    for (const client of clients) {
      await vi.waitFor(async () => {
        const here = (await countOf(`${client}-arrived`)) + (await countOf(`${client}-late`));
        expect(here).toBeGreaterThanOrEqual(through);
      }, patient);
      expect(await countOf(`${client}-lost`), client).toBe(0);
      expect(await countOf(`${client}-twice`), client).toBe(0);
      expect(await page.getByTestId(`${client}-gaps`).locator('li').count(), client).toBe(0);
    }
  }

  async function settled(): Promise<void> {
    await vi.waitFor(async () => {
      const connections = (await countOf('node-A-connections')) + (await countOf('node-B-connections'));
      // The page's two clients and the publisher.
      expect(connections).toBe(3);
      for (const node of ['A', 'B']) expect(await countOf(`node-${node}-nodes`)).toBe(2);
    }, patient);
  }

  it.runIf(available)('each node is killed in turn: its clients move, and nothing is lost', async () => {
    await settled();
    for (const node of ['A', 'B']) {
      const card = page.getByTestId(`node-${node}`);
      const other = node === 'A' ? 'B' : 'A';
      await page.getByTestId(`kill-${node}`).click();
      await vi.waitFor(async () => expect(await card.getAttribute('data-phase')).toBe('down'), patient);
      await vi.waitFor(async () => {
        for (const client of clients)
          expect(await page.getByTestId(`${client}-caption`).getAttribute('data-node')).toBe(other);
      }, patient);
      await expectComplete();
      await vi.waitFor(async () => expect(await card.getAttribute('data-phase')).toBe('up'), patient);
      await settled();
    }
    // All were on B when that died, so each has a card for the drop.
    for (const client of clients) {
      const newest = page.getByTestId(`${client}-verdicts`).getByTestId('verdict').first();
      await vi.waitFor(
        async () => expect(await newest.getAttribute('data-id')).toBe('server-crash'),
        patient,
      );
    }
  });

  it.runIf(available)('the log stands still: publishes wait, connections stay, and all come', async () => {
    const drops = await page.getByTestId('verdict').count();
    await page.getByTestId('pause-log').click();
    // Four a second, so for longer than a node lets a publish wait (5 s): then it says so, and it is sent again.
    await vi.waitFor(async () => expect(await countOf('waiting')).toBeGreaterThan(24), patient);
    for (const client of clients)
      expect(await page.getByTestId(`${client}-state`).getAttribute('data-state')).toBe('live');
    await page.getByTestId('pause-log').click();
    await vi.waitFor(async () => expect(await pressed('pause-log')).toBe('false'), patient);
    await expectComplete();
    await settled();
    expect(await page.getByTestId('verdict').count()).toBe(drops);
  });

  it.runIf(available)(
    'each node is cut off from the log in turn: afterwards nothing is missing',
    async () => {
      for (const node of ['A', 'B']) {
        const before = await countOf('first-published');
        await page.getByTestId(`cut-off-${node}`).click();
        await vi.waitFor(async () => expect(await pressed(`cut-off-${node}`)).toBe('true'), patient);
        // The other one takes it for dead when it has missed three beats.
        const other = node === 'A' ? 'B' : 'A';
        await vi.waitFor(async () => expect(await countOf(`node-${other}-nodes`)).toBe(1), patient);
        await page.getByTestId(`cut-off-${node}`).click();
        await expectComplete();
        expect(await countOf('first-published')).toBeGreaterThan(before);
        await settled();
      }
    },
  );
});

async function addressOf({ stdout }: ChildProcess): Promise<string> {
  let said = '';
  for await (const chunk of stdout!) {
    said += String(chunk);
    const address = /http:\/\/localhost:\d+/.exec(said);
    if (address) return address[0];
  }
  throw new Error(`The demo ended without an address: ${said}`);
}
