import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, expectTypeOf, it, onTestFinished, vi } from 'vitest';
import { WebSocket as NodeSocket, WebSocketServer } from 'ws';
import { HoldfastWebSocket } from '../../src/websocket/websocket.ts';
import { FakeSocket, open } from './fake-socket.ts';

const pass = (durationMs: number) => vi.advanceTimersByTimeAsync(durationMs);

describe('in virtual time', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => {
    vi.unstubAllGlobals();
    vi.useRealTimers();
  });

  describe('what is sent while there is no connection', () => {
    it('waits, and goes out in order after the listeners of open have run', async () => {
      const { socket } = open();
      socket.send('1');
      socket.send('2');
      expect(socket.bufferedAmount).toBe(2);
      expect(socket.status.queued).toBe(2);
      socket.addEventListener('open', () => socket.send('sign in'));
      await pass(0);
      FakeSocket.last.open();
      expect(FakeSocket.last.sent).toEqual(['sign in', '1', '2']);
      expect(socket.bufferedAmount).toBe(0);
      expect(socket.status.queued).toBe(0);
    });

    it('is bounded by count and bytes, and refused aloud beyond', () => {
      const byCount = open({ buffer: { countMax: 2 } }).socket;
      byCount.send('1');
      byCount.send('2');
      expect(() => byCount.send('3')).toThrow(expect.objectContaining({ code: 'outbox-full' }));
      expect(byCount.status.queued).toBe(2);
      const byBytes = open({ buffer: { bytesMax: 4 } }).socket;
      byBytes.send('äé');
      expect(() => byBytes.send('.')).toThrow(expect.objectContaining({ code: 'outbox-full' }));
    });

    it('is sent as it was at the call', async () => {
      const { socket } = open();
      const bytes = new Uint8Array([1, 2, 3, 4]);
      socket.send(bytes.subarray(1, 3));
      socket.send(bytes.buffer);
      bytes.fill(9);
      await pass(0);
      FakeSocket.last.open();
      expect(FakeSocket.last.sent.map((data) => [...new Uint8Array(data as ArrayBuffer)])).toEqual([
        [2, 3],
        [1, 2, 3, 4],
      ]);
    });

    it('is made a text when it is no binary data, as by WebSocket', async () => {
      const { socket } = open();
      for (const odd of [42, null, true]) socket.send(odd as never);
      expect(socket.bufferedAmount).toBe('42nulltrue'.length);
      await pass(0);
      FakeSocket.last.open();
      socket.send(undefined as never);
      expect(FakeSocket.last.sent).toEqual(['42', 'null', 'true', 'undefined']);
    });

    it('waits for the first dial with startClosed', async () => {
      const { socket } = open({ startClosed: true });
      socket.send('1');
      expect(socket.status.queued).toBe(1);
      socket.reconnect();
      await pass(0);
      expect(FakeSocket.last.open().sent).toEqual(['1']);
    });

    it('waits, too, while the open socket is closing; after close() it is discarded', async () => {
      const { socket } = open();
      await pass(0);
      FakeSocket.last.open().readyState = 2;
      socket.send('kept');
      FakeSocket.last.end();
      await pass(1_000);
      FakeSocket.last.open();
      expect(FakeSocket.last.sent).toEqual(['kept']);
      socket.close();
      socket.send('gone');
      expect(socket.bufferedAmount).toBe(4);
      socket.reconnect();
      await pass(0);
      expect(FakeSocket.last.open().sent).toEqual([]);
    });
  });

  describe('the heartbeat', () => {
    const heartbeat = { message: 'ping', intervalMs: 20_000, timeoutMs: 3_000 };

    it('is sent each interval, and any message answers it', async () => {
      const { heard } = open({ heartbeat });
      await pass(0);
      FakeSocket.last.open();
      for (let n = 1; n <= 3; n++) {
        await pass(20_000);
        expect(FakeSocket.last.sent).toHaveLength(n);
        FakeSocket.last.say('whatever');
      }
      expect(heard).toEqual(['open', ...Array(3).fill('message whatever')]);
    });

    it('unanswered, ends the connection without waiting for it, and a new one is dialled', async () => {
      const { socket, heard } = open({ heartbeat });
      await pass(0);
      const dead = FakeSocket.last.open();
      await pass(22_999);
      expect(heard).toEqual(['open']);
      await pass(1);
      expect(heard).toEqual(['open', 'error', 'close 1006']);
      expect(socket.status.cause?.code).toBe('silent');
      expect(dead.closedWith).toBeDefined();
      await pass(1_000);
      expect(FakeSocket.all).toHaveLength(2);
      FakeSocket.last.open();
      dead.say('late');
      dead.end();
      expect(heard).toEqual(['open', 'error', 'close 1006', 'open']);
    });

    it('gives a slow line its time while it still takes bytes', async () => {
      const { heard } = open({ heartbeat });
      await pass(0);
      const slow = FakeSocket.last.open();
      slow.bufferedAmount = 900;
      await pass(20_000);
      for (slow.bufferedAmount = 800; slow.bufferedAmount > 500; slow.bufferedAmount -= 100) {
        await pass(3_000);
        expect(heard).toEqual(['open']);
      }
      slow.bufferedAmount = 500;
      await pass(6_000);
      expect(heard).toContain('close 1006');
    });

    it('can be a function, and keep its answers from the application', async () => {
      let n = 0;
      const { socket, heard } = open({
        heartbeat: { ...heartbeat, message: () => `ping ${++n}`, isAnswer: (data) => data === 'pong' },
      });
      await pass(0);
      FakeSocket.last.open();
      await pass(20_000);
      await pass(40);
      FakeSocket.last.say('pong');
      FakeSocket.last.say('news');
      expect(FakeSocket.last.sent).toEqual(['ping 1']);
      expect(heard).toEqual(['open', 'message news']);
      expect(socket.status.rttMs).toBeCloseTo(40, 0);
    });

    it('takes for a sign of life, too, what `isAnswer` throws at', async () => {
      const isAnswer = (data: unknown): boolean =>
        (JSON.parse(String(data)) as { pong?: true }).pong === true;
      const { heard } = open({ heartbeat: { ...heartbeat, isAnswer } });
      await pass(0);
      FakeSocket.last.open();
      await pass(20_000);
      expect(() => FakeSocket.last.say('news')).toThrow(SyntaxError);
      await pass(10_000);
      expect(heard).toEqual(['open']);
    });

    it('goes on after a function that threw', async () => {
      let n = 0;
      const message = () => {
        if (++n === 1) throw new Error('not now');
        return 'ping';
      };
      const { socket, heard } = open({ heartbeat: { ...heartbeat, message } });
      await pass(0);
      FakeSocket.last.open();
      await expect(pass(20_000)).rejects.toThrow('not now');
      await pass(20_000);
      expect(FakeSocket.last.sent).toEqual(['ping']);
      await pass(3_000);
      expect(heard).toEqual(['open', 'error', 'close 1006']);
      socket.close();
    });

    it('stops with its connection', async () => {
      const { socket } = open({ heartbeat });
      await pass(0);
      FakeSocket.last.open();
      socket.close();
      await pass(60_000);
      expect(FakeSocket.last.sent).toEqual([]);
      expect(vi.getTimerCount()).toBe(0);
    });
  });

  describe('hints', () => {
    const page = new EventTarget();
    beforeEach(() => {
      vi.stubGlobal('addEventListener', page.addEventListener.bind(page));
      vi.stubGlobal('removeEventListener', page.removeEventListener.bind(page));
    });

    it('mean a probe, and "offline" is no reason to close', async () => {
      const { heard, socket } = open({ heartbeat: { message: 'ping' } });
      await pass(0);
      FakeSocket.last.open();
      page.dispatchEvent(new Event('offline'));
      page.dispatchEvent(new Event('visibilitychange'));
      expect(FakeSocket.last.sent).toEqual(['ping']);
      FakeSocket.last.say('');
      page.dispatchEvent(new Event('focus'));
      expect(FakeSocket.last.sent).toEqual(['ping', 'ping']);
      await pass(4_000);
      expect([socket.status.phase, heard.includes('close 1006')]).toEqual(['live', false]);
      socket.close();
    });

    it('"online" ends a wait, and no hint dials after close()', async () => {
      vi.stubGlobal('navigator', { onLine: false });
      const { socket } = open({ returnWindowMs: 3_600_000 });
      await pass(0);
      FakeSocket.last.open().end();
      expect(socket.status.phase).toBe('offline');
      page.dispatchEvent(new Event('visibilitychange'));
      await pass(0);
      expect(FakeSocket.all).toHaveLength(1);
      page.dispatchEvent(new Event('online'));
      await pass(0);
      expect(FakeSocket.all).toHaveLength(2);
      socket.close();
      for (const name of ['online', 'focus', 'visibilitychange']) page.dispatchEvent(new Event(name));
      await pass(60_000);
      expect(FakeSocket.all).toHaveLength(2);
    });
  });

  describe('the shape of a WebSocket', () => {
    it('has its constants, types and attributes', async () => {
      const { socket } = open();
      expectTypeOf(socket).toExtend<WebSocket>();
      expectTypeOf(socket.readyState).toEqualTypeOf<0 | 1 | 2 | 3>();
      expect([
        HoldfastWebSocket.CONNECTING,
        HoldfastWebSocket.OPEN,
        HoldfastWebSocket.CLOSING,
        HoldfastWebSocket.CLOSED,
      ]).toEqual([0, 1, 2, 3]);
      expect([socket.CONNECTING, socket.OPEN, socket.CLOSING, socket.CLOSED]).toEqual([0, 1, 2, 3]);
      expect([socket.url, socket.protocol, socket.extensions, socket.binaryType]).toEqual([
        'ws://fake/',
        '',
        '',
        'blob',
      ]);
      socket.binaryType = 'arraybuffer';
      await pass(0);
      expect(FakeSocket.last.binaryType).toBe('arraybuffer');
      FakeSocket.last.protocol = 'chat';
      expect(socket.protocol).toBe('chat');
    });

    it('has event handler attributes beside listeners, with real events', async () => {
      const { socket } = open();
      const seen: unknown[] = [];
      expect(socket.onmessage).toBeNull();
      socket.onmessage = () => seen.push('replaced');
      socket.onmessage = function (event) {
        seen.push(
          this === socket,
          event instanceof MessageEvent,
          event.data,
          event.origin,
          event.target === socket,
        );
      };
      socket.onclose = (event) => seen.push(event instanceof Event, event.code, event.reason, event.wasClean);
      socket.onopen = () => seen.push('open');
      socket.onopen = null;
      await pass(0);
      FakeSocket.last.open().say('hi');
      FakeSocket.last.end(1001, 'restart');
      expect(seen).toEqual([true, true, 'hi', 'ws://fake', true, true, 1001, 'restart', true]);
    });

    it('types listeners as WebSocket does: objects, null and events of other names, too', async () => {
      const { socket } = open();
      const seen: string[] = [];
      const listener = { handleEvent: ({ type }: Event) => seen.push(type) };
      expectTypeOf(socket.addEventListener).toBeCallableWith('open', null);
      socket.addEventListener('open', listener);
      socket.addEventListener('close' as string, listener);
      socket.addEventListener('message', (event) => expectTypeOf(event).toEqualTypeOf<MessageEvent>());
      await pass(0);
      FakeSocket.last.open();
      socket.removeEventListener('close', listener);
      FakeSocket.last.end();
      expect(seen).toEqual(['open']);
      socket.close();
    });

    it('tells a status to each listener, though one throws', async () => {
      const thrown: unknown[] = [];
      const listeners = process.listeners('uncaughtException');
      process.removeAllListeners('uncaughtException').on('uncaughtException', (error) => thrown.push(error));
      onTestFinished(() => {
        process.removeAllListeners('uncaughtException');
        for (const listener of listeners) process.on('uncaughtException', listener);
      });
      const { socket } = open();
      const phases: string[] = [];
      socket.onStatus(() => {
        throw new Error('not mine');
      });
      const stop = socket.onStatus(({ phase }) => phases.push(phase));
      await pass(0);
      FakeSocket.last.open();
      await pass(0);
      stop();
      socket.close();
      await pass(0);
      vi.useRealTimers();
      await vi.waitFor(() => expect(thrown.length).toBeGreaterThan(1));
      expect(phases).toEqual(['connecting', 'live']);
    });

    it('tells its status once for each change, as an object that stays the same between', async () => {
      const { socket } = open();
      const phases: string[] = [];
      const stop = socket.onStatus((status) => {
        phases.push(status.phase);
        expect(status).toBe(socket.status);
      });
      await pass(0);
      FakeSocket.last.open();
      await pass(0);
      expect(socket.status).toBe(socket.status);
      FakeSocket.last.end();
      await pass(0);
      stop();
      socket.close();
      await pass(0);
      expect(phases).toEqual(['connecting', 'live', 'waiting']);
    });
  });
});

