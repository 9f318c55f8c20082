import { describe, expect, it } from 'vitest';
import type { WireRecord } from '../../src/protocol/schema.ts';
import { Wire } from './wire.ts';

const payload = new TextEncoder().encode('1');

function published(sequence: number): WireRecord {
  return { type: 'published', sequence, epoch: 1, offset: sequence };
}

function sequences(records: readonly WireRecord[]): number[] {
  return records.flatMap((record) => (record.type === 'publish' ? [record.sequence] : []));
}

describe('what a client says on the wire', () => {
  it('[WIRE-7] of one turn leaves as one message, the hello first', async () => {
    const wire = new Wire({ token: 'secret' });
    void wire.client.publish('news', 1);
    wire.client.subscribe('news', () => {});
    await wire.turn();
    wire.socket.open();
    expect(wire.socket.messages).toEqual([]);
    await wire.turn();
    expect(wire.socket.messages).toHaveLength(1);
    expect(wire.socket.records.map(({ type }) => type).slice(0, 3)).toEqual([
      'hello',
      'subscribe',
      'publish',
    ]);
    expect(wire.socket.records[0]).toMatchObject({ token: 'secret' });
  });

  it('[WIRE-1] offers the protocol’s name, and binary messages', async () => {
    const wire = new Wire({ token: 'secret' });
    await wire.turn();
    expect(wire.socket.protocols).toEqual(['holdfast.v1']);
    expect(wire.socket.binaryType).toBe('arraybuffer');
  });

  it('[AUTH-6] keeps tokens out of the address', async () => {
    const wire = await Wire.live({ token: 'secret' });
    expect(wire.socket.url).toBe('ws://there/');
    expect(JSON.stringify(wire.client.status)).not.toContain('secret');
  });

  it('[PUB-2] publishes of a handler leave behind those that were made before', async () => {
    const wire = await Wire.live({}, { window: 16 });
    const subscription = wire.client.subscribe(
      'news',
      () => void wire.client.publish('out', 'of the handler'),
    );
    const { id } = subscription.cursor;
    for (let n = 1; n <= 18; n++) void wire.client.publish('out', n);
    await wire.turn();
    expect(sequences(wire.socket.records)).toHaveLength(16);
    // The handler runs, and two publishes get room, by one message of the server's.
    wire.socket.say(
      { type: 'subscribed', subscription: id, alias: 1, epoch: 1, offset: 0 },
      { type: 'messages', alias: 1, epoch: 1, previous: 0, entries: [{ offset: 1, payload }] },
      published(1),
      published(2),
      published(3),
    );
    await wire.turn();
    expect(sequences(wire.socket.records).slice(16)).toEqual([17, 18, 19]);
  });

  it('[WIRE-2] text is malformed, as bytes that do not decode are', async () => {
    for (const data of ['{"type":"welcome"}', new Uint8Array([255]).buffer]) {
      const wire = await Wire.live();
      wire.socket.onmessage?.({ data } as never);
      expect(wire.client.status.phase).toBe('waiting');
      expect(wire.client.status.cause?.code).toBe('protocol-error');
      expect(wire.socket.closedWith).toBe(4000);
    }
  });

  it('[LIVE-5] hears nothing of a socket that it gave up', async () => {
    const wire = await Wire.live();
    wire.client.reconnect();
    await wire.turn();
    const [old] = wire.sockets;
    await wire.welcome();
    expect(old!.closedWith).toBe('terminate');
    old!.say({ type: 'go-away', reconnectInMs: 0, reason: '' });
    old!.hangUp(4004);
    await wire.turn();
    expect(wire.client.status.phase).toBe('live');
  });
});

describe('hints of the platform', () => {
  it('[LIVE-3] make a live client probe, and a waiting one try at once when the network is back', async () => {
    const wire = await Wire.live();
    wire.hint('hidden');
    await wire.turn();
    expect(wire.socket.records.at(-1)).toMatchObject({ type: 'ping' });
    wire.socket.hangUp();
    await wire.turn();
    wire.socket.hangUp();
    await wire.clock.advance(1);
    wire.socket.hangUp();
    expect(wire.client.status.phase).toBe('waiting');
    const dialled = wire.sockets.length;
    wire.hint('online');
    await wire.turn();
    expect(wire.sockets).toHaveLength(dialled + 1);
  });

  it('[RET-4] are not watched any more once it was closed', async () => {
    const wire = await Wire.live();
    expect(wire.hintsWatched).toBe(true);
    await wire.client.close();
    await wire.turn();
    expect(wire.hintsWatched).toBe(false);
  });

  it('[LIVE-3] "offline" colours the phase and stops nothing', async () => {
    const wire = await Wire.live();
    wire.isOnline = false;
    wire.refuseToOpen = () => new Error('The network is down.');
    wire.socket.hangUp();
    await wire.clock.advance(1);
    expect(wire.client.status.phase).toBe('offline');
    expect(wire.client.status.cause).toEqual({ code: 'unreachable', text: 'The network is down.' });
    wire.refuseToOpen = () => undefined;
    await wire.clock.advance(60_000);
    expect(wire.sockets.length).toBeGreaterThan(1);
  });
});
