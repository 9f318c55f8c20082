import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, expect, it, vi } from 'vitest';
import type { ClosedConnection } from '../src/proxy.ts';
import { Stage } from './peers.ts';

let stage: Stage | undefined;
afterEach(() => stage?.close());

it('close: every socket is closed, the port is free, later calls do nothing', async () => {
  stage = await Stage.create();
  const { client, server } = await stage.pair();
  const closed = once(stage.proxy, 'close');
  const first = stage.proxy.close();
  expect(stage.proxy.close()).toBe(first);
  await first;
  expect(((await closed) as [ClosedConnection])[0].cause).toBe('proxy-closed');
  expect(await client.ended()).toBe('FIN');
  expect(await server.ended()).toBe('FIN');
  await stage.proxy.set({ refuse: false });
  stage.proxy.cut();
  stage.proxy.reset();
  expect(await stage.dial().ended()).toBe('ECONNREFUSED');
});

it('close: while the port is being reopened', async () => {
  stage = await Stage.create({ faults: { refuse: true } });
  void stage.proxy.clear();
  await stage.proxy.close();
  expect(await stage.dial().ended()).toBe('ECONNREFUSED');
});

it('close: does not wait for peers that owe a FIN', async () => {
  stage = await Stage.create({ allowHalfOpen: true });
  await stage.pair(true);
  // With a clock that stands still, nothing but close() itself can end the lingering sockets.
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  try {
    stage.proxy.cut();
    await stage.proxy.close();
    expect(vi.getTimerCount()).toBe(0);
  } finally {
    vi.useRealTimers();
  }
});

it('after close, under every fault at once, nothing keeps the process alive', async () => {
  const script = fileURLToPath(new URL('close-under-faults.ts', import.meta.url));
  const run = promisify(execFile)(process.execPath, ['--import', 'tsx', script], { timeout: 30_000 });
  // The script never calls process.exit: a socket or timer left behind would keep it running into the time-out.
  expect((await run).stdout).toBe('closed\n');
}, 40_000);

it('takes no timer as long as no fault needs one', async () => {
  stage = await Stage.create();
  const setTimer = vi.spyOn(globalThis, 'setTimeout');
  try {
    for (let n = 0; n < 20; n += 1) {
      const { client, server } = await stage.pair();
      client.send('ping');
      await server.bytes(4);
    }
    expect(setTimer).not.toHaveBeenCalled();
    void stage.proxy.set({ idleCutMs: 60_000, lifetimeCutMs: 90_000 });
    expect(setTimer).toHaveBeenCalledTimes(20);
  } finally {
    setTimer.mockRestore();
  }
});

it('carries and cuts a thousand connections', async () => {
  stage = await Stage.create();
  const clients = Array.from({ length: 1000 }, () => (stage as Stage).dial());
  for (const client of clients) client.send('ping');
  for (let n = 0; n < clients.length; n += 1) {
    const server = await stage.target.next();
    void server.bytes(4).then(() => server.send('pong'));
  }
  const answers = await Promise.all(clients.map((client) => client.text(4)));
  expect(new Set(answers)).toEqual(new Set(['pong']));
  expect(stage.proxy.connections).toHaveLength(1000);
  stage.proxy.cut();
  expect(new Set(await Promise.all(clients.map((client) => client.ended())))).toEqual(new Set(['FIN']));
}, 30_000);
