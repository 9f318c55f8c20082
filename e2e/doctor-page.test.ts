import { mkdirSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { createServer as createHoldfast } from 'holdfast/server';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { doctorPage, serveDoctor } from '../packages/cli/src/doctor-page/doctor-page.ts';
import { requirePeer } from './peers.ts';
import { launchBrowser } from './support/browser.ts';
import { closesIdle, echoServer, type EchoOptions, rawServer, type ZooServer } from './zoo/servers.ts';

const SCREENSHOTS = process.env['SCREENSHOTS'];

describe.runIf(requirePeer('chromium'))('the page of the doctor', { timeout: 60_000 }, () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchBrowser();
  });
  afterAll(() => browser.close());

  async function echo(options?: EchoOptions): Promise<ZooServer> {
    const server = await echoServer(options);
    onTestFinished(() => server.stop());
    return server;
  }

  /** The page with Holdfast behind it, which sees what a page can't. */
  async function served(url: string): Promise<Page> {
    const stop = new AbortController();
    const local = await serveDoctor(url, 0, stop.signal);
    onTestFinished(async () => {
      stop.abort();
      await local.close();
    });
    return open(local.url);
  }

  async function open(address: string): Promise<Page> {
    const context = await browser.newContext({ viewport: { width: 900, height: 900 } });
    onTestFinished(() => context.close());
    const page = await context.newPage();
    await page.goto(address);
    return page;
  }

  async function examine(page: Page, fields: { send?: string; subprotocols?: string } = {}): Promise<string> {
    await page.selectOption('#idle', '4');
    await page.click('summary');
    for (const [id, value] of Object.entries(fields)) await page.fill(`#${id}`, value);
    await page.click('#start');
    await page.waitForSelector('#result:not([hidden])', { timeout: 45_000 });
    if (SCREENSHOTS !== undefined) {
      mkdirSync(SCREENSHOTS, { recursive: true });
      const name = (await page.getAttribute('#result', 'data-verdict')) ?? 'none';
      await page.screenshot({ path: `${SCREENSHOTS}/${name}.png`, fullPage: true });
    }
    return (await page.textContent('#text')) ?? '';
  }

  const verdictOf = (result: string): string => /: (\S+)$/m.exec(result)?.[1] ?? '';

  it('a healthy server: round trips, coming back, silence, timers', async () => {
    const { url } = await echo();
    const result = await examine(await served(url), { send: 'hello' });
    expect(verdictOf(result)).toBe('stable');
    expect(result).toMatch(/ok +Round trips: 10, median/);
    expect(result).toMatch(/ok +Coming back: open after/);
    expect(result).toMatch(/ok +Silence: 4000 ms survived/);
    expect(result).toMatch(/Throttling: timers of the page/);
    // What was sent is nobody else's business.
    expect(result).not.toContain('hello');
  });

  it('an address that the browser refuses is told without its query, which may hold a token', async () => {
    const result = await examine(await served('ws://127.0.0.1:99999/?token=secret'));
    expect(verdictOf(result)).toBe('not-measured');
    expect(result).toContain('ws://127.0.0.1:99999/?…');
    expect(result).not.toContain('secret');
  });

  it('a server of Holdfast: its own pings, and the session continues', async () => {
    const server = createHoldfast({ logger: false });
    const { port } = await server.listen(0, '127.0.0.1');
    onTestFinished(() => server.close());
    const result = await examine(await served(`ws://127.0.0.1:${port}/`), { subprotocols: 'holdfast.v1' });
    expect(verdictOf(result)).toBe('stable');
    expect(result).toMatch(/Round trips: 10/);
    expect(result).toMatch(/the session continues/);
  });

  it('a server that closes silent connections: the limit, and what to change', async () => {
    const { url } = await echo({ onConnection: closesIdle(2_500, 'close-frame') });
    const result = await examine(await served(url), { send: 'hello' });
    expect(verdictOf(result)).toBe('idle-limit');
    expect(result).toMatch(/closed after [2-4]\.\d s: code 4000 "idle"/);
    expect(result).toContain('One that was never silent lived on.');
    expect(result).toMatch(/what to change: heartbeat/);
  });

  it('a server that closes everything at an age', async () => {
    const { url } = await echo({
      onConnection: (socket) => setTimeout(() => socket.terminate(), 3_000).unref(),
    });
    expect(verdictOf(await examine(await served(url), { send: 'hello' }))).toBe('lifetime-limit');
  });

  it('a server that closes at once', async () => {
    const { url } = await echo({ onConnection: (socket) => socket.close(4_401, 'who are you?') });
    const result = await examine(await served(url));
    expect(verdictOf(result)).toBe('closed-at-once');
    expect(result).toContain('code 4401 "who are you?"');
  });

  it.each([
    [401, 'not-authorized'],
    [403, 'not-authorized'],
    [404, 'not-found'],
    [426, 'upgrade-lost'],
    [500, 'server-error'],
    [503, 'backend-unavailable'],
  ] as const)('a handshake that is answered with %i: %s', async (status, id) => {
    const { url } = await echo({ admit: () => status });
    const result = await examine(await served(url));
    expect(verdictOf(result)).toBe(id);
    expect(result).toContain(`An HTTP request by holdfast is answered with ${status}.`);
  });

  it('a server that wants another Origin', async () => {
    const { url } = await echo({ admit: ({ headers }) => (headers.origin === undefined ? null : 403) });
    expect(verdictOf(await examine(await served(url)))).toBe('origin-refused');
  });

  it('nobody there', async () => {
    const gone = await rawServer(() => {});
    await gone.stop();
    const result = await examine(await served(gone.url));
    expect(verdictOf(result)).toBe('unreachable');
    expect(result).toContain('ECONNREFUSED');
  });

  it('an address that is none: a sentence, and nothing is tried', async () => {
    const page = await served('');
    await page.fill('#address', 'https://example.com/');
    await page.click('#start');
    expect(await page.textContent('#complaint')).toBe('An address looks like wss://example.com/socket.');
  });

  it('as a file on the site of the WebSocket it sees the answers by itself', async () => {
    const port = await siteWithPage(401);
    const page = await open(`http://127.0.0.1:${port}/doctor.html`);
    await page.fill('#address', `ws://127.0.0.1:${port}/socket`);
    const result = await examine(page);
    expect(verdictOf(result)).toBe('not-authorized');
    expect(result).toContain('An HTTP request by this page is answered with 401.');
  });

  it('as a file elsewhere it says what it is not told', async () => {
    const elsewhere = await siteWithPage(401);
    const { url } = await echo({ admit: () => 403 });
    const page = await open(`http://127.0.0.1:${elsewhere}/doctor.html`);
    await page.fill('#address', url);
    const result = await examine(page);
    expect(verdictOf(result)).toBe('not-websocket');
    expect(result).toContain('not to pages of this origin');
  });

  /** A site that has the page, and answers everything else with `status`. */
  async function siteWithPage(status: number): Promise<number> {
    const markup = await doctorPage('', false);
    const server: Server = createServer((request, response) => {
      const isPage = request.url === '/doctor.html';
      response.writeHead(isPage ? 200 : status, { 'Content-Type': 'text/html; charset=utf-8' });
      response.end(isPage ? markup : 'no');
    });
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => {
      server.closeAllConnections();
      return new Promise((resolve) => void server.close(() => resolve()));
    });
    return (server.address() as { port: number }).port;
  }
});
