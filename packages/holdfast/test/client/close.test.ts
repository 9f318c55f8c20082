import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Bed, memoryStorage } from './bed.ts';
import { Wire } from './wire.ts';

const unhandled: unknown[] = [];
const note = (error: unknown): void => void unhandled.push(error);
beforeAll(() => void process.on('unhandledRejection', note));
afterAll(() => void process.off('unhandledRejection', note));

/** A client in each of its phases; `dialled` counts its attempts. */
const phases: Record<string, () => Promise<Wire>> = {
  'awaiting a token': async () => {
    const wire = new Wire({ token: () => new Promise<string>(() => {}) });
    await wire.turn();
    return wire;
  },
  'awaiting an address': async () => {
    const wire = new Wire({}, () => new Promise<string>(() => {}));
    await wire.turn();
    return wire;
  },
  connecting: async () => {
    const wire = new Wire();
    await wire.turn();
    return wire;
  },
  greeting: async () => {
    const wire = new Wire();
    await wire.turn();
    wire.socket.open();
    return wire;
  },
  live: () => Wire.live(),
  suspect: async () => {
    const wire = await Wire.live();
    wire.hint('hidden');
    await wire.clock.advance(1_500);
    return wire;
  },
  draining: async () => {
    const wire = await Wire.live();
    wire.socket.say({ type: 'go-away', reconnectInMs: 1_000, reason: 'Moving.' });
    return wire;
  },
  waiting: async () => {
    const wire = await Wire.live({}, { returnWindowMs: 10_000, returnPlace: 32_768 });
    wire.socket.hangUp();
    return wire;
  },
  failed: async () => {
    const wire = await Wire.live();
    wire.socket.hangUp(4005, 'Enough.');
    return wire;
  },
};

describe('close()', () => {
  for (const [phase, make] of Object.entries(phases)) {
    it(`[RET-4] while ${phase}: ends all attempts, and leaves nothing unhandled`, async () => {
      const wire = await make();
      const dialled = wire.sockets.length;
      await wire.client.close();
      await wire.client.close();
      await wire.turn();
      expect(wire.client.status.phase).toBe('closed');
      expect(wire.hintsWatched).toBe(false);
      wire.client.reconnect();
      wire.hint('online');
      for (const socket of wire.sockets) socket.hangUp(1006);
      await wire.clock.advance(600_000);
      expect(wire.sockets).toHaveLength(dialled);
      expect(wire.sockets.every(({ closedWith }) => closedWith !== undefined)).toBe(true);
      expect(unhandled).toEqual([]);
    });
  }

  it('[RET-4] is final: reconnect() opens nothing any more', async () => {
    const wire = await Wire.live();
    await wire.client.close();
    wire.client.reconnect();
    await wire.clock.advance(600_000);
    expect(wire.sockets).toHaveLength(1);
    expect(wire.client.status.phase).toBe('closed');
  });

  it('[RET-4] a token that comes late dials nothing', async () => {
    let give = (_token: string): void => {};
    const wire = new Wire({ token: () => new Promise<string>((resolve) => (give = resolve)) });
    await wire.turn();
    await wire.client.close();
    give('late');
    await wire.clock.advance(600_000);
    expect(wire.sockets).toEqual([]);
    expect(unhandled).toEqual([]);
  });

  it('[RET-4] a token that fails late is nobody’s unhandled rejection', async () => {
    let fail = (_error: Error): void => {};
    const wire = new Wire({ token: () => new Promise<string>((_resolve, reject) => (fail = reject)) });
    await wire.turn();
    await wire.client.close();
    fail(new Error('late'));
    await wire.clock.advance(600_000);
    expect(wire.client.status.phase).toBe('closed');
    expect(unhandled).toEqual([]);
  });

  it('[PUB-1] waits for answers that are on their way', async () => {
    const bed = await Bed.live();
    const publish = bed.client.publish('news', 1);
    await bed.wait(bed.client.close());
    expect(await bed.codeOf(publish)).toMatch(/^resolved/);
    await bed.until(() => bed.server.stats().connections === 0);
    expect(bed.server.stats().closes).toEqual({ closed: 1 });
  });

  it('[PUB-1] waits for them while the connection is being left, too', async () => {
    const wire = await Wire.live();
    wire.socket.say({ type: 'go-away', reconnectInMs: 60_000, reason: 'Moving.' });
    const publish = wire.client.publish('news', 1);
    const closed = wire.client.close();
    await wire.turn();
    wire.socket.say({ type: 'published', sequence: 1, epoch: 1, offset: 1 });
    await Promise.all([closed, wire.turn()]);
    expect(await publish).toEqual({ epoch: 1, offset: 1 });
  });

  it('[ERR-1] gives up after a moment; what is left rejects with "closed"', async () => {
    const bed = await Bed.live();
    bed.line.blackHole();
    const codes = [
      bed.codeOf(bed.client.publish('news', 1)),
      bed.codeOf(bed.client.request('sum', 1)),
      bed.codeOf(bed.client.probe()),
    ];
    await bed.wait(bed.client.close());
    expect(await Promise.all(codes)).toEqual(['closed', 'closed', 'closed']);
  });

  it('[ERR-1] rejects at once what waits while there is no connection', async () => {
    const bed = new Bed({}, {}, 'ws://nowhere:1/');
    await bed.until(() => bed.client.status.phase === 'waiting');
    const code = bed.codeOf(bed.client.publish('news', 1));
    await bed.client.close();
    expect(await code).toBe('closed');
  });

  it('[ERR-1] what is asked of a closed client rejects or throws "closed"', async () => {
    const bed = await Bed.live();
    await bed.wait(bed.client.close());
    expect(await bed.codeOf(bed.client.publish('news', 1))).toBe('closed');
    expect(await bed.codeOf(bed.client.request('sum', 1))).toBe('closed');
    expect(() => bed.client.subscribe('news', () => {})).toThrow(expect.objectContaining({ code: 'closed' }));
  });

  it('[ERR-1] `ready` of a subscription that was never answered rejects with "closed"', async () => {
    const bed = new Bed({}, {}, 'ws://nowhere:1/');
    const { ready } = bed.client.subscribe('news', () => {});
    await bed.client.close();
    expect(await bed.codeOf(ready)).toBe('closed');
  });

  it('[SUB-6] no handler begins after it', async () => {
    const bed = await Bed.live();
    const seen: number[] = [];
    let release = (): void => {};
    const subscription = bed.client.subscribe('news', (n: number) => {
      seen.push(n);
      return new Promise<void>((resolve) => (release = resolve));
    });
    await bed.wait(subscription.ready);
    for (const n of [1, 2, 3]) await bed.server.publish('news', n);
    await bed.until(() => seen.length === 1);
    await bed.wait(bed.client.close());
    release();
    await bed.pass(1_000);
    expect(seen).toEqual([1]);
  });
});

