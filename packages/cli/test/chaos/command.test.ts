import { once } from 'node:events';
import { faultDescriptions } from '@holdfast/chaos';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { chaosHelp, parseChaosArguments } from '../../src/chaos/arguments.ts';
import { run } from '../../src/chaos/command.ts';
import type { ChaosState } from '../../src/chaos/control.ts';
import { localEcho, type LocalEcho } from '../doctor/local-server.ts';
import { runCommand, type Said } from '../run-command.ts';

describe('the arguments of holdfast chaos', () => {
  it('every fault of the proxy has an option, and its help', () => {
    for (const { does } of Object.values(faultDescriptions)) expect(chaosHelp).toContain(does);
    const line =
      '127.0.0.1:1 --latency-ms 200 --jitter-ms 50 --bandwidth-bytes-per-second 64000 --black-hole both --refuse ' +
      '--idle-cut-ms 3000 --lifetime-cut-ms 60000 --split-every-byte --seed 7 --listen 18080';
    const given = parseChaosArguments(line.split(' '));
    expect(Object.keys(given?.faults ?? {}).toSorted()).toEqual(Object.keys(faultDescriptions).toSorted());
    expect(given).toMatchObject({
      target: { host: '127.0.0.1', port: 1 },
      port: 18_080,
      seed: 7,
      faults: { latencyMs: 200, blackHole: 'both', refuse: true },
    });
  });

  it('the server may be written as the address of a WebSocket', () => {
    const targets = ['ws://localhost:8080/chat', 'wss://example.com/', '[::1]:9000'].map(
      (text) => parseChaosArguments([text])?.target,
    );
    expect(targets).toEqual([
      { host: 'localhost', port: 8_080 },
      { host: 'example.com', port: 443 },
      { host: '::1', port: 9_000 },
    ]);
  });

  const cases: readonly [string, readonly string[], RegExp][] = [
    ['no server', [], /Name the server/],
    ['no port', ['localhost'], /not HOST:PORT/],
    ['a fault out of bounds', ['a:1', '--idle-cut-ms', '0'], /idleCutMs must be/],
    ['a fault that is no number', ['a:1', '--latency-ms', 'slow'], /latencyMs must be/],
    ['a fault that nobody knows', ['a:1', '--gremlins'], /--gremlins/],
    ['a port that is none', ['a:1', '--listen', '70000'], /from 0 to 65535/],
  ];
  it.each(cases)('%s: one sentence, exit code 2', async (_name, args, sentence) => {
    const { code, out, err } = await runCommand(run, args);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toMatch(sentence);
    expect(err.trimEnd().split('\n')).toHaveLength(1);
  });
});

describe('holdfast chaos, running', { timeout: 30_000 }, () => {
  let server: LocalEcho;
  let ended: Promise<Said>;
  const stop: AbortController[] = [];
  afterEach(async () => {
    stop.splice(0).forEach((controller) => controller.abort());
    await ended;
    await server.stop();
  });

  /** Starts it, and resolves with the two addresses that it says. */
  async function start(...faults: readonly string[]): Promise<{ proxy: string; page: string }> {
    server = await localEcho();
    const controller = new AbortController();
    stop.push(controller);
    let said = '';
    return new Promise((resolve) => {
      const out = (text: string): void => {
        said += text;
        const proxy = /ws:\S+/.exec(said)?.[0];
        const page = /Page: (\S+)/.exec(said)?.[1];
        if (proxy !== undefined && page !== undefined) resolve({ proxy, page });
      };
      ended = runCommand(run, [server.url, ...faults], { out, signal: controller.signal });
    });
  }

  const post = (
    url: string,
    body: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Response> =>
    fetch(url, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });

  it('passes on, shows its state, changes a fault and strikes over HTTP', async () => {
    const { proxy, page } = await start('--latency-ms', '1');
    const socket = new WebSocket(proxy);
    await once(socket, 'open');
    socket.send('hello');
    expect(String((await once(socket, 'message'))[0])).toBe('hello');
    const state = (await (await fetch(`${page}state`)).json()) as ChaosState;
    expect(state).toMatchObject({ faults: { latencyMs: 1 }, connectionsOpen: 1 });
    const changed = (await (
      await post(`${page}faults`, { latencyMs: null, jitterMs: 2 })
    ).json()) as ChaosState;
    expect(changed.faults).toEqual({ jitterMs: 2 });
    const closed = once(socket, 'close');
    await post(`${page}strike`, { fault: 'cut', id: state.connections[0]?.id });
    expect((await closed)[0]).toBe(1006);
    const after = (await (await post(`${page}clear`, {})).json()) as ChaosState;
    expect(after).toMatchObject({ faults: {}, connectionsOpen: 0, ended: [{ cause: 'cut' }] });
  });

  it('is out of reach for pages of strangers, and says what it takes', async () => {
    const { page } = await start();
    expect((await post(`${page}clear`, {}, { 'Content-Type': 'text/plain' })).status).toBe(415);
    expect((await post(`${page}strike`, { fault: 'burn' })).status).toBe(400);
    const wrong = await post(`${page}faults`, { latencyMs: 'slow' });
    expect([wrong.status, await wrong.text()]).toEqual([400, expect.stringContaining('latencyMs must be')]);
    expect((await fetch(`${page}nothing`)).status).toBe(404);
    const markup = await (await fetch(page)).text();
    expect(markup).toContain('<title>holdfast chaos</title>');
    expect(markup).not.toMatch(/^(import|export) /m);
  });
});
