import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { seededRandom } from '../../src/testing/seeded-random.ts';
import { FakeSocket, open } from './fake-socket.ts';
import { HoldfastWebSocket } from '../../src/websocket/websocket.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

const pass = (durationMs: number) => vi.advanceTimersByTimeAsync(durationMs);
/** The highest wait that the backoff may choose. */
const waitLongest = () => vi.spyOn(Math, 'random').mockReturnValue(0.999_999);

describe('coming back', () => {
  it('opens, is lost, comes back within the window, and tells of each', async () => {
    const { socket, heard } = open();
    expect(socket.readyState).toBe(socket.CONNECTING);
    await pass(0);
    FakeSocket.last.open();
    expect(socket.readyState).toBe(socket.OPEN);
    FakeSocket.last.say('hello');
    FakeSocket.last.end(1011);
    expect(socket.readyState).toBe(socket.CONNECTING);
    await pass(1_000);
    expect(FakeSocket.all).toHaveLength(2);
    FakeSocket.last.open();
    expect(heard).toEqual(['open', 'message hello', 'close 1011', 'open']);
  });

  it.each([1000, 1006, 1011])(
    'a server that accepts and closes with %i is asked at most 10 times in 20 s',
    async (code) => {
      // Of all runs that chance may give, one in 4,000 has an eleventh; these are the same each time.
      vi.spyOn(Math, 'random').mockImplementation(seededRandom(code));
      for (let run = 0; run < 50; run++) {
        const { socket } = open();
        await pass(0);
        const accept = (): void => {
          for (const fake of FakeSocket.all) if (fake.readyState === 0) fake.open().end(code);
        };
        for (let n = 0; n < 400; n++) {
          accept();
          await pass(50);
        }
        expect(FakeSocket.all.length).toBeLessThanOrEqual(10);
        expect(FakeSocket.all.length).toBeGreaterThan(3);
        socket.close();
      }
    },
  );

  it('spreads clients over the whole range, also at the cap', async () => {
    const delays: number[] = [];
    for (let run = 0; run < 200; run++) {
      const { socket } = open({ backoff: { baseMs: 100, capMs: 1_000 }, returnWindowMs: 0 });
      for (let n = 0; n < 8; n++) {
        await pass(0);
        if (FakeSocket.last.readyState === 0) FakeSocket.last.open().end();
        if (n < 7) await pass(1_000);
      }
      delays.push(socket.status.retryAt! - (performance.timeOrigin + performance.now()));
      socket.close();
    }
    const share = (from: number, to: number): number =>
      delays.filter((ms) => ms >= from && ms < to).length / 200;
    for (const from of [0, 250, 500, 750]) expect(share(from, from + 250)).toBeGreaterThan(0.1);
    expect(Math.max(...delays)).toBeLessThanOrEqual(1_000);
  });

  it('begins anew only after a connection has lived for a while', async () => {
    waitLongest();
    const { socket } = open({ backoff: { stableMs: 5_000 } });
    for (let n = 0; n < 4; n++) {
      await pass(7_900);
      FakeSocket.last.open();
      await pass(4_999);
      expect(socket.status.attempt).toBe(n);
      FakeSocket.last.end();
    }
    await pass(7_900);
    FakeSocket.last.open();
    await pass(5_000);
    expect(socket.status.attempt).toBe(0);
  });

  it('gives up an attempt that does not open in time, and does not wait for its end', async () => {
    waitLongest();
    const { socket, heard } = open({ connectTimeoutMs: 8_000 });
    await pass(7_999);
    expect(FakeSocket.all).toHaveLength(1);
    await pass(1);
    expect(heard).toEqual(['error', 'close 1006']);
    expect(FakeSocket.last.closedWith).toBeDefined();
    expect(socket.status).toMatchObject({
      phase: 'waiting',
      cause: { code: 'unreachable', text: 'No connection within 8000 ms.' },
    });
    await pass(5_000);
    expect(FakeSocket.all).toHaveLength(2);
    FakeSocket.all[0]!.open().end();
    expect(heard).toHaveLength(2);
  });

  it('gives up for good after so many losses, or when told by the close; reconnect() begins anew', async () => {
    const few = open({ retriesMax: 2 });
    for (let n = 0; n < 3; n++) {
      await pass(30_000);
      FakeSocket.last.end(1006, '', true);
    }
    expect(few.socket.status.phase).toBe('failed');
    expect(few.socket.readyState).toBe(few.socket.CLOSED);
    await pass(600_000);
    expect(FakeSocket.all).toHaveLength(3);
    few.socket.reconnect();
    await pass(0);
    expect(FakeSocket.all).toHaveLength(4);
    FakeSocket.last.end();
    expect(few.socket.status.phase).toBe('waiting');

    const told = open({ shouldReconnect: ({ code }) => code !== 4001 });
    await pass(0);
    FakeSocket.last.open().end(4001, 'no');
    expect(told.socket.status).toMatchObject({ phase: 'failed', cause: { text: 'no' } });
  });
});

