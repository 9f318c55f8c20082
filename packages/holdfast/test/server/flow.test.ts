import { describe, expect, it } from 'vitest';
import type { ServerOptions } from '../../src/server/create-server.ts';
import { decode, encode } from '../../src/protocol/codec.ts';
import { jsonCodec } from '../../src/protocol/payload.ts';
import type { WireRecord } from '../../src/protocol/schema.ts';
import { frameOf, opcodes, WebSocketPeer } from '../../src/testing/contracts/web-socket-peer.ts';
import { aSentence, startServer, type Server } from './fixture.ts';
import { helloRecord, RawClient } from './raw-client.ts';

/** Large enough for some hundred to fill every buffer between server and client. */
const filler = 'x'.repeat(60_000);
const COUNT = 400;

/** Publishes so much that a client that reads nothing falls behind, and waits until it has. */
async function overtake(server: Server): Promise<void> {
  for (let i = 1; i <= COUNT; i++) {
    await server.publish('t', { i, filler });
    // Each in a turn of its own, as on a server that has other things to do.
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function slowReader(
  options: ServerOptions,
): Promise<{ client: RawClient; server: Server; numbers: () => number[] }> {
  const { port, server } = await startServer({
    ...options,
    topics: { t: { retention: { bytesMax: 64 * 1_048_576 }, ...options.topics?.t } },
  });
  const client = await RawClient.connect(port);
  await client.subscribed(1, 't');
  client.webSocket.pause();
  return { client, server, numbers: () => client.data.map((data) => (data as { i: number }).i) };
}

describe('a reader that is slower than its topic', () => {
  it('[FLOW-2] with `replay` gets everything once it reads on', { timeout: 30_000 }, async () => {
    const { client, server, numbers } = await slowReader({});
    await overtake(server);
    client.webSocket.resume();
    await client.dataOf(COUNT);
    expect(numbers()).toEqual(Array.from({ length: COUNT }, (_, index) => index + 1));
    expect(client.ofType('gap')).toEqual([]);
  });

  it(
    '[FLOW-6] with `latest` goes on with the newest, and is told what it missed',
    { timeout: 30_000 },
    async () => {
      const { client, server, numbers } = await slowReader({ topics: { t: { policy: 'latest' } } });
      await overtake(server);
      client.webSocket.resume();
      const gap = await client.next('gap');
      while (numbers().at(-1) !== COUNT) await client.next('messages');
      const before = numbers().slice(0, -1);
      expect(before).toEqual(before.map((_, index) => index + 1));
      expect(before.length).toBeLessThan(COUNT - 1);
      expect(gap).toMatchObject({ fromOffset: before.length, toOffset: COUNT - 1, reason: 'conflated' });
      await server.publish('t', { i: COUNT + 1 });
      await client.dataOf(before.length + 2);
      expect(numbers().at(-1)).toBe(COUNT + 1);
    },
  );

  it(
    '[FLOW-6] with `drop` goes on with what comes next, and is told what it missed',
    { timeout: 30_000 },
    async () => {
      const { client, server, numbers } = await slowReader({ topics: { t: { policy: 'drop' } } });
      await overtake(server);
      client.webSocket.resume();
      const gap = await client.next('gap');
      const before = numbers().length;
      expect(before).toBeLessThan(COUNT);
      expect(gap).toMatchObject({ fromOffset: before, toOffset: COUNT, reason: 'conflated' });
      await server.publish('t', { i: COUNT + 1 });
      await client.dataOf(before + 1);
      expect(numbers().at(-1)).toBe(COUNT + 1);
    },
  );

  it('[FLOW-1] gets no signals, which others get', { timeout: 30_000 }, async () => {
    const { client, server } = await slowReader({});
    await overtake(server);
    server.topic('t').signal('not for the slow');
    await new Promise((resolve) => setImmediate(resolve));
    client.webSocket.resume();
    await client.dataOf(COUNT);
    await client.settled();
    expect(client.ofType('signaled')).toEqual([]);
    server.topic('t').signal('for all who are live');
    expect(jsonCodec.decode((await client.next('signaled')).payload)).toBe('for all who are live');
  });
});

describe('a subscriber that comes back to a topic', () => {
  for (const [policy, delivered, toOffset] of [
    ['latest', [5], 4],
    ['drop', [], 5],
  ] as const) {
    it(`[FLOW-6] with \`${policy}\` skips what it missed`, async () => {
      const { port, server } = await startServer({ topics: { 'state/*': { policy } } });
      const first = await server.publish('state/a', 1);
      for (let i = 2; i <= 5; i++) await server.publish('state/a', i);
      const client = await RawClient.connect(port);
      await client.subscribed(1, 'state/a', first);
      expect(await client.next('gap')).toMatchObject({ fromOffset: 1, toOffset, reason: 'conflated' });
      await server.publish('state/a', 6);
      expect(await client.dataOf(delivered.length + 1)).toEqual([...delivered, 6]);
    });
  }

  it('[FLOW-6] without a miss there is no gap, whatever the policy', async () => {
    const { port, server } = await startServer({
      topics: { a: { policy: 'latest' }, b: { policy: 'drop' } },
    });
    const client = await RawClient.connect(port);
    for (const [index, topic] of ['a', 'b'].entries()) {
      const position = await server.publish(topic, 'seen');
      await client.subscribed(index, topic, position);
      await server.publish(topic, topic);
    }
    expect((await client.dataOf(2)).toSorted()).toEqual(['a', 'b']);
    expect(client.ofType('gap')).toEqual([]);
  });
});

describe('a peer that sends and does not read', () => {
  it('[FLOW-7] is not read from until it does', { timeout: 30_000 }, async () => {
    const { port, server } = await startServer();
    let runs = 0;
    server.method('huge', () => {
      runs++;
      return filler + filler;
    });
    const client = await RawClient.connect(port);
    client.webSocket.pause();
    const other = await RawClient.connect(port);
    // Fewer than the window, so that only its own socket can hold this peer back.
    const asked = 250;
    for (let request = 1; request <= asked; request++) {
      client.request(request, 'huge', null, request);
      await other.settled();
    }
    expect(runs).toBeLessThan(asked);
    client.webSocket.resume();
    while (client.ofType('reply').length < asked) await client.next('reply');
    expect(runs).toBe(asked);
  });

  const asked = 200;
  const payload = jsonCodec.encode(null);
  const requests = Array.from(
    { length: asked },
    (_, index) => ({ type: 'request', request: index + 1, finished: 0, method: 'huge', payload }) as const,
  );
  const ways: Record<string, Uint8Array> = {
    'in one message': frameOf(encode(requests), opcodes.binary, true),
    'in messages that come together': Buffer.concat(
      requests.map((request) => frameOf(encode([request]), opcodes.binary, true)),
    ),
  };
  for (const [way, bytes] of Object.entries(ways)) {
    it(`[FLOW-4] gets no more answers at once than the window, if it asks for many ${way}`, async () => {
      const { port, server } = await startServer({ limits: { windowMax: 16 } });
      let runs = 0;
      server.method('huge', () => {
        runs++;
        return filler;
      });
      const peer = await WebSocketPeer.open(port);
      peer.send(encode([helloRecord()]));
      await peer.frames.next();
      peer.write(bytes);
      const answers: WireRecord[] = [];
      while (answers.length < asked) answers.push(...recordsOf((await peer.frames.next()).payload));
      expect(answers.filter(({ type }) => type === 'reply')).toHaveLength(16);
      const failed = answers.filter((answer) => answer.type === 'failed');
      expect(new Set(failed.map(({ code }) => code))).toEqual(new Set(['window-exceeded']));
      expect(runs).toBe(16);
      // Once the answers have left there is room again.
      peer.send(encode([{ ...requests[0]!, request: asked + 1, finished: asked + 1 }]));
      expect(recordsOf((await peer.frames.next()).payload)).toMatchObject([
        { type: 'reply', request: asked + 1 },
      ]);
      peer.socket.destroy();
    });
  }
});

function recordsOf(message: Uint8Array): WireRecord[] {
  const records = decode(message);
  if (typeof records === 'string') throw new Error(`The server sent what is ${records}.`);
  return records;
}

describe('a peer that asks for more while nothing answers', () => {
  it('[FLOW-4] keeps no more waiting than a window of signals, one token, and its subscriptions twice', async () => {
    const asked = { subscribe: 0, signal: 0, token: 0 };
    const forever = new Promise<never>(() => {});
    const { port } = await startServer({
      limits: { subscriptionsMax: 20, windowMax: 16 },
      authenticate: ({ token }) => {
        if (token === 'first') return { id: 'ann' };
        asked.token++;
        return forever;
      },
      authorize: (_, action) => {
        asked[action as 'subscribe' | 'signal']++;
        return forever;
      },
    });
    const client = await RawClient.connect(port, { token: 'first' });
    for (let i = 1; i <= 200; i++) {
      client.subscribe(i, `topic ${i}`);
      client.send({ type: 'unsubscribe', subscription: i });
      client.signal('t', i);
      client.send({ type: 'token', token: `token ${i}` });
    }
    await client.settled();
    expect(asked).toEqual({ subscribe: 40, signal: 16, token: 1 });
    expect(client.ofType('failed')).toHaveLength(160);
    expect(client.ofType('failed')[0]).toMatchObject({
      id: 41,
      code: 'too-many-subscriptions',
      text: aSentence,
    });
  });

  it('[FLOW-4] has room again with each answer', async () => {
    const { port } = await startServer({
      limits: { subscriptionsMax: 2, windowMax: 16 },
      authenticate: ({ token }) => ({ id: 'ann', claims: token }),
      authorize: async () => true,
    });
    const client = await RawClient.connect(port, { token: 'first' });
    await client.subscribed(1, 't');
    for (let i = 2; i <= 20; i++) {
      await client.subscribed(i, `topic ${i}`);
      client.send({ type: 'unsubscribe', subscription: i }, { type: 'token', token: `token ${i}` });
      client.signal('t', i);
      await client.next('signaled');
    }
  });
});
