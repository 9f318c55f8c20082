import { once } from 'node:events';
import type { Socket } from 'node:net';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { WebSocket } from 'ws';
import { closeCodes } from '../../src/protocol/close-codes.ts';
import { decode, encode } from '../../src/protocol/codec.ts';
import type { WireRecord } from '../../src/protocol/schema.ts';
import {
  CHANNELS_MAX,
  decodeShared,
  encodeEnd,
  encodeShared,
  SHARED_PROTOCOL,
} from '../../src/protocol/shared.ts';
import type { EngineHost, EngineSocket } from '../../src/server/engine.ts';
import { SharedSocket } from '../../src/server/shared/shared-socket.ts';
import { PROTOCOL_VERSION } from '../../src/protocol/version.ts';
import { helloRecord } from './raw-client.ts';
import { eventOf, startServer } from './fixture.ts';

/** One WebSocket with channels, on which the test says what it likes. */
class SharedPeer {
  readonly webSocket: WebSocket;
  readonly records = new Map<number, WireRecord[]>();
  readonly ends: { channel: number; code: number; reason: string }[] = [];
  closed: { code: number } | undefined;

  private constructor(webSocket: WebSocket) {
    this.webSocket = webSocket;
    webSocket.on('error', () => {});
    webSocket.on('close', (code) => (this.closed = { code }));
    webSocket.on('message', (data: Buffer) => {
      const message = decodeShared(data)!;
      if (message.type === 'end') return void this.ends.push(message);
      const records = decode(message.bytes);
      if (typeof records === 'string') throw new Error(records);
      this.of(message.channel).push(...records);
    });
  }

  static async dial(port: number): Promise<SharedPeer> {
    const peer = new SharedPeer(
      new WebSocket(`ws://127.0.0.1:${port}/`, [PROTOCOL_VERSION, SHARED_PROTOCOL]),
    );
    onTestFinished(() => peer.webSocket.terminate());
    await once(peer.webSocket, 'open');
    return peer;
  }

  get socket(): Socket {
    return (this.webSocket as unknown as { _socket: Socket })._socket;
  }

  of(channel: number): WireRecord[] {
    const records = this.records.get(channel) ?? [];
    this.records.set(channel, records);
    return records;
  }

  say(channel: number, ...records: WireRecord[]): void {
    this.webSocket.send(encodeShared(channel, encode(records)));
  }

  async welcomed(channel: number): Promise<void> {
    this.say(channel, helloRecord());
    await vi.waitFor(() => expect(this.of(channel)[0]?.type).toBe('welcome'), { timeout: 10_000 });
  }
}

