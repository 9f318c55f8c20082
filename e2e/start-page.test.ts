import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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

/** `npm start -- …`, and the address that it prints. */
async function start(...args: readonly string[]): Promise<string> {
  started = spawn(process.execPath, ['scripts/start.mjs', ...args], {
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

async function open(...args: readonly string[]): Promise<void> {
  browser = await launchBrowser();
  page = await browser.newPage();
  await page.goto(await start(...args));
  await vi.waitFor(async () => expect(await countOf('holdfast-arrived')).toBeGreaterThan(0), patient);
}

async function end(): Promise<void> {
  await browser?.close();
  const exited = new Promise((resolve) => started?.once('exit', resolve));
  if (started?.kill('SIGTERM')) await exited;
}

/** The newest verdict's name, once it is this one. */
async function verdictBecomes(id: string): Promise<void> {
  const newest = page.getByTestId('verdict').first();
  await vi.waitFor(async () => expect(await newest.getAttribute('data-id')).toBe(id), patient);
}

describe.runIf(hasChromium)('the page behind npm start', () => {
  beforeAll(() => open());
  afterAll(end);
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
    await verdictBecomes('server-crash');
    const card = page.getByTestId('verdict').first();
    expect(Number(await card.getAttribute('data-confidence'))).toBeGreaterThanOrEqual(0.8);
    const text = await card.innerText();
    expect(text).toContain('The server process died');
    expect(text).toMatch(/\d+ % sure/);
    expect(text).toContain('What to do:');
  });

  it('more ways to break it: each does what it says, and the lane is complete after it', async () => {
    await page.getByTestId('more-faults').locator('summary').click();
    for (const action of ['reset', 'cut-mid-frame', 'lifetime-cut']) {
      await vi.waitFor(async () => expect((await statesOf('plain-state')).at(-1)).toBe('open'), patient);
      const before = (await statesOf('plain-state')).length;
      await press(action);
      await vi.waitFor(
        async () => expect((await statesOf('plain-state')).slice(before)).toContain('closed'),
        patient,
      );
      if (action === 'lifetime-cut') await press('clear');
      await expectComplete();
    }
    for (const action of ['black-hole-up', 'black-hole-down', 'jitter', 'bandwidth', 'split']) {
      await press(action);
      const button = page.getByTestId(`break-${action}`);
      await vi.waitFor(async () => expect(await button.getAttribute('aria-pressed')).toBe('true'), patient);
    }
    // The two holes can't be had at once.
    expect(await page.getByTestId('break-black-hole-up').getAttribute('aria-pressed')).toBe('false');
    await press('clear');
    await expectComplete();
  });

  it('refuse and cut: nobody gets through until it is mended', async () => {
    await press('refuse');
    await press('cut');
    await vi.waitFor(async () => expect(await statesOf('holdfast-state')).toContain('waiting'), patient);
    await press('clear');
    await expectComplete();
  });

  it('a second and third line: Holdfast goes on while the first is a black hole', async () => {
    const lines = page.getByTestId('line');
    expect(await lines.count()).toBe(0);
    await page.getByTestId('more-lines').check();
    await vi.waitFor(async () => expect(await lines.count()).toBe(3), patient);
    const used = page.locator('[data-testid="line"][data-current="true"]');
    expect(await used.getAttribute('data-line')).toBe('A');
    await vi.waitFor(
      async () => expect(await lines.nth(2).innerText()).toMatch(/round trip \d+ ms/),
      patient,
    );
    await expectComplete();
    await press('black-hole');
    await vi.waitFor(async () => expect(await used.getAttribute('data-line')).toMatch(/[BC]/), patient);
    await verdictBecomes('half-open');
    await expectComplete();
    await press('clear');
    await page.getByTestId('more-lines').uncheck();
    await vi.waitFor(async () => expect(await lines.count()).toBe(0), patient);
    await expectComplete();
  });

  it('shows the storm picture', async () => {
    const picture = page.getByTestId('storm');
    await picture.scrollIntoViewIfNeeded();
    const width = async (): Promise<number> =>
      picture.evaluate((image) => (image as HTMLImageElement).naturalWidth);
    await vi.waitFor(async () => expect(await width()).toBeGreaterThan(500), patient);
  });

  it.each([
    ['a phone', 375, 667],
    ['the narrowest', 320, 568],
    ['a phone on its side', 667, 375],
    ['a page at 400 % (WCAG 1.4.10)', 320, 256],
  ])('%s: nothing overlaps, and the buttons leave room for a whole timeline', async (_, width, height) => {
    const wide = page.viewportSize()!;
    await page.setViewportSize({ width, height });
    const { timeline, free, overlaps, overflow } = await page.evaluate(() => {
      const box = (selector: string): DOMRect => document.querySelector(selector)!.getBoundingClientRect();
      const text = document.createRange();
      text.selectNodeContents(document.querySelector('[data-testid="plain-title"]')!);
      const controls = document.querySelector('.controls')!;
      const isFixed = getComputedStyle(controls).position === 'fixed';
      return {
        timeline: box('.lane canvas').height,
        free: innerHeight - (isFixed ? box('.controls').height : 0),
        overlaps: text.getBoundingClientRect().right > box('.lane summary').left,
        overflow: document.documentElement.scrollWidth - innerWidth,
      };
    });
    expect(free).toBeGreaterThan(timeline);
    expect(overlaps).toBe(false);
    expect(overflow).toBe(0);
    await page.setViewportSize(wide);
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

describe.runIf(hasChromium)('npm start -- --log lmdb:FOLDER', () => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-page-'));
  beforeAll(() => open('--log', `lmdb:${folder}`));
  afterAll(async () => {
    await end();
    rmSync(folder, { recursive: true, force: true });
  });
  beforeEach(() => page.evaluate(recordStates, recorded));

  it('kill -9: the log stays, so that there is no gap and nothing is missing', async () => {
    await press('kill');
    await vi.waitFor(async () => expect(await statesOf('server-state')).toContain('down'), patient);
    await vi.waitFor(async () => expect((await statesOf('server-state')).at(-1)).toBe('up'), patient);
    await expectComplete();
    await verdictBecomes('server-crash');
    expect(await page.getByTestId('holdfast-gaps').locator('li').count()).toBe(0);
  });
});
