import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'holdfast/server';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { WebSocketServer } from 'ws';
import { run } from '../../src/load/command.ts';
import type { LoadReport } from '../../src/load/tally.ts';
import { localEcho, localRaw, type LocalServer } from '../doctor/local-server.ts';
import { runCommand } from '../run-command.ts';

const servers: LocalServer[] = [];
afterEach(() => Promise.all(servers.splice(0).map((server) => server.stop())));

function kept<S extends LocalServer>(server: S): S {
  servers.push(server);
  return server;
}

async function load(...args: readonly string[]): Promise<{ code: number; report: LoadReport }> {
  const { code, out } = await runCommand(run, [...args, '--json']);
  return { code, report: JSON.parse(out) as LoadReport };
}

describe('holdfast load, given what it cannot work with', () => {
  const here = 'ws://127.0.0.1:9/';
  const cases: readonly [string, readonly string[], RegExp][] = [
    ['no address', ['--connections', '5', '--for', '1s'], /Give the address/],
    ['no number', [here, '--for', '1s'], /--connections/],
    ['no end', [here, '--connections', '5'], /Nothing runs without an end/],
    ['an HTTP address', ['http://a/', '--connections', '5', '--for', '1s'], /HTTP address/],
    ['a server of others', ['ws://203.0.113.7/', '--connections', '5', '--for', '1s'], /--i-own-this-server/],
    [
      'a name that does not resolve',
      ['ws://nowhere.invalid/', '--connections', '5', '--for', '1s'],
      /does not resolve/,
    ],
    ['a rate that is none', [here, '--connections', '5', '--for', '1s', '--rate', 'fast'], /--rate/],
    ['a time that is none', [here, '--connections', '5', '--for', 'long'], /such as 30s/],
    [
      'a topic without Holdfast',
      [here, '--connections', '5', '--for', '1s', '--topic', 'x'],
      /need --holdfast/,
    ],
    [
      'a source that is no address',
      [here, '--connections', '5', '--for', '1s', '--from', 'eth0'],
      /IP address/,
    ],
  ];
  it.each(cases)('%s: one sentence, exit code 2', async (_name, args, sentence) => {
    const { code, out, err } = await runCommand(run, args);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toMatch(sentence);
    expect(err.trimEnd().split('\n')).toHaveLength(1);
  });
});