describe('with the package ws', () => {
  async function serve(onConnection: (socket: NodeSocket) => void): Promise<string> {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: () => 'chat' });
    server.on('connection', onConnection);
    onTestFinished(() => {
      for (const client of server.clients) client.terminate();
      server.close();
    });
    await once(server, 'listening');
    return `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  }

  it('echoes text and bytes over connections that are cut again and again', async () => {
    let served = 0;
    const url = await serve((peer) => {
      const isCut = ++served < 4;
      peer.on('message', (data, isBinary) => {
        peer.send(data, { binary: isBinary });
        if (isCut) peer.terminate();
      });
    });
    const socket = new HoldfastWebSocket(url, 'chat', {
      WebSocket: NodeSocket,
      returnWindowMs: 1,
      backoff: { baseMs: 1, capMs: 20 },
    });
    onTestFinished(() => socket.close());
    socket.binaryType = 'arraybuffer';
    socket.onopen = () => {
      socket.send('text');
      socket.send(new Uint8Array([1, 2]));
    };
    const binary = await new Promise<ArrayBuffer>((resolve) =>
      socket.addEventListener('message', ({ data }) => typeof data !== 'string' && resolve(data)),
    );
    expect([...new Uint8Array(binary)]).toEqual([1, 2]);
    expect(served).toBe(4);
    expect(socket.protocol).toBe('chat');
  });

  it('says why when nobody listens', async () => {
    const socket = new HoldfastWebSocket('ws://127.0.0.1:1/', undefined, {
      WebSocket: NodeSocket,
      retriesMax: 0,
    });
    const [event] = (await once(socket, 'error')) as [Event & { message: string }];
    expect(event.message).toContain('ECONNREFUSED');
    expect(socket.status).toMatchObject({ phase: 'failed', cause: { code: 'unreachable' } });
  });
});
