import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import type { ChaosTarget, ClosedConnection } from '../src/proxy.ts';
import { Stage, Target } from './peers.ts';

let stage: Stage;
afterEach(() => stage.close());

const nextClose = async (): Promise<ClosedConnection> =>
  ((await once(stage.proxy, 'close')) as [ClosedConnection])[0];

it('refuse: new connections get ECONNREFUSED at once, open ones go on; clear opens the same port', async () => {
  stage = await Stage.create();
  const { client, server } = await stage.pair();
  const { port } = stage.proxy;
  void stage.proxy.set({ refuse: true });
  expect(await stage.dial().ended()).toBe('ECONNREFUSED');
  client.send('alive');
  expect(await server.text(5)).toBe('alive');
  await stage.proxy.clear();
  expect(stage.proxy.port).toBe(port);
  const later = await stage.pair();
  later.client.send('back');
  expect(await later.server.text(4)).toBe('back');
});

it('refuse: from the start', async () => {
  stage = await Stage.create({ faults: { refuse: true } });
  expect(stage.proxy.port).toBeGreaterThan(0);
  expect(await stage.dial().ended()).toBe('ECONNREFUSED');
});

it('refuse: the last of many quick changes holds', async () => {
  stage = await Stage.create();
  for (let n = 0; n < 10; n += 1) {
    void stage.proxy.set({ refuse: true });
    void stage.proxy.set({ refuse: false });
  }
  await stage.proxy.set({ refuse: true });
  expect(await stage.dial().ended()).toBe('ECONNREFUSED');
  void stage.proxy.set({ refuse: undefined });
  void stage.proxy.set({ refuse: true });
  await stage.proxy.set({ refuse: undefined });
  await stage.pair();
});

it('refuse: waits for its port when someone else holds it', async () => {
  stage = await Stage.create();
  await stage.proxy.set({ refuse: true });
  const other = createServer().listen(stage.proxy.port, '127.0.0.1');
  await once(other, 'listening');
  const reopened = stage.proxy.clear();
  await stage.letThingsHappen();
  other.close();
  await reopened;
  await stage.pair();
});

it('a target that refuses: the client sees a RST, the event says why', async () => {
  stage = await Stage.create();
  await stage.target.close();
  const client = stage.dial();
  client.send('for nobody');
  expect(await nextClose()).toMatchObject({
    cause: 'target-unreachable',
    error: { code: 'ECONNREFUSED' },
    bytesUp: 0,
  });
  expect(await client.ended()).toBe('ECONNRESET');
  await stage.target.listen();
});

it('a target given as a function may move, and its errors stay with one connection', async () => {
  const elsewhere = await new Target().listen();
  let find: () => ChaosTarget = () => {
    throw new Error('no idea where');
  };
  stage = await Stage.create({ target: () => find() });
  const closed = nextClose();
  const lost = stage.dial();
  expect(await closed).toMatchObject({ cause: 'target-unreachable', error: { message: 'no idea where' } });
  expect(await lost.ended()).toBe('ECONNRESET');
  find = () => stage.target.address;
  await stage.pair();
  find = () => elsewhere.address;
  stage.dial();
  await elsewhere.next();
  await elsewhere.close();
});
