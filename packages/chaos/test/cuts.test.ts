import { once } from 'node:events';
import { afterEach, expect, it } from 'vitest';
import type { ClosedConnection } from '../src/proxy.ts';
import { Stage } from './peers.ts';

let stage: Stage;
afterEach(() => stage.close());

const nextClose = async (): Promise<ClosedConnection> =>
  ((await once(stage.proxy, 'close')) as [ClosedConnection])[0];

it('passes bytes on in both directions and counts them', async () => {
  stage = await Stage.create();
  const { client, server } = await stage.pair();
  client.send('question');
  expect(await server.text(8)).toBe('question');
  server.send('an answer');
  expect(await client.text(9)).toBe('an answer');
  expect(stage.proxy.connections).toMatchObject([{ id: 1, bytesUp: 8, bytesDown: 9 }]);
  expect(Math.abs(Date.now() - (stage.proxy.connections[0]?.openedAtMs ?? 0))).toBeLessThan(60_000);
});

it('passes a FIN on and keeps the other direction open', async () => {
  stage = await Stage.create({ allowHalfOpen: true });
  const { client, server } = await stage.pair(true);
  client.socket.end('last words');
  expect(await server.ended()).toBe('FIN');
  expect(server.received.toString()).toBe('last words');
  const closed = nextClose();
  server.socket.end('answer to them');
  expect(await client.ended()).toBe('FIN');
  expect(client.received.toString()).toBe('answer to them');
  expect(await closed).toMatchObject({ cause: 'ended', bytesUp: 10, bytesDown: 14 });
});

it.each(['client', 'server'] as const)('passes a RST of the %s on', async (who) => {
  stage = await Stage.create();
  const pair = await stage.pair();
  const closed = nextClose();
  pair[who].socket.resetAndDestroy();
  expect(await pair[who === 'client' ? 'server' : 'client'].ended()).toBe('ECONNRESET');
  expect(await closed).toMatchObject({ cause: 'peer-reset', error: { code: 'ECONNRESET' } });
});

it('passes a RST on that comes right after the target accepted', async () => {
  stage = await Stage.create();
  const closed = nextClose();
  const client = stage.dial();
  (await stage.target.next()).socket.resetAndDestroy();
  expect(await client.ended()).toBe('ECONNRESET');
  expect((await closed).cause).toBe('peer-reset');
});

it('cut: both sides see FIN', async () => {
  stage = await Stage.create();
  const { client, server } = await stage.pair();
  const closed = nextClose();
  stage.proxy.cut();
  expect(stage.proxy.connections).toEqual([]);
  expect(await client.ended()).toBe('FIN');
  expect(await server.ended()).toBe('FIN');
  expect((await closed).cause).toBe('cut');
});

it('cut: FIN, not RST, even when unread bytes are on their way to the proxy', async () => {
  stage = await Stage.create({ faults: { blackHole: 'both' }, allowHalfOpen: true });
  const client = stage.dial();
  await once(stage.proxy, 'open');
  client.send(Buffer.alloc(4 << 20));
  stage.proxy.cut();
  expect(await client.ended()).toBe('FIN');
});

it('cut: a client that was held back can finish what it was writing', async () => {
  stage = await Stage.create({ faults: { blackHole: 'both' } });
  const client = stage.dial();
  await once(stage.proxy, 'open');
  client.send(Buffer.alloc(32 << 20));
  await stage.letThingsHappen();
  expect(client.socket.writableLength).toBeGreaterThan(0);
  stage.proxy.cut();
  await once(client.socket, 'close');
  expect(client.ending).toBe('FIN');
  expect(client.socket.errored).toBeNull();
});

it('cut: a peer that never closes its side is left after a while', async () => {
  stage = await Stage.create({ allowHalfOpen: true });
  const { client, server } = await stage.pair(true);
  stage.proxy.cut();
  expect(await client.ended()).toBe('FIN');
  // The proxy's own socket is gone once the system answers a write with RST.
  const wroteInVain = new Promise<void>((resolve) => {
    const write = setInterval(() => server.send('still here'), 50);
    server.socket.once('close', () => resolve(clearInterval(write)));
  });
  await wroteInVain;
  expect(server.socket.errored).toMatchObject({ code: expect.stringMatching(/^(EPIPE|ECONNRESET)$/) });
});

it('cut, reset: by id, leaving the others alone', async () => {
  stage = await Stage.create();
  const first = await stage.pair();
  const second = await stage.pair();
  const third = await stage.pair();
  stage.proxy.cut(1);
  stage.proxy.reset(3);
  stage.proxy.cut(99);
  expect(await first.client.ended()).toBe('FIN');
  expect(await third.client.ended()).toBe('ECONNRESET');
  expect(stage.proxy.connections.map(({ id }) => id)).toEqual([2]);
  second.client.send('alive');
  expect(await second.server.text(5)).toBe('alive');
});

