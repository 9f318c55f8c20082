import { createServer, type HistoryPage } from '../../src/server/create-server.ts';
import { memoryLog } from '../../src/server/logs/memory.ts';
import { expect, it, onTestFinished } from 'vitest';

function open(options: Parameters<typeof createServer>[0] = {}) {
  const server = createServer({ logger: false, ...options });
  onTestFinished(() => server.close());
  return server;
}

it('[PUB-5] a publish with an idempotency key is added once, and its repeats get its position', async () => {
  const server = open();
  const first = await server.publish('orders', { n: 1 }, { idempotencyKey: 'order-1' });
  expect(await server.topic('orders').publish({ n: 1 }, { idempotencyKey: 'order-1' })).toEqual(first);
  const second = await server.publish('orders', { n: 2 }, { idempotencyKey: 'order-2' });
  expect(second.offset).toBeGreaterThan(first.offset);
  const { messages } = await server.topic('orders').read();
  expect(messages.map(({ data }) => data)).toEqual([{ n: 1 }, { n: 2 }]);
  expect(server.stats().published).toBe(2);
});

it.each(['', 'x'.repeat(129), 7])('[PUB-5] a key that is none is refused: %j', async (idempotencyKey) => {
  const wrong = { idempotencyKey: idempotencyKey as string };
  await expect(open().publish('orders', 1, wrong)).rejects.toMatchObject({ code: 'invalid-option' });
});

it('[SUB-1] of what is too much to be read at once, it is the newest from the end, and the next after a position', async () => {
  const server = open();
  const positions = [];
  for (let n = 1; n <= 60; n++) positions.push(await server.publish('news', `${n} ${'x'.repeat(100_000)}`));
  const topic = server.topic('news');
  const numbers = ({ messages }: HistoryPage): number[] =>
    messages.map(({ data }) => parseInt(data as string));
  const last = numbers(await topic.read({ limit: 50 }));
  expect(last.length).toBeGreaterThan(20);
  expect(last).toEqual(Array.from(last, (_, i) => 61 - last.length + i));
  const all = [1];
  for (let after = positions[0]!; ;) {
    const page = await topic.read({ after, limit: 1_000 });
    if (page.messages.length === 0) break;
    all.push(...numbers(page));
    after = page.messages.at(-1)!.position;
  }
  expect(all).toEqual(Array.from({ length: 60 }, (_, i) => i + 1));
});

it('[SUB-10] what can’t be decoded is told in its place, and the rest is read', async () => {
  const log = memoryLog();
  const server = open({ log });
  const [before, , after] = [
    await server.publish('news', 1),
    await log.append('news', 'a client with another codec', 1, Buffer.from('no JSON')),
    await server.publish('news', 2),
  ];
  const { messages } = await server.topic('news').read();
  expect(messages).toEqual([
    { position: before, data: 1 },
    {
      position: { epoch: before.epoch, offset: before.offset + 1 },
      data: undefined,
      error: expect.objectContaining({ code: 'invalid-payload' }),
    },
    { position: after, data: 2 },
  ]);
});

it('[SUB-1] a topic is read from its end, or after a position, with what is gone as a gap', async () => {
  const server = open({ topics: { short: { retention: { countMax: 3 } } } });
  const positions = [];
  for (let n = 1; n <= 5; n++) positions.push(await server.publish('short', n));
  const topic = server.topic('short');
  expect((await topic.read({ limit: 2 })).messages.map(({ data }) => data)).toEqual([4, 5]);
  const after = await topic.read({ after: positions[3]! });
  expect(after).toEqual({ messages: [{ position: positions[4], data: 5 }], gap: undefined });
  const gone = await topic.read({ after: positions[0]! });
  expect(gone.gap).toEqual({ from: positions[0], to: positions[1], reason: 'retention' });
  expect(gone.messages.map(({ data }) => data)).toEqual([3, 4, 5]);
  await expect(topic.read({ limit: 0 })).rejects.toMatchObject({ code: 'invalid-option' });
});