describe('a client that failed for good', () => {
  it('[RET-4] rejects what waits and what is asked with its cause', async () => {
    const wire = await Wire.live();
    const code = (promise: Promise<unknown>): Promise<string> =>
      promise.then(
        () => 'resolved',
        (error: { code: string }) => error.code,
      );
    const [publish, request, probe] = [
      code(wire.client.publish('news', 1)),
      code(wire.client.request('sum', 1)),
      code(wire.client.probe()),
    ];
    const { ready } = wire.client.subscribe('news', () => {});
    await wire.turn();
    wire.socket.hangUp(4005, 'Enough.');
    await wire.turn();
    expect(await Promise.all([publish, request, probe, code(ready)])).toEqual([
      'ended-by-server',
      'ended-by-server',
      'ended-by-server',
      'ended-by-server',
    ]);
    await expect(wire.client.publish('news', 2)).rejects.toMatchObject({
      code: 'ended-by-server',
      message: 'Enough.',
    });
    expect(unhandled).toEqual([]);
  });

  it('[CLOSE-2] goes on trying when a listener asks for it at once', async () => {
    const wire = await Wire.live();
    const off = wire.client.onStatus(({ phase }) => phase === 'failed' && wire.client.reconnect());
    wire.socket.hangUp(4005, 'Enough.');
    await wire.clock.advance(60_000);
    off();
    expect(wire.sockets.length).toBeGreaterThan(2);
  });

  for (const type of ['request', 'publish'] as const) {
    it(`[REQ-1, PUB-4] does not do a ${type} later that it told its caller had failed`, async () => {
      const wire = await Wire.live();
      wire.client[type]('pay', 1).catch(() => {});
      await wire.turn();
      wire.socket.hangUp(4005, 'Enough.');
      await wire.turn();
      wire.client.reconnect();
      await wire.welcome({ resumed: true });
      expect(wire.socket.records.map((record) => record.type)).not.toContain(type);
      expect(wire.client.status).toMatchObject({ phase: 'live', queued: 0, unacknowledged: 0 });
    });
  }

  it('[PUB-4] keeps a publish that is stored, for another life or for reconnect()', async () => {
    const storage = memoryStorage();
    const wire = await Wire.live({ storage });
    wire.client.publish('pay', 1).catch(() => {});
    await wire.turn();
    wire.socket.hangUp(4005, 'Enough.');
    await wire.turn();
    expect(storage.items.get('holdfast:ws://there/:outbox')).toContain('pay');
    wire.client.reconnect();
    await wire.welcome({ resumed: true });
    expect(wire.socket.records.map((record) => record.type)).toContain('publish');
  });

  it('[CLOSE-2] comes back with reconnect(), its subscriptions too, those made meanwhile as well', async () => {
    const bed = await Bed.live();
    const seen: number[] = [];
    const subscription = bed.client.subscribe('news', (n: number) => seen.push(n));
    await bed.wait(subscription.ready);
    const sessions: { close(text: string): void }[] = [];
    bed.server.on('connect', ({ session }) => sessions.push(session));
    bed.line.cut();
    await bed.until(() => sessions.length === 1);
    sessions[0]!.close('Enough.');
    await bed.until(() => bed.client.status.phase === 'failed');
    const late = bed.client.subscribe('news', (n: number) => seen.push(n), { from: 'start' });
    expect(await bed.codeOf(late.ready)).toBe('ended-by-server');
    await bed.server.publish('news', 1);
    await bed.pass(600_000);
    expect(seen).toEqual([]);
    bed.client.reconnect();
    await bed.until(() => seen.length === 2);
  });
});
