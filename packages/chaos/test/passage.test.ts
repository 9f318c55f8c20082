import { once } from 'node:events';
import type { Socket } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { Stage } from './peers.ts';

let stage: Stage;
afterEach(() => stage.close());

it('latency: bytes and FIN take at least so long, in each direction', async () => {
  stage = await Stage.create({ faults: { latencyMs: 80 } });
  const { client, server } = await stage.pair();
  server.socket.on('data', (bytes) => server.send(bytes));
  const startedAtMs = performance.now();
  client.socket.end('echo');
  expect(await client.text(4)).toBe('echo');
  // Two ways, less the fraction of a millisecond by which clocks are cut.
  expect(performance.now() - startedAtMs).toBeGreaterThanOrEqual(158);
  expect(await client.ended()).toBe('FIN');
});

it('latency: what is on its way follows a change', async () => {
  stage = await Stage.create({ faults: { latencyMs: 3_600_000 } });
  const { client, server } = await stage.pair();
  client.send('an hour late');
  await stage.letThingsHappen();
  expect(server.reads).toEqual([]);
  await stage.proxy.clear();
  expect(await server.text(12)).toBe('an hour late');
});

it('latency: hundreds of chunks on their way share one timer', async () => {
  stage = await Stage.create();
  const { client, server } = await stage.pair();
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
  const sendInPieces = async () => {
    for (let n = 0; n < 500; n += 1) {
      client.send('.');
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  // First without a fault, to see that they do come one by one.
  await sendInPieces();
  await server.bytes(500);
  expect(server.reads.length).toBeGreaterThan(100);
  await stage.proxy.set({ latencyMs: 3_600_000, jitterMs: 1000 });
  const before = timers();
  await sendInPieces();
  await stage.letThingsHappen();
  expect(server.received.length).toBe(500);
  expect(timers() - before).toBeLessThan(20);
});

it('jitter: delays by itself', async () => {
  stage = await Stage.create({ faults: { jitterMs: 3_600_000 } });
  const { client, server } = await stage.pair();
  client.send('some time within the hour');
  await stage.letThingsHappen();
  expect(server.reads).toEqual([]);
});

it('jitter: order is kept', async () => {
  stage = await Stage.create({ faults: { jitterMs: 15 } });
  const { client, server } = await stage.pair();
  let sent = '';
  for (let n = 0; n < 60; n += 1) {
    sent += `${n},`;
    client.send(`${n},`);
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(await server.text(sent.length)).toBe(sent);
});

it('bandwidth: never more than so many bytes per second', async () => {
  stage = await Stage.create({ faults: { bandwidthBytesPerSecond: 100_000 } });
  const { client, server } = await stage.pair();
  const startedAtMs = performance.now();
  client.send(Buffer.alloc(40_000));
  await server.bytes(40_000);
  // 400 ms at this rate; one slice of 20 ms leaves at once, and a late timer may catch up on one more.
  expect(performance.now() - startedAtMs).toBeGreaterThanOrEqual(355);
  // It came as a trickle, not as one lump at the end.
  expect(server.reads.length).toBeGreaterThan(5);
});

it('bandwidth: taken away, the rest flows at once', async () => {
  stage = await Stage.create({ faults: { bandwidthBytesPerSecond: 1 } });
  const { client, server } = await stage.pair();
  client.send(Buffer.alloc(100_000, 'x'));
  await server.bytes(1);
  await stage.proxy.set({ bandwidthBytesPerSecond: undefined });
  expect((await server.bytes(100_000)).equals(Buffer.alloc(100_000, 'x'))).toBe(true);
});

it('splitEveryByte: bytes come one by one', async () => {
  stage = await Stage.create({ faults: { splitEveryByte: true } });
  const { client, server } = await stage.pair();
  client.send('one by one');
  expect(await server.text(10)).toBe('one by one');
  // The reader may be late for one and find two; without the fault there would be one read.
  expect(server.reads.length).toBeGreaterThanOrEqual(3);
});

it('splitEveryByte: cutMidFrame still withholds just the last byte', async () => {
  stage = await Stage.create({ faults: { splitEveryByte: true } });
  const { client, server } = await stage.pair();
  stage.proxy.cutMidFrame();
  server.send('whole frame');
  expect(await client.ended()).toBe('FIN');
  expect(client.received.toString()).toBe('whole fram');
});

it('back-pressure: a reader that stops makes the writer stop, and nothing is lost', async () => {
  stage = await Stage.create();
  const { client, server } = await stage.pair();
  client.socket.pause();
  const written = await writeUntilStuck(server.socket);
  expect(written).toBeLessThan(writtenBytesMax);
  client.socket.resume();
  expect((await client.bytes(written)).length).toBe(written);
});

it.each([{ blackHole: 'both' }, { latencyMs: 3_600_000 }, { bandwidthBytesPerSecond: 1 }] as const)(
  'back-pressure: %j makes the writer stop, and nothing is lost',
  async (faults) => {
    stage = await Stage.create({ heldBytesMax: 100_000 });
    const { client, server } = await stage.pair();
    await stage.proxy.set(faults);
    const written = await writeUntilStuck(client.socket);
    expect(written).toBeLessThan(writtenBytesMax);
    await stage.proxy.clear();
    expect((await server.bytes(written)).length).toBe(written);
  },
);

it('back-pressure: many small chunks are bounded by their number', async () => {
  stage = await Stage.create({ faults: { blackHole: 'up' }, heldBytesMax: 1 << 30 });
  const client = stage.dial();
  await once(client.socket, 'connect');
  for (let n = 0; n < 6000; n += 1) {
    client.send('.');
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(await writeUntilStuck(client.socket)).toBeLessThan(writtenBytesMax);
  await stage.proxy.clear();
  expect((await (await stage.target.next()).bytes(6000)).subarray(0, 6000)).toEqual(Buffer.alloc(6000, '.'));
});

it('carries large streams both ways unharmed under changing faults', async () => {
  stage = await Stage.create({ seed: 7 });
  const { client, server } = await stage.pair();
  const upBytes = Buffer.from(Uint32Array.from({ length: 500_000 }, (_, n) => n * 2654435761).buffer);
  const downBytes = Buffer.from(Uint32Array.from({ length: 500_000 }, (_, n) => n * 40503).buffer);
  client.socket.end(upBytes);
  server.socket.write(downBytes);
  const changes = [
    { latencyMs: 5, jitterMs: 5 },
    { blackHole: 'both' },
    { blackHole: undefined, bandwidthBytesPerSecond: 2_000_000 },
    { splitEveryByte: true },
    { splitEveryByte: undefined, blackHole: 'down' },
  ] as const;
  for (const change of changes) {
    await stage.proxy.set(change);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await stage.proxy.clear();
  expect(await server.ended()).toBe('FIN');
  expect(server.received.equals(upBytes)).toBe(true);
  expect((await client.bytes(downBytes.length)).equals(downBytes)).toBe(true);
});

/** More than the system's own buffers take on the two ways; a writer that gets so far is not held back. */
const writtenBytesMax = 64 << 20;

/** Writes until the path stands still: 20 round trips elsewhere without progress. Resolves with the bytes written. */
async function writeUntilStuck(socket: Socket): Promise<number> {
  const piece = Buffer.alloc(1 << 20);
  for (let written = piece.length; written < writtenBytesMax; written += piece.length) {
    if (socket.write(piece)) continue;
    const drained = once(socket, 'drain').then(() => true);
    if (!(await Promise.race([drained, stage.letThingsHappen().then(() => false)]))) return written;
  }
  return writtenBytesMax;
}