describe('close() and reconnect()', () => {
  it('close() while connecting, waiting, or awaiting an address: no later dial', async () => {
    const connecting = open();
    await pass(0);
    connecting.socket.close();
    await pass(600_000);
    expect([FakeSocket.all.length, connecting.heard]).toEqual([1, ['close 1000']]);

    const waiting = open();
    await pass(0);
    FakeSocket.last.end();
    waiting.socket.close(4000, 'bye');
    await pass(600_000);
    expect([FakeSocket.all.length, waiting.heard]).toEqual([1, ['close 1006', 'close 4000']]);

    let give!: (url: string) => void;
    const awaiting = open({}, () => new Promise<string>((resolve) => (give = resolve)));
    awaiting.socket.close();
    give('ws://late/');
    await pass(600_000);
    expect([FakeSocket.all.length, awaiting.heard]).toEqual([0, ['close 1000']]);
    expect(awaiting.socket.status.phase).toBe('closed');
  });

  it('close() tells of the end at once, and passes code and reason on', async () => {
    const { socket, heard } = open();
    await pass(0);
    FakeSocket.last.open();
    socket.close(4321, 'done');
    expect(socket.readyState).toBe(socket.CLOSED);
    expect(heard).toEqual(['open']);
    await pass(0);
    expect(heard).toEqual(['open', 'close 4321']);
    expect(FakeSocket.last.closedWith).toEqual([4321, 'done']);
    socket.close();
    await pass(0);
    expect(heard).toHaveLength(2);
  });

  it.each([
    [1006, '', 'InvalidAccessError'],
    [1001, '', 'InvalidAccessError'],
    [1000, 'ä'.repeat(62), 'SyntaxError'],
  ])(
    'close() and reconnect() refuse %i "%s", as WebSocket does, and change nothing',
    async (code, reason, name) => {
      const { socket, heard } = open();
      await pass(0);
      FakeSocket.last.open();
      for (const end of ['close', 'reconnect'] as const)
        expect(() => socket[end](code, reason)).toThrow(expect.objectContaining({ name }));
      await pass(60_000);
      FakeSocket.last.say('still heard');
      expect(heard).toEqual(['open', 'message still heard']);
      expect(FakeSocket.all).toHaveLength(1);
      expect(FakeSocket.last.closedWith).toBeUndefined();
    },
  );

  it('close() after it gave up: the phase is closed, and nobody is told of another end', async () => {
    const { socket, heard } = open({ retriesMax: 0 });
    await pass(0);
    FakeSocket.last.open().end();
    socket.close();
    await pass(0);
    expect([socket.status.phase, heard]).toEqual(['closed', ['open', 'close 1006']]);
  });

  it('reconnect() dials at once: when waiting, in place of an open connection, and after close()', async () => {
    waitLongest();
    const { socket, heard } = open();
    await pass(0);
    socket.reconnect();
    expect(FakeSocket.all).toHaveLength(1);
    FakeSocket.last.end();
    socket.reconnect();
    await pass(0);
    FakeSocket.last.open();
    socket.reconnect(4000, 'again');
    await pass(0);
    expect(FakeSocket.all[1]!.closedWith).toEqual([4000, 'again']);
    FakeSocket.last.open();
    socket.close();
    socket.reconnect();
    await pass(0);
    FakeSocket.last.open();
    expect(FakeSocket.all).toHaveLength(4);
    expect(heard).toEqual(['close 1006', 'open', 'close 4000', 'open', 'close 1000', 'open']);
  });

  it('reconnect() in place of a connection that had stood for hours begins with short waits', async () => {
    waitLongest();
    const { socket } = open({ backoff: { baseMs: 1_000, capMs: 3_600_000 } });
    await pass(0);
    FakeSocket.last.open();
    await pass(36_000_000);
    socket.reconnect();
    await pass(0);
    FakeSocket.last.end();
    expect(socket.status.retryAt! - socket.status.since).toBeCloseTo(1_000, 0);
    socket.close();
  });

  it('comes back, too, when shouldReconnect throws', async () => {
    const { socket, heard } = open({
      shouldReconnect() {
        throw new Error('not now');
      },
    });
    await pass(0);
    expect(() => FakeSocket.last.open().end()).toThrow('not now');
    expect(heard).toEqual(['open', 'close 1006']);
    expect(socket.readyState).toBe(socket.CONNECTING);
    await pass(1_000);
    FakeSocket.last.open();
    expect([FakeSocket.all.length, socket.status.phase]).toEqual([2, 'live']);
  });

  it('with startClosed it waits for reconnect()', async () => {
    const { socket } = open({ startClosed: true });
    await pass(60_000);
    expect([FakeSocket.all.length, socket.readyState, socket.status.phase]).toEqual([0, 3, 'closed']);
    socket.reconnect();
    await pass(0);
    expect(FakeSocket.all).toHaveLength(1);
  });
});

