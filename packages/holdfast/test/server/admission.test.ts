import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { within } from '../../src/testing/contracts/runner.ts';
import { RawClient } from './raw-client.ts';
import { aSentence, Honest, startServer } from './fixture.ts';
import { VirtualNode, type VirtualPeer } from './virtual-node.ts';

/** That it was told when to come back, and why, in a record and in a close code. */
function expectTurnedAway(peer: VirtualPeer, reason: RegExp): void {
  expect(peer.records.map(({ type }) => type)).toEqual(['go-away']);
  expect(peer.ofType('go-away')[0]).toMatchObject({ reason: expect.stringMatching(reason) });
  expect(peer.end).toMatchObject({ code: 4006, reason: expect.stringMatching(/Come back in \d+\.\d s\.$/) });
}

describe('limits on connections', () => {
  it('[ADM-1] of a node: whoever leaves makes room', async () => {
    const node = await VirtualNode.start({ limits: { connectionsMax: 2 } });
    const [first, second] = [await node.dial(), await node.dial()];
    expectTurnedAway(await node.dial(), /holds 2 connections, its limit/);
    first.close();
    await node.clock.advance(100);
    expect((await node.dial()).isWelcome).toBe(true);
    expect(second.isWelcome && !second.end).toBe(true);
    expect(node.server.stats()).toMatchObject({ connections: 2, refused: 1 });
  });

  it('[ADM-1] of a client address: others are let in', async () => {
    const node = await VirtualNode.start({ limits: { connectionsPerAddressMax: 2 } });
    const peers = [await node.dial({}, '203.0.113.1'), await node.dial({}, '203.0.113.1')];
    expectTurnedAway(await node.dial({}, '203.0.113.1'), /2 connections come from your address/);
    expect((await node.dial({}, '203.0.113.2')).isWelcome).toBe(true);
    peers[0]!.close();
    await node.clock.advance(100);
    expect((await node.dial({}, '203.0.113.1')).isWelcome).toBe(true);
  });

  it('[ADM-1, ADM-2] of a client address: its many attempts put nobody else’s slot off', async () => {
    const node = await VirtualNode.start({ limits: { connectionsPerAddressMax: 1 }, handshakesPerSecond: 2 });
    for (let i = 0; i < 30; i++) await node.dial({}, '203.0.113.1');
    expect((await node.dial()).isWelcome).toBe(true);
    const late = await node.dial();
    expect(late.ofType('go-away')[0]!.reconnectInMs).toBe(1_000);
  });

  it('[ADM-1] of a client address in IPv6: the whole /64 is one', async () => {
    const node = await VirtualNode.start({ limits: { connectionsPerAddressMax: 1 } });
    expect((await node.dial({}, '2001:db8:1:2::1')).isWelcome).toBe(true);
    expectTurnedAway(await node.dial({}, '2001:db8:1:2::ffff'), /come from your address/);
    expect((await node.dial({}, '2001:db8:1:3::1')).isWelcome).toBe(true);
  });

  it('[ADM-1] of an identity: a session that moves is not one more', async () => {
    const node = await VirtualNode.start({
      limits: { connectionsPerIdentityMax: 1 },
      authenticate: ({ token }) => ({ id: token }),
    });
    const ann = await node.dial({ token: 'ann' });
    const { resumeToken } = ann.ofType('welcome')[0]!;
    expectTurnedAway(await node.dial({ token: 'ann' }), /1 sessions of your user are connected/);
    const moved = await node.dial({ token: 'ann', resumeToken, connection: 2 });
    expect(moved.ofType('welcome')).toMatchObject([{ resumed: true }]);
    expect(ann.end).toMatchObject({ code: 4004 });
    expect((await node.dial({ token: 'bob' })).isWelcome).toBe(true);
    moved.close();
    await node.clock.advance(100);
    expect((await node.dial({ token: 'ann' })).isWelcome).toBe(true);
  });

  it('[ADM-1] of an identity: without `authenticate` all are one, and not limited', async () => {
    const node = await VirtualNode.start({ limits: { connectionsPerIdentityMax: 1 } });
    expect((await node.dial()).isWelcome && (await node.dial()).isWelcome).toBe(true);
  });
});

