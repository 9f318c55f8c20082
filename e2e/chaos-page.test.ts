import { once } from 'node:events';
import { createChaosProxy } from '@holdfast/chaos';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { openControl } from '../packages/cli/src/chaos/control.ts';
import { requirePeer } from './peers.ts';
import { launchBrowser } from './support/browser.ts';
import { echoServer } from './zoo/servers.ts';

describe.runIf(requirePeer('chromium'))('the page of holdfast chaos', { timeout: 60_000 }, () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchBrowser();
  });
  afterAll(() => browser.close());

  async function stand() {
    const server = await echoServer();
    const proxy = await createChaosProxy({ target: { host: '127.0.0.1', port: server.port } });
    const control = await openControl(proxy, `127.0.0.1:${server.port}`, 0);
    const context = await browser.newContext();
    onTestFinished(async () => {
      await context.close();
      await control.close();
      await proxy.close();
      await server.stop();
    });
    const page = await context.newPage();
    await page.goto(control.url);
    return { proxy, page };
  }

  it('sets a fault, refuses a wrong value, and takes all away', async () => {
    const { proxy, page } = await stand();
    await page.fill('#latencyMs', '30');
    await page.press('#latencyMs', 'Enter');
    await page.waitForSelector('label.on[for=latencyMs]');
    await page.selectOption('#blackHole', 'up');
    await page.waitForSelector('label.on[for=blackHole]');
    expect(proxy.faults).toEqual({ latencyMs: 30, blackHole: 'up' });
    await page.fill('#idleCutMs', '0');
    await page.press('#idleCutMs', 'Enter');
    await page.waitForFunction(() => document.getElementById('complaint')?.textContent !== '');
    expect(await page.textContent('#complaint')).toMatch(/^idleCutMs must be/);
    await page.click('#clear');
    await page.waitForFunction(() => document.querySelector('label.on') === null);
    expect(proxy.faults).toEqual({});
  });

  it('shows what is open, breaks one of two, and says how it ended', async () => {
    const { proxy, page } = await stand();
    const sockets = [new WebSocket(proxy.url('ws')), new WebSocket(proxy.url('ws'))];
    for (const socket of sockets) socket.on('error', () => {});
    await Promise.all(sockets.map((socket) => once(socket, 'open')));
    const [first] = proxy.connections;
    await page.click(`#reset-${first!.id}`);
    await page.waitForSelector('#ended td:has-text("reset")');
    await page.waitForFunction(() => document.getElementById('open')?.textContent === '1');
    expect(proxy.connections.map(({ id }) => id)).not.toContain(first!.id);
    const closed = Promise.all(
      sockets.filter((socket) => socket.readyState === WebSocket.OPEN).map((socket) => once(socket, 'close')),
    );
    await page.click('[data-strike=cut]');
    await closed;
    await page.waitForSelector('#ended td:has-text("cut")');
  });
});