describe('addresses', () => {
  it('are asked for before each attempt, with their protocols', async () => {
    let n = 0;
    const { socket } = open(
      {},
      async () => `wss://host/?token=${++n}`,
      () => ['a', `b${n}`],
    );
    await pass(0);
    FakeSocket.last.end();
    await pass(1_000);
    expect(FakeSocket.all.map(({ url, protocols }) => [url, protocols])).toEqual([
      ['wss://host/?token=1', ['a', 'b1']],
      ['wss://host/?token=2', ['a', 'b2']],
    ]);
    expect(socket.url).toBe('wss://host/?token=2');
  });

  it.each([null, undefined, '', async () => null])('protocols of %j are none', async (none) => {
    open({}, 'ws://host/', none);
    await pass(0);
    expect(FakeSocket.last.protocols).toBeUndefined();
  });

  it('one that rejects, throws, hangs or makes no sense costs that attempt only', async () => {
    let n = 0;
    const ways = [
      () => Promise.reject(new Error('no token')),
      () => {
        throw new Error('no idea');
      },
      () => new Promise<string>(() => {}),
      () => 'ftp://host/',
      () => 'ws://host/',
    ];
    const { socket, heard } = open({}, () => ways[n++]!());
    const texts: unknown[] = [];
    socket.onStatus(({ cause }) => texts.push(cause?.text));
    await pass(120_000);
    expect(FakeSocket.all.map(({ url }) => url)[0]).toBe('ws://host/');
    expect(heard.slice(0, 8)).toEqual(Array.from({ length: 4 }, () => ['error', 'close 1006']).flat());
    expect([...new Set(texts)].slice(1, 5)).toEqual([
      'no token',
      'no idea',
      'No address within 8000 ms.',
      'The address must be like wss://host/path, without a fragment.',
    ]);
  });

  it('a fixed one that can’t be dialled is refused at once, as WebSocket does', () => {
    for (const url of ['ftp://host/', 'nonsense', 'ws://host/#fragment'])
      expect(() => open({}, url)).toThrow(expect.objectContaining({ name: 'SyntaxError' }));
    expect(open({ startClosed: true }, 'https://host/path').socket.url).toBe('wss://host/path');
  });

  it('options that can’t work are refused at once', () => {
    expect(() => open({ connectTimeoutMs: 0 })).toThrow('"connectTimeoutMs" is 0');
    expect(() => open({ buffer: { countMax: NaN } })).toThrow('"countMax" is NaN');
  });

  it('options that there are not, or in the place of the protocols, are refused at once', () => {
    expect(() => open({ maxRetries: 3 } as never)).toThrow('"maxRetries" is not an option');
    expect(() => open({ heartbeat: { intervalMs: 5_000 } as never })).toThrow('"heartbeat" needs a message');
    const misplaced = { heartbeat: { message: 'ping' } } as never;
    expect(() => new HoldfastWebSocket('wss://host/', misplaced)).toThrow('third argument');
  });
});
