import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import type { HoldfastWebSocketOptions } from 'holdfast/websocket';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { WebSocketServer, type WebSocket } from 'ws';
import { requirePeer } from './peers.ts';
import { bundlePage, launchBrowser, openContext, servePage } from './support/browser.ts';
import { patient } from './support/ledger.ts';
import { openChaos } from './support/servers.ts';

const hasChromium = requirePeer('chromium');
let browser: Browser;
let script: string;

beforeAll(async () => {
  if (hasChromium) [browser, script] = await Promise.all([launchBrowser(), bundlePage('drop-in-page')]);
});
afterAll(() => browser?.close());

/** A server of the plain kind, and how often it was dialled. */
async function serve(onConnection: (socket: WebSocket, request: string) => void) {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  const dials: number[] = [];
  server.on('connection', (socket, { url }) => {
    dials.push(performance.now());
    onConnection(socket, url ?? '');
  });
  onTestFinished(() => {
    for (const client of server.clients) client.terminate();
    server.close();
  });
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, dials };
}

async function open(url: string, options: HoldfastWebSocketOptions = {}): Promise<Page> {
  const page = await (await openContext(browser)).newPage();
  await page.goto(await servePage(script));
  await page.evaluate(
    ([address, given]) => {
      window.dropIn.socket = window.dropIn.open(address, given);
    },
    [url, options] as const,
  );
  return page;
}

const heard = (page: Page) =>
  page.evaluate(() => window.dropIn.heard.map(([type, detail]) => [type, detail]));
const pageHears = (page: Page, event: [string, unknown]) =>
  vi.waitFor(async () => expect(await heard(page)).toContainEqual(event), patient);

describe.runIf(hasChromium)('holdfast/websocket in Chromium', () => {
  it('asks a server that accepts and closes at most 10 times in 20 s, whatever the code', async () => {
    const count = async (code: number): Promise<number> => {
      const { port, dials } = await serve((socket) =>
        code === 1006 ? socket.terminate() : socket.close(code),
      );
      const page = await open(`ws://127.0.0.1:${port}/`);
      // The time is what is measured here.
      await new Promise((resolve) => setTimeout(resolve, 20_000));
      const closes = (await heard(page)).filter(([type]) => type === 'close');
      expect(closes.every(([, detail]) => detail === code)).toBe(true);
      return dials.length;
    };
    for (const dials of await Promise.all([1000, 1006, 1011].map(count))) {
      expect(dials).toBeLessThanOrEqual(10);
      expect(dials).toBeGreaterThanOrEqual(3);
    }
  });

  it('dials anew when an open line has died, long before the browser tells of its end', async () => {
    const { port, dials } = await serve((socket) =>
      socket.on('message', (data) => socket.send(String(data))),
    );
    const path = await openChaos(port);
    const page = await open(path.url('ws'), {
      heartbeat: { message: 'ping', intervalMs: 1_000, timeoutMs: 1_000 },
    });
    await pageHears(page, ['message', 'ping']);
    await path.set({ blackHole: 'both' });
    const diedAtMs = performance.now();
    await new Promise<unknown>((resolve) => path.on('open', resolve));
    expect(performance.now() - diedAtMs).toBeLessThan(8_000);
    await pageHears(page, ['close', 1006]);
    await path.clear();
    await vi.waitFor(async () => expect((await heard(page)).at(-1)).toEqual(['message', 'ping']), patient);
    expect(dials.length).toBeGreaterThanOrEqual(2);
  });

  it('gives up a handshake that never completes', async () => {
    const silent = createServer(() => {});
    silent.listen(0, '127.0.0.1');
    await once(silent, 'listening');
    onTestFinished(() => void silent.close());
    const dials: number[] = [];
    silent.on('connection', (socket) => {
      dials.push(performance.now());
      socket.on('error', () => {});
      onTestFinished(() => void socket.destroy());
    });
    const page = await open(`ws://127.0.0.1:${(silent.address() as AddressInfo).port}/`, {
      connectTimeoutMs: 500,
    });
    await vi.waitFor(() => expect(dials.length).toBeGreaterThanOrEqual(2), patient);
    expect(await page.evaluate(() => window.dropIn.socket!.status.cause!.text)).toBe(
      'No connection within 500 ms.',
    );
  });

  it('sends what waited, texts and bytes, and keeps a healthy line when the device says "offline"', async () => {
    const got: unknown[] = [];
    const { port, dials } = await serve((socket) =>
      socket.on('message', (data: Buffer, isBinary) => {
        got.push(isBinary ? [...data] : String(data));
        socket.send(data, { binary: isBinary });
      }),
    );
    const page = await open(`ws://127.0.0.1:${port}/`, { heartbeat: { message: 'ping', timeoutMs: 3_000 } });
    await page.evaluate(() => {
      const socket = window.dropIn.open('ws://127.0.0.1:1/', { startClosed: true });
      socket.close();
      window.dropIn.socket!.send('text');
      window.dropIn.socket!.send(new Uint8Array([1, 2, 3]).subarray(1));
    });
    await vi.waitFor(() => expect(got).toEqual(['text', [2, 3]]), patient);
    await page.evaluate(() => dispatchEvent(new Event('offline')));
    await pageHears(page, ['message', 'ping']);
    expect(await page.evaluate(() => window.dropIn.socket!.status.phase)).toBe('live');
    expect(dials).toHaveLength(1);
  });

  it('is what the status element can show', async () => {
    const { port } = await serve(() => {});
    const page = await open(`ws://127.0.0.1:${port}/`);
    await pageHears(page, ['open', undefined]);
    const status = await page.evaluate(() => window.dropIn.socket!.status);
    expect(status).toMatchObject({ phase: 'live', attempt: 0, queued: 0, unacknowledged: 0 });
    expect(await page.evaluate(() => (window.dropIn.socket as unknown) instanceof EventTarget)).toBe(true);
  });
});
