import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import type { ShownStatus } from 'holdfast/element';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { WebSocketServer } from 'ws';
import { requirePeer } from './peers.ts';
import { bundlePage, launchBrowser, openContext, servePage } from './support/browser.ts';
import { patient } from './support/ledger.ts';
import { openChaos, openServer } from './support/servers.ts';

const hasChromium = requirePeer('chromium');
/** Pictures for people to look at; nothing compares them. */
const pictures = fileURLToPath(new URL('results/status-element/', import.meta.url));
let browser: Browser;
let script: string;

beforeAll(async () => {
  mkdirSync(pictures, { recursive: true });
  if (hasChromium) [browser, script] = await Promise.all([launchBrowser(), bundlePage('status-page')]);
});
afterAll(() => browser?.close());

const text = `<main style="font: 1rem/1.6 system-ui; padding: 1rem; max-width: 40rem; min-height: 20rem">
  <style>:root { color-scheme: light dark }</style><h1>Notes</h1><p>A page with something to read on it.</p></main>`;

/** A page whose time passes only when the test says so. */
async function open(options?: BrowserContextOptions, itsScript = script): Promise<Page> {
  const origin = await servePage(itsScript, text);
  const page = await (await openContext(browser, options)).newPage();
  await page.clock.install();
  await page.goto(origin);
  await page.clock.pauseAt(Date.now() + 3_600_000);
  return page;
}

/** A status as of now; `retryInMs` from now. */
async function set(page: Page, { retryInMs, ...status }: Partial<ShownStatus> & { retryInMs?: number }) {
  await page.evaluate(
    ([given, inMs]) => {
      const { source, nowMs } = window.scene;
      source.set({ ...given, ...(inMs !== undefined && { retryAt: nowMs() + inMs }) });
    },
    [status, retryInMs] as const,
  );
}

const shown = (page: Page) =>
  page.evaluate(() => {
    const { part } = window.scene;
    const button = part('action');
    return {
      view: part('box').dataset['view'],
      message: part('message').textContent,
      details: part('details').textContent,
      button: button.hidden ? undefined : button.textContent,
    };
  });

/** A server that knows nothing of Holdfast. */
async function openPlainServer(): Promise<{ port: number }> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  onTestFinished(() => {
    for (const client of server.clients) client.terminate();
    server.close();
  });
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port };
}

const picture = (page: Page, name: string) =>
  page.screenshot({ path: `${pictures}${name}.png`, animations: 'disabled' });