it('reset: both sides see ECONNRESET', async () => {
  stage = await Stage.create();
  const { client, server } = await stage.pair();
  const closed = nextClose();
  stage.proxy.reset();
  expect(await client.ended()).toBe('ECONNRESET');
  expect(await server.ended()).toBe('ECONNRESET');
  expect((await closed).cause).toBe('reset');
});

it('reset: also right behind a FIN that is still on its way', async () => {
  stage = await Stage.create({ allowHalfOpen: true });
  const { client, server } = await stage.pair(true);
  server.socket.end();
  await client.ended();
  // The lane hands the FIN over as soon as the hole closes; the reset follows in the same turn.
  void stage.proxy.set({ blackHole: 'up' });
  client.socket.end();
  await stage.letThingsHappen();
  void stage.proxy.set({ blackHole: undefined });
  stage.proxy.reset();
  await stage.proxy.close();
  expect(stage.proxy.connections).toEqual([]);
});

it.each([2, 5, 4096])(
  'cutMidFrame: a chunk of %i bytes arrives without its end, then FIN',
  async (length) => {
    stage = await Stage.create();
    const { client, server } = await stage.pair();
    stage.proxy.cutMidFrame();
    client.send('up is not touched');
    expect(await server.text(17)).toBe('up is not touched');
    const closed = nextClose();
    server.send(Buffer.alloc(length, 7));
    expect(await client.ended()).toBe('FIN');
    expect(client.received).toEqual(Buffer.alloc(length - 1, 7));
    expect(await server.ended()).toBe('FIN');
    expect(await closed).toMatchObject({ cause: 'mid-frame-cut', bytesDown: length - 1 });
  },
);

it('cutMidFrame: clear takes it back', async () => {
  stage = await Stage.create();
  const { client, server } = await stage.pair();
  stage.proxy.cutMidFrame();
  await stage.proxy.clear();
  server.send('whole');
  expect(await client.text(5)).toBe('whole');
  expect(stage.proxy.connections).toHaveLength(1);
});

it('idle cut: FIN to both sides once neither has sent anything for so long', async () => {
  stage = await Stage.create();
  const { client, server } = await stage.pair();
  const closed = nextClose();
  const startedAtMs = performance.now();
  await stage.proxy.set({ idleCutMs: 400 });
  // Traffic in either direction keeps it alive: a byte each way, again and again, well past the limit.
  for (let turn = 1; performance.now() - startedAtMs < 1000; turn += 1) {
    client.send('a');
    await server.bytes(turn);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  expect(stage.proxy.connections).toHaveLength(1);
  expect(await client.ended()).toBe('FIN');
  expect(await server.ended()).toBe('FIN');
  expect((await closed).cause).toBe('idle-cut');
  expect(performance.now() - startedAtMs).toBeGreaterThanOrEqual(1390);
});

it('idle cut: set to less than the silence so far, it strikes at once', async () => {
  stage = await Stage.create();
  const { client } = await stage.pair();
  await new Promise((resolve) => setTimeout(resolve, 20));
  void stage.proxy.set({ idleCutMs: 1 });
  expect(stage.proxy.connections).toEqual([]);
  expect(await client.ended()).toBe('FIN');
});

it('lifetime cut: however busy the connection is', async () => {
  stage = await Stage.create({ faults: { lifetimeCutMs: 300, idleCutMs: 60_000 } });
  const { client, server } = await stage.pair();
  const closed = nextClose();
  server.socket.on('data', (bytes) => server.send(bytes));
  client.socket.on('data', (bytes) => client.send(bytes));
  const startedAtMs = performance.now();
  client.send('round and round');
  expect(await client.ended()).toBe('FIN');
  expect(await server.ended()).toBe('FIN');
  expect(await closed).toMatchObject({ cause: 'lifetime-cut' });
  // The client's clock starts a little after the proxy's.
  expect(performance.now() - startedAtMs).toBeGreaterThan(100);
});

it('timed cuts taken away do not strike', async () => {
  stage = await Stage.create({ faults: { lifetimeCutMs: 5000, idleCutMs: 5000 } });
  const { client, server } = await stage.pair();
  await stage.proxy.set({ lifetimeCutMs: 30, idleCutMs: undefined });
  await stage.proxy.set({ lifetimeCutMs: undefined });
  await new Promise((resolve) => setTimeout(resolve, 60));
  client.send('alive');
  expect(await server.text(5)).toBe('alive');
});
