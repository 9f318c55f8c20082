import { once } from 'node:events';
import { afterEach, expect, it } from 'vitest';
import type { ClosedConnection } from '../src/proxy.ts';
import { Stage } from './peers.ts';

let stage: Stage;
afterEach(() => stage.close());

it.each([
  ['both', '', ''],
  ['up', '', 'down'],
  ['down', 'up', ''],
] as const)(
  '%s: swallows bytes in its direction only, and lets them flow on later',
  async (blackHole, up, down) => {
    stage = await Stage.create();
    const { client, server } = await stage.pair();
    void stage.proxy.set({ blackHole });
    client.send('up');
    server.send('down');
    await stage.letThingsHappen();
    expect(server.received.toString()).toBe(up);
    expect(client.received.toString()).toBe(down);
    await stage.proxy.clear();
    client.send('!');
    server.send('!');
    expect(await server.text(3)).toBe('up!');
    expect(await client.text(5)).toBe('down!');
  },
);

it('swallows a FIN: neither side learns of it before the hole closes', async () => {
  stage = await Stage.create({ allowHalfOpen: true });
  const { client, server } = await stage.pair(true);
  void stage.proxy.set({ blackHole: 'both' });
  client.socket.end('bye');
  server.socket.end();
  await stage.letThingsHappen();
  expect([client.ending, server.ending]).toEqual([undefined, undefined]);
  expect(stage.proxy.connections).toHaveLength(1);
  void stage.proxy.clear();
  expect(await client.ended()).toBe('FIN');
  expect(await server.ended()).toBe('FIN');
  expect(server.received.toString()).toBe('bye');
});

it('swallows a RST: the other side goes on in the dark until the hole closes', async () => {
  stage = await Stage.create();
  const { client, server } = await stage.pair();
  client.send('a');
  await server.bytes(1);
  void stage.proxy.set({ blackHole: 'both' });
  client.socket.resetAndDestroy();
  server.send('are you there?');
  await stage.letThingsHappen();
  expect(server.ending).toBeUndefined();
  expect(stage.proxy.connections).toHaveLength(1);
  const closed = once(stage.proxy, 'close');
  void stage.proxy.clear();
  expect(await server.ended()).toBe('ECONNRESET');
  expect(((await closed) as [ClosedConnection])[0].cause).toBe('peer-reset');
});

it.each(['up', 'both'] as const)(
  '%s: accepts new connections, and dials the target later',
  async (blackHole) => {
    stage = await Stage.create({ faults: { blackHole } });
    const client = stage.dial();
    await once(client.socket, 'connect');
    client.send('hello?');
    await stage.letThingsHappen();
    expect(stage.target.peers).toEqual([]);
    expect(client.ending).toBeUndefined();
    expect(stage.proxy.connections).toMatchObject([{ id: 1, bytesUp: 0 }]);
    await stage.proxy.set({ blackHole: undefined });
    expect(await (await stage.target.next()).text(6)).toBe('hello?');
  },
);

it('down: a new connection reaches the target, its answer does not come back', async () => {
  stage = await Stage.create({ faults: { blackHole: 'down' } });
  const { client, server } = await stage.pair();
  server.send('welcome');
  client.send('hello?');
  expect(await server.text(6)).toBe('hello?');
  await stage.letThingsHappen();
  expect(client.reads).toEqual([]);
});

it.each(['FIN', 'RST'])('a client that gave up inside (%s) never reaches the target', async (how) => {
  stage = await Stage.create({ faults: { blackHole: 'both' } });
  const client = stage.dial();
  await once(client.socket, 'connect');
  if (how === 'FIN') client.socket.end('too late');
  else client.socket.resetAndDestroy();
  await stage.letThingsHappen();
  expect(stage.proxy.connections).toHaveLength(1);
  void stage.proxy.clear();
  expect(stage.proxy.connections).toEqual([]);
  await stage.letThingsHappen();
  expect(stage.target.peers).toEqual([]);
});

it('cut and reset by hand are seen in spite of it', async () => {
  stage = await Stage.create();
  const first = await stage.pair();
  const second = await stage.pair();
  void stage.proxy.set({ blackHole: 'both' });
  stage.proxy.cut(1);
  stage.proxy.reset(2);
  expect(await first.client.ended()).toBe('FIN');
  expect(await second.server.ended()).toBe('ECONNRESET');
});

it('timed cuts wait for its end', async () => {
  stage = await Stage.create({ faults: { idleCutMs: 3_600_000 } });
  const { client, server } = await stage.pair();
  client.send('now');
  await server.bytes(3);
  await stage.proxy.set({ blackHole: 'both', idleCutMs: 1, lifetimeCutMs: 1 });
  server.send('held');
  await new Promise((resolve) => setTimeout(resolve, 30));
  await stage.letThingsHappen();
  expect([client.ending, server.ending]).toEqual([undefined, undefined]);
  void stage.proxy.set({ blackHole: undefined });
  expect(await client.ended()).toBe('FIN');
  expect(client.received.toString()).toBe('held');
  expect(await server.ended()).toBe('FIN');
});