describe('holdfast load', { timeout: 30_000 }, () => {
  it('opens, holds and asks a plain server', async () => {
    const { url } = kept(await localEcho());
    const { code, report } = await load(
      url,
      '--connections',
      '20',
      '--for',
      '1500ms',
      '--rate',
      '200',
      '--messages',
      '100',
    );
    expect(report).toMatchObject({ wanted: 20, heldMax: 20, heldAtEnd: 20, errors: {}, storm: null });
    expect(report.handshakes?.count).toBe(20);
    expect(report.roundTrips?.count).toBeGreaterThan(0);
    // Never more than was asked for.
    expect(report.roundTrips?.count).toBeLessThanOrEqual(150);
    expect(code).toBe(0);
  });

  it('keeps its pace however many wait for their turn', async () => {
    const { url } = kept(await localEcho());
    const { report } = await load(url, '--connections', '100000', '--for', '1500ms', '--rate', '100');
    // 150 at that pace; when each turn costs what all cost that wait, there are two.
    expect(report.heldMax).toBeGreaterThan(20);
  });

  it('sends a text that the server answers', async () => {
    const { url } = kept(await localEcho());
    const { report } = await load(
      url,
      '--connections',
      '5',
      '--for',
      '1s',
      '--messages',
      '50',
      '--send',
      'hello',
    );
    expect(report.roundTrips?.count).toBeGreaterThan(0);
    expect(report.errors).toEqual({});
  });

  it('resets all halfway, and tells how long they were away', async () => {
    const { url } = kept(await localEcho());
    const { code, report } = await load(
      url,
      '--connections',
      '20',
      '--for',
      '3s',
      '--storm',
      '--spread',
      '200ms',
    );
    expect(report.storm).toMatchObject({ broken: 20, returned: 20 });
    expect(report.storm?.allBackMs).toBeGreaterThan(0);
    expect(report.handshakes?.count).toBe(40);
    // What was asked for is no error.
    expect({ code, errors: report.errors, heldAtEnd: report.heldAtEnd }).toEqual({
      code: 0,
      errors: {},
      heldAtEnd: 20,
    });
  });

  it('counts what goes wrong by its kind, and comes back', async () => {
    const server = kept(await localEcho());
    server.onConnection((socket) => setTimeout(() => socket.close(4_001, 'go'), 100));
    const { code, report } = await load(server.url, '--connections', '5', '--for', '2s', '--messages', '0');
    expect(code).toBe(1);
    expect(report.errors['lost: a Close frame with code 4001 "go"']).toBeGreaterThan(5);
    expect(report.heldMax).toBeLessThanOrEqual(5);
  });

  it('gives up a server that takes nobody, long before the time is over', async () => {
    const { url } = kept(
      await localRaw((socket) => socket.end('HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n')),
    );
    const { code, report } = await load(url, '--connections', '5', '--for', '1h');
    expect(code).toBe(2);
    expect(report.heldMax).toBe(0);
    expect(report.errors['handshake: 503 No']).toBeGreaterThanOrEqual(10);
  });

  it('gives up a server of Holdfast that welcomes nobody, too', async () => {
    const server = createServer({ logger: false, authenticate: () => undefined });
    const { port } = await server.listen(0, '127.0.0.1');
    servers.push({ url: '', stop: async () => void (await server.close()) });
    const args = ['--connections', '5', '--for', '1h', '--holdfast', '--token', 'x'];
    const { code, report } = await load(`ws://127.0.0.1:${port}/`, ...args);
    expect(code).toBe(2);
    expect(Object.keys(report.errors)).toEqual([
      expect.stringMatching(/^lost: a Close frame with code 4002/),
    ]);
  });

  it('leaves nothing open that was under way when the time was over', async () => {
    const held: (() => void)[] = [];
    const server = createHttpServer();
    const sockets = new WebSocketServer({
      server,
      // An answer that comes after the end.
      verifyClient: (_info, answer) => void held.push(() => answer(true)),
    });
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
    servers.push({ url: '', stop: () => new Promise((resolve) => void server.close(() => resolve())) });
    const { port } = server.address() as { port: number };
    const { report } = await load(`ws://127.0.0.1:${port}/`, '--connections', '3', '--for', '1s');
    expect(report.heldMax).toBe(0);
    expect(report.errors).toEqual({ 'handshake: not answered before the end': 3 });
    expect(held).toHaveLength(3);
    for (const answer of held) answer();
    await vi.waitFor(
      () =>
        new Promise<void>((resolve, reject) =>
          server.getConnections((_error, open) =>
            open === 0 ? resolve() : reject(new Error(`${open} are open`)),
          ),
        ),
      10_000,
    );
    sockets.close();
  });

  it('ends in time when nobody says welcome, and says so', async () => {
    const { url } = kept(await localEcho());
    const startedAtMs = performance.now();
    const { code, report } = await load(
      url,
      '--connections',
      '3',
      '--for',
      '1s',
      '--timeout',
      '20s',
      '--holdfast',
    );
    expect(code).toBe(2);
    expect(report.errors).toEqual({ 'handshake: not answered before the end': 3 });
    expect(performance.now() - startedAtMs, 'the wait for a welcome ends with the run').toBeLessThan(10_000);
  });

  it('stops when the user asks for it', async () => {
    const { url } = kept(await localEcho());
    const stop = new AbortController();
    const server = servers.at(-1) as Awaited<ReturnType<typeof localEcho>>;
    server.onConnection(() => stop.abort());
    const { out } = await runCommand(run, [url, '--connections', '5', '--for', '1h', '--json'], {
      signal: stop.signal,
    });
    expect((JSON.parse(out) as LoadReport).durationMs).toBeLessThan(20_000);
  });

  it('says what a server of Holdfast refuses, and why', async () => {
    const server = createServer({ logger: false, authorize: () => false });
    const { port } = await server.listen(0, '127.0.0.1');
    servers.push({ url: '', stop: async () => void (await server.close()) });
    const args = ['--holdfast', '--connections', '2', '--for', '1s', '--subscribe'];
    const { code, report } = await load(`ws://127.0.0.1:${port}/`, ...args);
    const kinds = Object.keys(report.errors).toSorted();
    expect(kinds).toEqual([
      expect.stringMatching(/^publish refused: not-authorized, ./),
      expect.stringMatching(/^subscribe refused: not-authorized, ./),
    ]);
    expect(report.roundTrips).toBeNull();
    expect(code).toBe(1);
  });

  it('speaks with Holdfast: publishes are acknowledged, sessions continue after a storm', async () => {
    const server = createServer({ logger: false });
    const { port } = await server.listen(0, '127.0.0.1');
    servers.push({ url: '', stop: async () => void (await server.close()) });
    const args = ['--holdfast', '--connections', '10', '--for', '3s', '--messages', '50', '--subscribe'];
    const { code, report } = await load(`ws://127.0.0.1:${port}/`, ...args, '--storm', '--spread', '0s');
    expect(report.errors).toEqual({});
    expect(report.resumed).toBe(10);
    expect(report.roundTrips?.count).toBeGreaterThan(0);
    expect(report.deliveries).toBeGreaterThan(report.roundTrips?.count ?? 0);
    expect(code).toBe(0);
  });
});