describe.runIf(hasChromium)('<holdfast-status> in Chromium', () => {
  it('shows nothing, then a quiet word, then a banner, then that it is back', async () => {
    const page = await open({ viewport: { width: 800, height: 480 } });
    expect(await shown(page)).toEqual({ view: 'nothing', message: '', details: '', button: undefined });
    await set(page, { phase: 'waiting', queued: 2, unacknowledged: 1 });
    await page.clock.runFor(1_400);
    expect((await shown(page)).view).toBe('nothing');
    await picture(page, '1-nothing');
    await page.clock.runFor(200);
    expect(await shown(page)).toMatchObject({ view: 'quiet', message: 'Reconnecting…', button: undefined });
    await picture(page, '2-quiet');
    await page.clock.runFor(8_300);
    expect((await shown(page)).view).toBe('quiet');
    await page.clock.runFor(200);
    expect(await shown(page)).toEqual({
      view: 'banner',
      message: 'The connection is interrupted. We keep trying.',
      details: '3 changes wait to be sent.',
      button: 'Try now',
    });
    await picture(page, '3-banner');
    await set(page, { phase: 'live' });
    expect(await shown(page)).toMatchObject({ view: 'back', message: 'Back online' });
    await picture(page, '4-back');
    await page.clock.runFor(2_100);
    expect((await shown(page)).view).toBe('nothing');
  });

  it('counts on when it is given the same client again, as React gives it at each rendering', async () => {
    const page = await open();
    for (let second = 0; second < 11; second++) {
      // Each attempt begins another phase.
      await set(page, { phase: second % 2 === 0 ? 'waiting' : 'connecting' });
      await page.evaluate(() => (window.scene.element.client = window.scene.source));
      await page.clock.runFor(1_000);
    }
    expect((await shown(page)).view).toBe('banner');
  });

  it('tells changes of state to screen readers, and no tick of the countdown', async () => {
    const page = await open();
    await set(page, { phase: 'waiting' });
    await page.clock.runFor(10_500);
    await set(page, { phase: 'waiting', queued: 1, retryInMs: 12_000 });
    const ticks: string[] = [];
    for (let n = 0; n < 9; n++) {
      ticks.push((await shown(page)).details);
      await page.clock.runFor(1_000);
    }
    expect(ticks.slice(0, 3)).toEqual([
      '1 change waits to be sent. Next try in 12 s',
      '1 change waits to be sent. Next try in 11 s',
      '1 change waits to be sent. Next try in 10 s',
    ]);
    expect(ticks.at(-1)).toBe('1 change waits to be sent.');
    expect(await page.evaluate(() => window.scene.announced)).toEqual([
      'Reconnecting…',
      'The connection is interrupted. We keep trying.',
    ]);
    const region = page.getByRole('status');
    expect(await region.getAttribute('aria-live')).toBe('polite');
    expect(await region.textContent()).toBe('The connection is interrupted. We keep trying.');
  });

  it('says nothing to screen readers while nothing is the matter, and keeps its live region alive', async () => {
    const page = await open();
    const region = page.getByRole('status');
    expect(await region.count()).toBe(1);
    for (let n = 0; n < 5; n++) {
      await set(page, { phase: 'waiting' });
      await page.clock.runFor(1_000);
      await set(page, { phase: 'live' });
    }
    expect(await page.evaluate(() => window.scene.announced)).toEqual([]);
  });

  it.each([
    ['offline', 'offline', 'lost', 'This device is offline', 'Try now'],
    ['network', 'waiting', 'network-lost', 'Your network', 'Try now'],
    ['server', 'waiting', 'overloaded', 'Our server', 'Try now'],
    ['app', 'waiting', 'protocol-error', 'The app', 'Try now'],
    ['signed-out', 'failed', 'unauthorized', 'You are signed out', 'Sign in'],
    ['elsewhere', 'failed', 'superseded', 'open elsewhere', 'Use it here'],
    ['outdated', 'failed', 'unsupported-version', 'out of date', 'Reload'],
  ])('%s: has its words and its button', async (name, phase, code, words, button) => {
    const page = await open({ viewport: { width: 800, height: 300 } });
    await set(page, { phase, cause: { code, text: '' } });
    await page.clock.runFor(10_100);
    const banner = await shown(page);
    expect(banner.message).toContain(words);
    expect(banner.button).toBe(button);
    await picture(page, `trouble-${name}`);
  });

  it('says that updates may be missing until somebody dismisses it', async () => {
    const page = await open({ viewport: { width: 800, height: 300 } });
    await page.evaluate(() => (window.scene.element.missed = true));
    expect(await shown(page)).toMatchObject({ message: 'Some updates may be missing.', button: 'Reload' });
    await picture(page, 'missed');
    await page.getByRole('button', { name: 'Dismiss' }).click();
    expect(await shown(page)).toMatchObject({ view: 'nothing' });
    expect(await page.evaluate(() => window.scene.element.missed)).toBe(false);
  });

  it('acts by itself, unless the application does', async () => {
    const page = await open();
    await set(page, { phase: 'failed', cause: { code: 'unauthorized', text: '' } });
    const reconnects = () => page.evaluate(() => window.scene.source.reconnects);
    await page.getByRole('button', { name: 'Sign in' }).click();
    expect(await reconnects()).toBe(1);
    const asked = page.evaluate(
      () =>
        new Promise((resolve) => {
          window.scene.element.addEventListener('action', (event) => {
            event.preventDefault();
            resolve((event as CustomEvent).detail);
          });
        }),
    );
    await page.getByRole('button', { name: 'Sign in' }).click();
    expect(await asked).toBe('signIn');
    expect(await reconnects()).toBe(1);
  });

  it('waits longer after a wake-up', async () => {
    const page = await open();
    await set(page, { phase: 'waiting' });
    const hide = (hidden: boolean) =>
      page.evaluate((value) => {
        Object.defineProperty(document, 'hidden', { value, configurable: true });
        document.dispatchEvent(new Event('visibilitychange'));
      }, hidden);
    await hide(true);
    await page.clock.runFor(3_600_000);
    expect((await shown(page)).view).toBe('banner');
    await hide(false);
    await page.clock.runFor(3_900);
    expect((await shown(page)).view).toBe('nothing');
    await page.clock.runFor(200);
    expect((await shown(page)).view).toBe('quiet');
  });

  it('speaks other languages, both ways', async () => {
    const page = await open({ viewport: { width: 800, height: 300 } });
    await page.evaluate(() => {
      window.scene.element.wording = {
        unknown: 'انقطع الاتصال. نواصل المحاولة.',
        retry: 'حاول الآن',
        waiting: (count) => `${count} تغييرات بانتظار الإرسال.`,
      };
      document.documentElement.dir = 'rtl';
    });
    await set(page, { phase: 'waiting', queued: 3 });
    await page.clock.runFor(10_100);
    expect(await shown(page)).toMatchObject({ message: 'انقطع الاتصال. نواصل المحاولة.', button: 'حاول الآن' });
    await picture(page, 'right-to-left');
  });

  it('follows the device into the dark, fits a phone, and can be styled', async () => {
    const banner = async (name: string, options: BrowserContextOptions, css = ''): Promise<Page> => {
      const page = await open(options);
      if (css) await page.addStyleTag({ content: css });
      await set(page, { phase: 'waiting', queued: 12, retryInMs: 40_000 });
      await page.clock.runFor(10_100);
      await picture(page, name);
      return page;
    };
    const background = (page: Page) =>
      page.evaluate(() => getComputedStyle(window.scene.part('box')).backgroundColor);
    const viewport = { width: 800, height: 480 };
    const light = await banner('light', { viewport, colorScheme: 'light' });
    const dark = await banner('dark', { viewport, colorScheme: 'dark' });
    expect([await background(light), await background(dark)]).toEqual([
      'rgb(255, 255, 255)',
      'rgb(35, 39, 46)',
    ]);

    const phone = await banner('phone', { viewport: { width: 320, height: 560 }, colorScheme: 'dark' });
    const box = (await phone.locator('[part~=box]').boundingBox())!;
    expect(box.x).toBeGreaterThanOrEqual(0);
    expect(box.x + box.width).toBeLessThanOrEqual(320);
    expect(box.y + box.height).toBeLessThanOrEqual(560);
    const button = (await phone.getByRole('button', { name: 'Try now' }).boundingBox())!;
    expect(button.height).toBeGreaterThanOrEqual(36);

    const css = `holdfast-status { --holdfast-background: rgb(1, 2, 3); --holdfast-color: white; inset-block: 1rem auto; }
      holdfast-status::part(action) { border-radius: 0; }`;
    const styled = await banner('styled', { viewport }, css);
    expect(await background(styled)).toBe('rgb(1, 2, 3)');
    expect(await styled.evaluate(() => getComputedStyle(window.scene.part('action')).borderRadius)).toBe(
      '0px',
    );
  });

  it('can be read in a browser that does not know light-dark(), and has no colour from it', async () => {
    const page = await open({ colorScheme: 'dark' }, script.replaceAll('light-dark(', 'not-yet-known('));
    await set(page, { phase: 'failed' });
    const { color, background, border } = await page.evaluate(() => {
      const style = getComputedStyle(window.scene.part('box'));
      return { color: style.color, background: style.backgroundColor, border: style.borderTopStyle };
    });
    // The system's own, of which browsers need not agree; a background that there is not is rgba(0, 0, 0, 0).
    expect(background).toMatch(/^rgb\(/);
    expect(background).not.toBe(color);
    expect(border).toBe('solid');
    await picture(page, '9-without-light-dark');
  });

  it('keeps still where people asked for less motion', async () => {
    const animation = async (reducedMotion: 'reduce' | 'no-preference'): Promise<string> => {
      const page = await open({ reducedMotion });
      await set(page, { phase: 'waiting' });
      await page.clock.runFor(1_600);
      return page.evaluate(() => getComputedStyle(window.scene.part('dot')).animationName);
    };
    expect([await animation('no-preference'), await animation('reduce')]).toEqual(['breathe', 'none']);
  });

  it.each(['client', 'socket'])(
    'shows a real connection, of a %s, and brings it back when asked',
    async (kind) => {
      const { port } = await (kind === 'client' ? openServer() : openPlainServer());
      const path = await openChaos(port);
      const page = await (await openContext(browser)).newPage();
      await page.goto(`${await servePage(script, text)}/?${new URLSearchParams({ [kind]: path.url('ws') })}`);
      const becomes = (view: string) =>
        vi.waitFor(async () => expect((await shown(page)).view).toBe(view), patient);
      await vi.waitFor(
        async () => expect(await page.evaluate(() => window.scene.element.client!.status.phase)).toBe('live'),
        patient,
      );
      await becomes('nothing');
      await path.set({ refuse: true });
      path.cut();
      await becomes('quiet');
      await becomes('banner');
      await path.clear();
      await page.getByRole('button', { name: 'Try now' }).click();
      await becomes('back');
      await becomes('nothing');
      expect(await page.evaluate(() => window.scene.announced)).toEqual([
        'Reconnecting…',
        expect.stringContaining('We keep trying.'),
        'Back online',
        '',
      ]);
    },
  );

  it('lets go of its client with the page', async () => {
    const page = await open();
    await page.evaluate(() => window.scene.element.remove());
    await set(page, { phase: 'waiting' });
    await page.clock.runFor(20_000);
    await page.evaluate(() => document.body.append(window.scene.element));
    expect((await shown(page)).view).toBe('banner');
  });
});
