import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { requirePeer } from './peers.ts';
import { launchBrowser } from './support/browser.ts';
import { patient } from './support/ledger.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const hasChromium = requirePeer('chromium');
let started: ChildProcess | undefined;
let browser: Browser;
let page: Page;

/** `npm start`, and the address that it prints. */
async function start(): Promise<string> {
  started = spawn(process.execPath, ['scripts/start.mjs'], {
    cwd: root,
    env: { ...process.env, PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  for await (const chunk of started.stdout!) {
    said += String(chunk);
    const address = /http:\/\/localhost:\d+/.exec(said);
    if (address) return address[0];
  }
  throw new Error(`npm start ended without an address: ${said}`);
}

/** Notes each `data-state` that these elements go through, however briefly. */
function recordStates(names: readonly string[]): void {
  const states: Record<string, string[]> = {};
  for (const name of names) {
    const element = document.querySelector<HTMLElement>(`[data-testid="${name}"]`)!;
    const seen = (states[name] = [element.dataset['state'] ?? '']);
    const note = (): void => {
      const state = element.dataset['state'] ?? '';
      if (seen.at(-1) !== state) seen.push(state);
    };
    new MutationObserver(note).observe(element, { attributes: true, attributeFilter: ['data-state'] });
  }
  Object.assign(window, { states });
}

const recorded = ['holdfast-state', 'plain-state', 'server-state'] as const;

async function statesOf(name: (typeof recorded)[number]): Promise<string[]> {
  const all = await page.evaluate(() => (window as unknown as { states: Record<string, string[]> }).states);
  return all[name]!;
}

async function countOf(name: string): Promise<number> {
  return Number((await page.getByTestId(name).innerText()).replaceAll(/\D/g, ''));
}

async function press(action: string): Promise<void> {
  await page.getByTestId(`break-${action}`).click();
}

/** Everything that was published until now has arrived on Holdfast's lane, and nothing was lost or came twice. */
async function expectComplete(): Promise<void> {
  const through = await countOf('holdfast-published');
  await vi.waitFor(async () => {
    expect(await page.getByTestId('holdfast-state').getAttribute('data-state')).toBe('live');
    const here = (await countOf('holdfast-arrived')) + (await countOf('holdfast-late'));
    expect(here).toBeGreaterThanOrEqual(through);
  }, patient);
  expect(await countOf('holdfast-lost')).toBe(0);
  expect(await countOf('holdfast-twice')).toBe(0);
}

describe.runIf(hasChromium)('the page behind npm start', () => {
  beforeAll(async () => {
    browser = await launchBrowser();
    page = await browser.newPage();
    await page.goto(await start());
    await vi.waitFor(async () => expect(await countOf('holdfast-arrived')).toBeGreaterThan(0), patient);
  });
  afterAll(async () => {
    await browser?.close();
    const exited = new Promise((resolve) => started?.once('exit', resolve));
    if (started?.kill('SIGTERM')) await exited;
  });
  beforeEach(() => page.evaluate(recordStates, recorded));

  it('cut: Holdfast’s lane is complete again', async () => {
    await press('cut');
    // Holdfast may be back before the page has drawn its state; what it says of its last disconnect stays.
    await vi.waitFor(async () => {
      expect((await statesOf('plain-state')).length).toBeGreaterThan(1);
      expect(await page.getByTestId('holdfast-last-disconnect').textContent()).not.toBe('none yet');
    }, patient);
    await expectComplete();
  });

  it('black hole: it notices by itself, and is complete after it', async () => {
    await press('black-hole');
    await vi.waitFor(async () => expect(await statesOf('holdfast-state')).toContain('no answer'), patient);
    await press('clear');
    await expectComplete();
  });

  it('latency: messages are late, and all come', async () => {
    const before = await countOf('holdfast-late');
    await press('latency');
    await vi.waitFor(async () => expect(await countOf('holdfast-late')).toBeGreaterThan(before), patient);
    await press('clear');
    await expectComplete();
  });

  it('idle cut: the other lane is cut, and Holdfast’s heartbeat holds', async () => {
    await press('idle-cut');
    await vi.waitFor(async () => expect(await statesOf('plain-state')).toContain('closed'), patient);
    await press('clear');
    await expectComplete();
    expect(await statesOf('holdfast-state')).toEqual(['live']);
  });

  it('restart: clients move over, and it is complete', async () => {
    await press('restart');
    await vi.waitFor(async () => expect(await statesOf('server-state')).toContain('moving'), patient);
    await vi.waitFor(async () => expect((await statesOf('server-state')).at(-1)).toBe('up'), patient);
    await expectComplete();
  });

  it('kill -9: a gap tells that the log is gone, and it is complete', async () => {
    await press('kill');
    await vi.waitFor(async () => expect(await statesOf('server-state')).toContain('down'), patient);
    await vi.waitFor(async () => expect((await statesOf('server-state')).at(-1)).toBe('up'), patient);
    await expectComplete();
    const newest = page.getByTestId('holdfast-gaps').locator('li').first();
    expect(await newest.getAttribute('data-reason')).toBe('epoch');
  });

  it('a note that is written while nothing gets through is acknowledged once it does', async () => {
    await press('black-hole');
    await vi.waitFor(async () => expect(await statesOf('holdfast-state')).toContain('no answer'), patient);
    await page.getByTestId('note-text').fill('from under ground');
    await page.getByTestId('note-send').click();
    const note = page.getByTestId('note').first();
    expect(await note.getAttribute('data-state')).toBe('waiting');
    await press('clear');
    await vi.waitFor(async () => {
      expect(await note.getAttribute('data-state')).toBe('acknowledged');
      expect(await note.getAttribute('data-seen')).toBe('1');
    }, patient);
    await expectComplete();
  });
});