describe('a shared connection', () => {
  it('[TAB-1, TAB-2] has a session on each channel, and each its own messages', async () => {
    const { server, port } = await startServer();
    const peer = await SharedPeer.dial(port);
    await Promise.all([peer.welcomed(1), peer.welcomed(2)]);
    expect(peer.webSocket.protocol).toBe(PROTOCOL_VERSION);
    expect(server.stats().connections).toBe(2);
    const start = { from: 'start', epoch: 0, offset: 0 } as const;
    for (const channel of [1, 2])
      peer.say(channel, { type: 'subscribe', subscription: 1, topic: 'news', ...start });
    peer.say(1, { type: 'publish', sequence: 1, topic: 'news', payload: new Uint8Array([49]) });
    for (const channel of [1, 2])
      await vi.waitFor(() => expect(peer.of(channel).map(({ type }) => type)).toContain('messages'));
    expect(peer.of(1).map(({ type }) => type)).toContain('published');
    expect(peer.of(2).map(({ type }) => type)).not.toContain('published');
  });

  it('[TAB-1, TAB-2] ends its channels one by one, opens none again, and ends with the last', async () => {
    const { server, port } = await startServer();
    const peer = await SharedPeer.dial(port);
    await Promise.all([peer.welcomed(1), peer.welcomed(2)]);
    peer.webSocket.send(encodeEnd(1, closeCodes.closed.code, ''));
    await vi.waitFor(() => expect(server.stats().connections).toBe(1));
    peer.say(1, helloRecord());
    await peer.welcomed(3);
    expect(peer.of(1)).toHaveLength(1);
    expect(server.stats().closes).toMatchObject({ closed: 1 });
    for (const channel of [2, 3]) peer.webSocket.send(encodeEnd(channel, closeCodes.gone.code, ''));
    await vi.waitFor(() => expect(peer.closed).toBeDefined());
    expect(server.stats().connections).toBe(0);
  });

  it('[TAB-1] takes nothing for a channel that has ended, though it comes with the end', async () => {
    const { server, port } = await startServer();
    const peer = await SharedPeer.dial(port);
    await Promise.all([peer.welcomed(1), peer.welcomed(2)]);
    const publish = { type: 'publish', sequence: 1, topic: 'news', payload: new Uint8Array([49]) } as const;
    peer.socket.cork();
    peer.webSocket.send(encodeEnd(2, closeCodes.gone.code, ''));
    peer.say(2, publish);
    peer.say(1, publish);
    peer.socket.uncork();
    await vi.waitFor(() => expect(peer.of(1).map(({ type }) => type)).toContain('published'));
    expect(server.stats().published).toBe(1);
  });

  for (const code of [0, 999, 1_000, 1_004, 1_005, 1_006, 1_015, 2_000, 3_000, 4_999, 5_000, 65_535]) {
    it(`[TAB-2] ends with its last channel, though that ends with ${code}, and tells what a WebSocket may`, async () => {
      const { server, port } = await startServer();
      const peer = await SharedPeer.dial(port);
      await peer.welcomed(1);
      const disconnected = eventOf(server, 'disconnect');
      peer.webSocket.send(encodeEnd(1, code, 'x'.repeat(1_000)));
      await vi.waitFor(() => expect(peer.closed).toBeDefined(), { timeout: 10_000 });
      const known = code === 1_000 ? 'closed' : [3_000, 4_999].includes(code) ? code : 1_005;
      expect(await disconnected).toMatchObject({ reason: known, text: `${'x'.repeat(120)}…` });
    });
  }

  it('[TAB-2] ends the channel that breaks the protocol, and leaves the others alone', async () => {
    const { port } = await startServer();
    const peer = await SharedPeer.dial(port);
    for (const channel of [1, 2]) await peer.welcomed(channel);
    peer.webSocket.send(encodeShared(2, new Uint8Array([255, 255])));
    await vi.waitFor(() => expect(peer.ends).toHaveLength(1));
    expect(peer.ends).toMatchObject([{ channel: 2, code: closeCodes['protocol-error'].code }]);
    peer.say(1, { type: 'ping', id: 7, tops: [] });
    await vi.waitFor(() => expect(peer.of(1).at(-1)).toMatchObject({ type: 'pong', id: 7 }));
  });

  it('[TAB-2] takes on a channel what a connection of its own takes, and nothing longer', async () => {
    const { server, port } = await startServer();
    const peer = await SharedPeer.dial(port);
    await peer.welcomed(1);
    const publish = (bytes: number): Uint8Array =>
      encode([{ type: 'publish', sequence: 1, topic: 'news', payload: new Uint8Array(bytes) }]);
    const overhead = publish(1_000_000).length - 1_000_000;
    peer.webSocket.send(encodeShared(1, publish(1_048_576 - overhead)));
    await vi.waitFor(() => expect(peer.of(1).at(-1)).toMatchObject({ type: 'published', sequence: 1 }));
    peer.webSocket.send(encodeShared(1, publish(1_048_576 - overhead + 1)));
    await vi.waitFor(() => expect(peer.closed?.code).toBe(closeCodes['too-big'].code));
    expect(server.stats().closes).toMatchObject({ 'too-big': 1 });
  });

  it.each([
    ['nothing', new Uint8Array(0)],
    ['half a header', new Uint8Array(4)],
    ['channel 0', new Uint8Array(5)],
    ['an unknown kind', new Uint8Array([1, 0, 0, 0, 2])],
    ['an end without a code', new Uint8Array([1, 0, 0, 0, 1, 3])],
  ])('[TAB-2] ends when it says %s', async (_name, bytes) => {
    const { server, port } = await startServer();
    const peer = await SharedPeer.dial(port);
    await peer.welcomed(1);
    peer.webSocket.send(bytes);
    await vi.waitFor(() => expect(peer.closed?.code).toBe(closeCodes['protocol-error'].code));
    await vi.waitFor(() => expect(server.stats().connections).toBe(0));
  });

  it('[TAB-1] has so many channels and no more', async () => {
    const { server, port } = await startServer();
    const peer = await SharedPeer.dial(port);
    for (let channel = 1; channel <= CHANNELS_MAX + 1; channel++) peer.say(channel, helloRecord());
    await vi.waitFor(() => expect(peer.ends).toHaveLength(1));
    expect(peer.ends[0]).toMatchObject({ channel: CHANNELS_MAX + 1, code: closeCodes.overloaded.code });
    await vi.waitFor(() => expect(server.stats().welcomed).toBe(CHANNELS_MAX));
  });

  describe('whose peer opens one channel after the other', () => {
    /** How many of these channels a host gets to see, each ended at once, and whether the peer is still read from. */
    async function open(
      count: number,
      everyMs: number,
    ): Promise<{ opened: number; isRead: boolean; drain(): void }> {
      const counted = { opened: 0, isRead: true, drain: () => {} };
      let nowMs = 1_000_000;
      const socket: EngineSocket & { bufferedBytes: number } = {
        bufferedBytes: 0,
        send: (bytes: Uint8Array) => (socket.bufferedBytes += bytes.length),
        close() {},
        terminate() {},
        pause: () => (counted.isRead = false),
        resume: () => (counted.isRead = true),
      };
      const host: Pick<EngineHost, 'open'> = {
        open: (channel) => {
          counted.opened++;
          return {
            handleMessage: () => channel.close(closeCodes['protocol-error'].code, ''),
            handleDrain() {},
            handleClose() {},
          };
        },
      };
      const shared = new SharedSocket(
        host as EngineHost,
        socket,
        { url: '/', headers: {}, address: '' },
        {
          nowMs: () => nowMs,
        },
      );
      for (let channel = 2; channel <= count && counted.isRead; channel++) {
        nowMs += everyMs;
        shared.handleMessage(encodeEnd(channel - 1, closeCodes.gone.code, ''));
        shared.handleMessage(encodeShared(channel, new Uint8Array(0)));
        // An end is told in a turn of its own.
        await undefined;
      }
      counted.drain = () => {
        socket.bufferedBytes = 0;
        shared.handleDrain();
      };
      return counted;
    }

    it('[TAB-1] has no more handshakes than tabs need', async () => {
      expect(await open(1_000, 0)).toMatchObject({ opened: CHANNELS_MAX });
      expect(await open(1_000, 100)).toMatchObject({ opened: 1_000 });
    });

    it('[FLOW-7] is not read from while it does not read what it is told', async () => {
      const counted = await open(1_000_000, 0);
      expect(counted.isRead).toBe(false);
      counted.drain();
      expect(counted.isRead).toBe(true);
    });
  });

  it('[DRAIN-1] asks a tab that is opened while the server drains to move at once', async () => {
    const { server, port } = await startServer();
    const peer = await SharedPeer.dial(port);
    await peer.welcomed(1);
    const drained = server.drain({ deadlineMs: 10_000 });
    await peer.welcomed(2);
    expect(peer.of(2)).toContainEqual(expect.objectContaining({ type: 'go-away', reconnectInMs: 0 }));
    for (const channel of [1, 2]) peer.webSocket.send(encodeEnd(channel, closeCodes.gone.code, ''));
    await drained;
  });

  it('[TAB-2] is counted, and timed out when it says nothing', async () => {
    const { server, port } = await startServer({ limits: { helloTimeoutMs: 1_000 } });
    const peer = await SharedPeer.dial(port);
    await vi.waitFor(() => expect(server.stats().connections).toBe(1));
    await vi.waitFor(() => expect(peer.closed).toBeDefined(), { timeout: 10_000 });
    expect(peer.ends).toMatchObject([{ channel: 1, code: closeCodes['hello-timeout'].code }]);
  });
});
