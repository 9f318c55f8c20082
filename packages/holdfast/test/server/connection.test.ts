import { describe, expect, it, vi } from 'vitest';
import { decode, encode } from '../../src/protocol/codec.ts';
import { HoldfastError } from '../../src/protocol/error-codes.ts';
import type { WireRecord } from '../../src/protocol/schema.ts';
import { jsonCodec } from '../../src/protocol/payload.ts';
import { WebSocketPeer } from '../../src/testing/contracts/web-socket-peer.ts';
import { startNodes } from './cluster/nodes.ts';
import { eventOf, Honest, startServer } from './fixture.ts';
import { helloRecord, RawClient } from './raw-client.ts';

describe('the answer to a hello', () => {
  it('[HELLO-3] is one message: the welcome, then acknowledgements and what was missed', async () => {
    const { port, server } = await startServer();
    await server.publish('t', 'missed');
    const peer = await WebSocketPeer.open(port);
    peer.send(
      encode([
        helloRecord(),
        { type: 'subscribe', subscription: 1, topic: 't', from: 'start', epoch: 0, offset: 0 },
        { type: 'publish', sequence: 1, topic: 'other', payload: jsonCodec.encode(1) },
      ]),
    );
    const records = decode((await peer.frames.next()).payload) as WireRecord[];
    expect(records[0]?.type).toBe('welcome');
    expect(records.map(({ type }) => type).toSorted()).toEqual([
      'messages',
      'published',
      'subscribed',
      'welcome',
    ]);
    peer.socket.destroy();
  });

  it('[HELLO-4] states the limits that bind the client', async () => {
    const { port, server } = await startServer({
      limits: { messageBytesMax: 100_000, windowMax: 20 },
      heartbeat: { intervalMs: 7_000, graceMs: 3_000 },
      handshakesPerSecond: 2,
    });
    const [first, second] = [await RawClient.connect(port), await RawClient.connect(port)];
    expect(first.welcome).toMatchObject({
      messageBytesMax: 100_000,
      window: 20,
      heartbeatMs: 7_000,
      graceMs: 3_000,
      node: server.stats().node,
    });
    // Those who come back get seven tenths of the budget, here 1.4 in a second (SPEC RET-1).
    expect([first.welcome.returnWindowMs, second.welcome.returnWindowMs]).toEqual([714, 1_429]);
  });

  it('[RET-1] deals places in the return window that lie evenly, however many are wanted', async () => {
    const { port } = await startServer();
    const places: number[] = [];
    for (const count of [8, 21, 55]) {
      while (places.length < count) places.push((await RawClient.connect(port)).welcome.returnPlace / 65_536);
      const sorted = places.toSorted((a, b) => a - b);
      const gaps = sorted.map((place, index) => (sorted[index + 1] ?? sorted[0]! + 1) - place);
      // Drawn at random, the widest of 55 gaps would be some four and a half times the mean.
      expect(Math.max(...gaps)).toBeLessThan(2 / count);
    }
  });
});

describe('fan-out', () => {
  it('[HUB-1] every live subscriber gets the very same bytes, one message for all of a turn', async () => {
    const { port, server } = await startServer();
    const peers: WebSocketPeer[] = [];
    for (let i = 0; i < 3; i++) {
      const peer = await WebSocketPeer.open(port);
      peers.push(peer);
      peer.send(
        encode([
          helloRecord(),
          { type: 'subscribe', subscription: i, topic: 't', from: 'now', epoch: 0, offset: 0 },
        ]),
      );
      await peer.frames.next();
    }
    await Promise.all([1, 2, 3].map((data) => server.publish('t', data)));
    const messages = await Promise.all(peers.map(async ({ frames }) => (await frames.next()).payload));
    const records = decode(messages[0]!) as WireRecord<'messages'>[];
    expect(records.flatMap(({ entries }) => entries.map(({ payload }) => jsonCodec.decode(payload)))).toEqual(
      [1, 2, 3],
    );
    for (const message of messages) expect(Buffer.compare(message, messages[0]!)).toBe(0);
    for (const { socket } of peers) socket.destroy();
  });
});