describe('the budget of handshakes', () => {
  it('[ADM-2, ADM-3] whoever exceeds it gets a slot, and is admitted then', async () => {
    const node = await VirtualNode.start({ handshakesPerSecond: 2 });
    const peers = [await node.dial(), await node.dial(), await node.dial(), await node.dial()];
    expect(peers.map(({ isWelcome }) => isWelcome)).toEqual([true, true, false, false]);
    const waits = peers.slice(2).map((peer) => {
      expectTurnedAway(peer, /More connections come than this server admits/);
      return peer.ofType('go-away')[0]!.reconnectInMs;
    });
    expect(waits[0]).toBeGreaterThanOrEqual(1_000);
    expect(waits[1]! + 10 - waits[0]!, 'a slot each, half a second apart').toBeCloseTo(500, -1);
    await node.clock.advance(waits[0]!);
    expect((await node.dial()).isWelcome).toBe(true);
    expect(node.server.stats().causes, 'who was turned away was no connection').toEqual({});
  });

  it('[ADM-3] nothing of a hello is taken in: a session keeps the connection that it has', async () => {
    const node = await VirtualNode.start({ handshakesPerSecond: 1 });
    const peer = await node.dial();
    const { resumeToken } = peer.ofType('welcome')[0]!;
    expectTurnedAway(await node.dial({ resumeToken, connection: 2 }), /More connections/);
    peer.send({ type: 'ping', id: 7, tops: [] });
    await node.clock.advance(10);
    expect(peer.ofType('pong')).toHaveLength(1);
    expect(peer.end).toBeUndefined();
  });

  it('[ADM-3] a real client reads record, code and reason', async () => {
    const { port } = await startServer({ handshakesPerSecond: 1 });
    const honest = await Honest.join(port);
    const client = await RawClient.dial(port);
    const { reconnectInMs, reason } = await client.next('go-away');
    expect(reconnectInMs).toBeGreaterThanOrEqual(1_000);
    expect(reason).toEqual(aSentence);
    const end = await client.end();
    expect(end).toEqual({
      code: 4006,
      reason: `${reason} Come back in ${(reconnectInMs / 1_000).toFixed(1)} s.`,
    });
    await honest.works();
  });

  it('[ADM-3] past the hard limit an upgrade is refused with 503 and Retry-After', async () => {
    const { port } = await startServer({ handshakesPerSecond: 1, limits: { turnedAwayMax: 1 } });
    const honest = await Honest.join(port);
    // Somebody who is told to go, and does not answer the Close frame.
    const rude = connect(port, '127.0.0.1', () => rude.write(upgradeRequest));
    await within('the upgrade', new Promise((resolve) => rude.once('data', resolve)));
    const refused = connect(port, '127.0.0.1', () => refused.write(upgradeRequest));
    const answer = await within('the answer', textOf(refused));
    expect(answer).toMatch(/^HTTP\/1\.1 503 Service Unavailable\r\n/);
    expect(answer).toMatch(/\r\nRetry-After: [1-9]\d*\r\n/);
    const plain = await fetch(`http://127.0.0.1:${port}/`);
    expect(plain.status).toBe(503);
    expect(Number(plain.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await plain.json()).toEqual({ error: aSentence });
    expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(200);
    rude.destroy();
    await honest.works();
  });

  it('[RET-1] a client hears of another return window with its heartbeat', async () => {
    const node = await VirtualNode.start({ handshakesPerSecond: 10, heartbeat: { intervalMs: 5_000 } });
    const first = await node.dial();
    expect(first.ofType('welcome')[0]!.returnWindowMs).toBe(143);
    for (let i = 0; i < 7; i++) await node.dial();
    await node.clock.advance(6_000);
    expect(first.ofType('return-window')).toEqual([{ type: 'return-window', returnWindowMs: 1_143 }]);
    // One more is no news.
    await node.dial();
    first.send({ type: 'ping', id: 1, tops: [] });
    await node.clock.advance(6_000);
    expect(first.ofType('return-window')).toHaveLength(1);
  });
});

describe('a handshake that does not come to an end', () => {
  it('[ADM-7] is cut off while its request is still incomplete', async () => {
    const { port } = await startServer({ limits: { helloTimeoutMs: 200 } });
    const halves = connect(port, '127.0.0.1', () => halves.write(upgradeRequest.slice(0, 60)));
    expect(await within('the end of half a request', textOf(halves))).toMatch(/^HTTP\/1\.1 408 /);
  });
});

const upgradeRequest = [
  'GET / HTTP/1.1',
  'Host: localhost',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Protocol: holdfast.v1',
  '\r\n',
].join('\r\n');

/** Everything that comes until the socket ends. */
async function textOf(socket: ReturnType<typeof connect>): Promise<string> {
  let text = '';
  socket.on('data', (chunk) => (text += chunk.toString('latin1')));
  await new Promise((resolve) => socket.on('close', resolve));
  return text;
}
