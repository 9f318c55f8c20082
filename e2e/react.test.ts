import type { HoldfastStatusElement } from 'holdfast/element';
import { createElement, StrictMode } from 'react';
import { renderToString } from 'react-dom/server';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { requirePeer } from './peers.ts';
import { Panel } from './programs/react-panel.ts';
import { bundlePage, launchBrowser, openContext, servePage } from './support/browser.ts';
import { oneTo, patient } from './support/ledger.ts';
import { openChaos, openServer } from './support/servers.ts';

const hasChromium = requirePeer('chromium');
let browser: Browser;
let script: string;

beforeAll(async () => {
  if (hasChromium) [browser, script] = await Promise.all([launchBrowser(), bundlePage('react-page')]);
});
afterAll(() => browser?.close());

async function open(markup = '') {
  const { server, port } = await openServer();
  const path = await openChaos(port);
  server.method('sum', ([a, b]: [number, number]) => a + b);
  let n = 0;
  const publish = () => server.publish('news', { publisher: 'server', n: ++n });
  const origin = await servePage(script, `<div id="root">${markup}</div>`);
  const page = await (await openContext(browser)).newPage();
  const errors: string[] = [];
  page.on('pageerror', (error) => errors.push(String(error)));
  page.on('console', (message) => message.type() === 'error' && errors.push(message.text()));
  await page.goto(`${origin}/?endpoint=${encodeURIComponent(path.url('ws'))}`);
  return { server, path, page, publish, errors };
}

async function shows(page: Page, id: string, text: string): Promise<void> {
  await vi.waitFor(async () => expect(await page.locator(`#${id}`).textContent()).toBe(text), patient);
}

describe.runIf(hasChromium)('holdfast/react in Chromium, in StrictMode', () => {
  it('shows phase, messages and answers, once each, over broken connections', async () => {
    const { path, page, publish, errors } = await open();
    await shows(page, 'phase', 'live');
    await shows(page, 'sum', 'idle ');
    await page.getByRole('button', { name: 'Sum' }).click();
    await shows(page, 'sum', 'done 3');
    for (let round = 0; round < 3; round++) {
      await Promise.all(oneTo(10).map(publish));
      path.reset();
      await Promise.all(oneTo(10).map(publish));
      await shows(page, 'news', oneTo(20 * (round + 1)).join(' '));
    }
    await shows(page, 'phase', 'live');
    expect(await page.evaluate(() => window.panel.errors)).toEqual([]);
    // The connection was cut on purpose, which browsers put on the console.
    expect(errors.filter((text) => !text.includes('WebSocket'))).toEqual([]);
  });

  it('takes over what a server rendered, without a difference', async () => {
    const markup = renderToString(
      createElement(StrictMode, null, createElement(Panel, { client: undefined })),
    );
    expect(markup).toContain('<p id="phase">connecting</p>');
    const { page, publish, errors } = await open(markup);
    await publish();
    await shows(page, 'news', '1');
    await shows(page, 'phase', 'live');
    const status = page.locator('holdfast-status');
    expect(await status.evaluate((element: HoldfastStatusElement) => element.client?.status.phase)).toBe(
      'live',
    );
    expect(await page.evaluate(() => window.panel.errors)).toEqual([]);
    expect(errors).toEqual([]);
  });

  it('reads while it is mounted, and no longer', async () => {
    const { server, page, publish } = await open();
    await publish();
    await shows(page, 'news', '1');
    await page.evaluate(() => window.panel.show(false));
    await vi.waitFor(() => expect(server.stats().topics).toBe(0), patient);
    await publish();
    await page.evaluate(() => window.panel.show(true));
    await shows(page, 'news', '1 2');
    expect(server.stats().topics).toBe(1);
  });
});