describe('heartbeats', () => {
  // A node looks at its deadlines once a second, so a beat can be two seconds late: the grace must cover that.
  const heartbeat = { intervalMs: 1_000, graceMs: 3_000 };

  it('[LIVE-2] come by themselves and carry the tops of what is followed live; who answers stays', async () => {
    const { port, server } = await startServer({ heartbeat });
    const client = await RawClient.connect(port);
    const { alias } = await client.subscribed(1, 't');
    const { offset } = await server.publish('t', 1);
    await client.dataOf(1);
    for (let beat = 0; beat < 2; beat++) {
      const { id, tops } = await client.next('ping');
      expect(tops).toEqual([{ alias, offset }]);
      client.send({ type: 'pong', id, finished: 0 });
    }
    expect(client.webSocket.readyState).toBe(client.webSocket.OPEN);
  });

  it('[LIVE-2] a peer that is silent beyond the grace is dead, and nobody else', async () => {
    const { port, server } = await startServer({ heartbeat });
    const alive = await Honest.join(port);
    const disconnected = eventOf(server, 'disconnect');
    const silent = await RawClient.connect(port);
    const beats = (async () => {
      while (server.stats().connections > 1) {
        await alive.client.next('ping');
        alive.client.send({ type: 'pong', id: 0, finished: 0 });
      }
    })();
    expect(await disconnected).toMatchObject({
      reason: 'heartbeat-timeout',
      session: { id: silent.welcome.session },
    });
    expect((await silent.end()).code).toBe(1006);
    await beats;
    await alive.works();
  });
});

describe('what the application does', () => {
  for (const [what, text, reason] of [
    ['without a reason', undefined, 'The application ended the session.'],
    ['with an error for one', new Error('Enough.'), 'Error: Enough.'],
    ['with a long one', 'x'.repeat(2_000), `${'x'.repeat(120)}…`],
  ] as const) {
    it(`[CLOSE-1] ends a session ${what}, here and on another node`, async () => {
      const { nodes } = await startNodes(2);
      const [first, second] = nodes.map(({ server }) => server);
      const here = await RawClient.connect(nodes[0]!.port);
      first!.session(here.welcome.session)!.close(text as string);
      expect(await here.end()).toEqual({ code: 4005, reason });
      const there = await RawClient.connect(nodes[0]!.port);
      expect(await second!.closeSession(there.welcome.session, text as string)).toBe(true);
      expect(await there.end()).toEqual({ code: 4005, reason });
    });
  }

  it('[REQ-4] a method that throws an error with a code of its own kind harms nobody', async () => {
    const { port, server } = await startServer();
    const honest = await Honest.join(port);
    server.method('find', (code: unknown) => {
      throw new HoldfastError((code ?? undefined) as never, 'Not found.');
    });
    const client = await RawClient.connect(port);
    const codes = [404, null, 'x'.repeat(300)];
    for (const [index, code] of codes.entries()) {
      client.request(index + 1, 'find', code, index + 1);
      expect(await client.next('failed')).toMatchObject({ text: 'Not found.' });
    }
    expect(client.ofType('failed').map(({ code }) => code)).toEqual([
      '404',
      'undefined',
      `${'x'.repeat(253)}…`,
    ]);
    await honest.works();
  });

  it('[ERR-1] a listener that throws or rejects is told in the log, and harms nobody', async () => {
    const { port, server, lines } = await startServer();
    server.on('connect', () => {
      throw new Error('at once');
    });
    server.on('connect', async () => {
      throw new Error('later');
    });
    await (await Honest.join(port)).works();
    for (const when of ['at once', 'later'])
      await vi.waitFor(() => expect(lines).toContainEqual(expect.stringMatching(`"connect" threw.*${when}`)));
  });
});
