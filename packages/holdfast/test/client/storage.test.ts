import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Gap } from '../../src/client/types.ts';
import { memoryStorage } from './bed.ts';
import { Lives } from './lives.ts';
import { Wire } from './wire.ts';

afterEach(() => void vi.restoreAllMocks());

describe('the next life of a client with storage', () => {
  it('[SUB-6] begins where the handlers of the last one had got to', async () => {
    const bed = new Lives();
    const seen: number[] = [];
    bed.client.subscribe('news', (n: number) => (n <= 2 ? seen.push(n) : new Promise(() => {})), {
      from: 'start',
    });
    for (const n of [1, 2, 3, 4]) await bed.wait(bed.server.publish('news', n));
    await bed.until(() => seen.length === 2);
    bed.die();
    await bed.wait(bed.server.publish('news', 5));
    const later: number[] = [];
    const gaps: Gap[] = [];
    const client = bed.next();
    client
      .subscribe('news', (n: number) => later.push(n), { from: 'now' })
      .on('gap', (gap) => gaps.push(gap));
    await bed.until(() => later.length === 3);
    expect([later, gaps]).toEqual([[3, 4, 5], []]);
  });

  it('[SUB-6] begins before the first that failed', async () => {
    const bed = new Lives();
    const seen: number[] = [];
    const subscription = bed.client.subscribe(
      'news',
      async (n: number) => {
        seen.push(n);
        if (n === 2) throw new Error('not now');
      },
      { from: 'start' },
    );
    subscription.on('error', () => {});
    for (const n of [1, 2, 3]) await bed.wait(bed.server.publish('news', n));
    await bed.until(() => seen.length === 3);
    bed.die();
    const later: number[] = [];
    bed.next().subscribe('news', (n: number) => later.push(n));
    await bed.until(() => later.length === 2);
    expect(later).toEqual([2, 3]);
  });

  it('[SUB-6] keeps a position for each name, where one topic is read twice', async () => {
    const bed = new Lives();
    const [fast, slow]: number[][] = [[], []];
    bed.client.subscribe('news', (n: number) => fast!.push(n), { from: 'start', name: 'fast' });
    bed.client.subscribe(
      'news',
      (n: number) => {
        slow!.push(n);
        return n === 2 ? new Promise(() => {}) : undefined;
      },
      { from: 'start', name: 'slow' },
    );
    for (const n of [1, 2, 3]) await bed.wait(bed.server.publish('news', n));
    await bed.until(() => fast!.length === 3 && slow!.length === 2);
    bed.die();
    const later: string[] = [];
    const client = bed.next();
    client.subscribe('news', (n: number) => later.push(`fast ${n}`), { name: 'fast' });
    client.subscribe('news', (n: number) => later.push(`slow ${n}`), { name: 'slow' });
    await bed.wait(bed.server.publish('news', 4));
    await bed.until(() => later.length === 4);
    expect(later.toSorted()).toEqual(['fast 4', 'slow 2', 'slow 3', 'slow 4']);
  });

  it('[SUB-9] begins at its start where the name is empty, and keeps nothing of it', async () => {
    const bed = new Lives();
    const lives: number[][] = [];
    for (const n of [1, 2, 3]) await bed.wait(bed.server.publish('news', n));
    for (const client of [bed.client, bed.next()]) {
      const seen: number[] = [];
      client.subscribe('news', (n: number) => seen.push(n), { from: { last: 2 }, name: '' });
      await bed.until(() => seen.length === 2);
      lives.push(seen);
    }
    expect(lives).toEqual([
      [2, 3],
      [2, 3],
    ]);
    const { positions } = JSON.parse(bed.storage.getItem('me')!) as { positions: object };
    expect(positions).toEqual({});
  });

  it('[SUB-6] may read topics whose names every object knows', async () => {
    const bed = new Lives();
    const topics = ['constructor', '__proto__', 'toString'];
    const seen: string[] = [];
    for (const topic of topics) {
      await bed.wait(bed.client.subscribe(topic, (n: number) => seen.push(`${topic} ${n}`)).ready);
      await bed.wait(bed.server.publish(topic, 1));
    }
    await bed.until(() => seen.length === 3);
    bed.die();
    for (const topic of topics) await bed.wait(bed.server.publish(topic, 2));
    const client = bed.next();
    for (const topic of topics) client.subscribe(topic, (n: number) => seen.push(`${topic} ${n}`));
    await bed.until(() => seen.length === 6);
    expect(seen.slice(3).toSorted()).toEqual(topics.map((topic) => `${topic} 2`).toSorted());
  });

  it('[SUB-6] keeps a bounded number of positions, and those that are still read', async () => {
    const bed = new Lives();
    const read = async (topic: string): Promise<void> => {
      const subscription = bed.client.subscribe(topic, () => {}, { from: 'start' });
      await bed.wait(bed.server.publish(topic, 1));
      await bed.until(() => subscription.position?.offset === 1);
      if (topic !== 'home') subscription.unsubscribe();
    };
    await read('home');
    for (let n = 0; n <= 1_000; n++) await read(`document/${n}`);
    await bed.wait(bed.server.publish('home', 2));
    await bed.pass(1_000);
    const { positions } = JSON.parse(bed.storage.items.get('me')!) as { positions: Record<string, unknown> };
    expect(Object.keys(positions)).toHaveLength(1_000);
    expect(Object.keys(positions)).toEqual(expect.arrayContaining(['home', 'document/1000']));
  });

  it('[PUB-4] sends what waited in the outbox, once and in order, and resumes the session', async () => {
    const bed = new Lives();
    await bed.until(() => bed.client.status.phase === 'live');
    await bed.wait(bed.client.publish('news', 1));
    bed.line.blackHole();
    void bed.client.publish('news', 2);
    void bed.client.publish('news', 3);
    await bed.pass(1);
    bed.die();
    const seen: number[] = [];
    let resumed: boolean | undefined;
    bed.server.on('connect', (event) => (resumed = event.resumed));
    const client = bed.next();
    client.subscribe('news', (n: number) => seen.push(n), { from: 'start' });
    await bed.until(() => seen.length === 3);
    await bed.pass(10_000);
    expect(seen).toEqual([1, 2, 3]);
    expect(resumed).toBe(true);
    expect(client.status).toMatchObject({ queued: 0, unacknowledged: 0 });
    await bed.wait(client.publish('news', 4));
    await bed.until(() => seen.length === 4);
  });

  it('[PUB-3] does not send twice what was appended in the last one and not acknowledged', async () => {
    const bed = new Lives();
    await bed.until(() => bed.client.status.phase === 'live');
    bed.line.down.block();
    void bed.client.publish('news', 1);
    await bed.pass(100);
    expect(bed.server.stats().published).toBe(1);
    bed.die();
    const client = bed.next();
    await bed.until(() => client.status.phase === 'live' && client.status.unacknowledged === 0);
    expect((await bed.wait(bed.server.topic('news').top())).offset).toBe(1);
  });

  it('[PUB-2] has stored a publish before it is sent', async () => {
    const storage = memoryStorage();
    const wire = await Wire.live({ storage, storageKey: 'me' });
    let storedAtSend: string | undefined;
    const { send } = wire.socket;
    wire.socket.send = (data) => {
      storedAtSend = storage.getItem('me:outbox') ?? undefined;
      send.call(wire.socket, data);
    };
    void wire.client.publish('news', 'kept');
    await wire.turn();
    expect(JSON.parse(storedAtSend!)).toEqual([[1, 'news', btoa('"kept"')]]);
    expect(JSON.parse(storage.getItem('me')!)).toMatchObject({ sequence: 1, sent: 1 });
  });

  for (const [what, items] of [
    ['no JSON', { me: '{', 'me:outbox': 'x' }],
    ['JSON of nothing', { me: 'null', 'me:outbox': 'null' }],
    ['an empty object', { me: '{}', 'me:outbox': '[]' }],
    ['an outbox of something else', { me: '{"token":""}', 'me:outbox': '[1,[2]]' }],
    ['payloads of something else', { me: '{"token":""}', 'me:outbox': '[[1,"news","?"]]' }],
    ['a token of something else', { me: '{"token":7}', 'me:outbox': '[]' }],
  ] as const) {
    it(`[PUB-4] begins anew when the storage holds ${what}`, async () => {
      const bed = new Lives(memoryStorage(new Map(Object.entries(items))));
      await bed.until(() => bed.client.status.phase === 'live');
      await bed.wait(bed.client.publish('news', 1));
    });
  }

  it('[RES-3] numbers its connections higher, even if the last one was never welcomed', async () => {
    const storage = memoryStorage();
    const numbers: number[] = [];
    for (let life = 1; life <= 3; life++) {
      const wire = new Wire({ storage, storageKey: 'me' });
      await wire.turn();
      wire.socket.open();
      await wire.turn();
      const [hello] = wire.socket.records;
      if (hello?.type === 'hello') numbers.push(hello.connection);
    }
    expect(numbers).toEqual([...new Set(numbers)].toSorted((a, b) => a - b));
    expect(numbers).toHaveLength(3);
  });

  it('[PUB-4] keeps what it can when the outbox finds no room', async () => {
    vi.spyOn(console, 'error').mockImplementation(() => {});
    const storage = memoryStorage();
    const { setItem } = storage;
    storage.setItem = (key, value) => {
      if (key === 'me:outbox') throw new Error('QuotaExceededError');
      setItem(key, value);
    };
    const wire = await Wire.live({ storage, storageKey: 'me' });
    void wire.client.publish('news', 1);
    await wire.turn();
    expect(JSON.parse(storage.getItem('me')!)).toMatchObject({ sequence: 1, sent: 1 });
  });

  it('[PUB-4] keeps it under the first address, or under a name that no build changes', async () => {
    const keys: string[] = [];
    for (const endpoints of [['ws://a/', 'ws://b/'], () => 'ws://a/']) {
      const storage = memoryStorage();
      const wire = new Wire({ storage }, endpoints);
      await wire.welcome();
      keys.push(...storage.items.keys());
    }
    expect(keys).toEqual(['holdfast:ws://a/', 'holdfast:']);
  });

  it('[LIVE-7] remembers what paths bear, those too that one life does not take; what was asked for it does not', async () => {
    const kept = { 'ws://elsewhere/ ': { ms: 12_000 } };
    const storage = memoryStorage(new Map([['me', JSON.stringify({ intervals: kept })]]));
    const wire = await Wire.live({ storage, storageKey: 'me', heartbeat: { intervalMs: 50_000 } });
    const { intervals } = JSON.parse(storage.getItem('me')!) as { intervals: object };
    expect(intervals).toEqual({ ...kept, 'ws://there/ ': {} });
    expect(wire.socket.records).toContainEqual({ type: 'heartbeat', intervalMs: 50_000 });
  });

  it('[LIVE-7] remembers, with "battery", that a path bears no more', async () => {
    const storage = memoryStorage();
    const cause = {
      type: 'cause',
      id: 'idle-cut-by-intermediary',
      confidence: 90,
      text: '',
      fix: '',
    } as const;
    const asked: unknown[] = [];
    for (let life = 0; life < 2; life++) {
      const wire = new Wire({ storage, heartbeat: 'battery' });
      for (let time = 0; time < 2 - life; time++) {
        await wire.welcome();
        await wire.clock.advance(life === 0 ? 20_000 : 16_000);
        wire.socket.hangUp();
        await wire.clock.advance(1);
        await wire.welcome();
        wire.socket.say(cause);
        await wire.turn();
      }
      for (let beat = 0; beat < 10; beat++) {
        await wire.clock.advance(16_000);
        wire.socket.say({ type: 'ping', id: 0, tops: [] });
      }
      asked.push(...wire.socket.records.filter(({ type }) => type === 'heartbeat'));
      await wire.client.close();
    }
    expect(asked).toEqual([
      { type: 'heartbeat', intervalMs: 16_000 },
      { type: 'heartbeat', intervalMs: 16_000 },
    ]);
  });

  it('[LIVE-7] asks for what the address bears that it reached, not for that of the first it tried', async () => {
    const intervals = { 'ws://dead/ ': { ms: 12_000 }, 'ws://alive/ ': { ms: 18_000 } };
    const storage = memoryStorage(new Map([['me', JSON.stringify({ intervals })]]));
    const wire = new Wire({ storage, storageKey: 'me' }, ['ws://dead/', 'ws://alive/']);
    await wire.turn();
    wire.socket.hangUp();
    await wire.welcome();
    const asked = wire.sockets.map(({ url, records }) => [
      url,
      records.filter(({ type }) => type === 'heartbeat'),
    ]);
    expect(asked).toEqual([
      ['ws://dead/', []],
      ['ws://alive/', [{ type: 'heartbeat', intervalMs: 18_000 }]],
    ]);
  });

  it.each([null, 12_000, 'ages'])(
    '[LIVE-7] learns anew where the storage holds %j of a path',
    async (kept) => {
      const intervals = { 'ws://there/ ': kept };
      const wire = await Wire.live({
        storage: memoryStorage(new Map([['me', JSON.stringify({ intervals })]])),
        storageKey: 'me',
      });
      expect(wire.socket.records.map(({ type }) => type)).toEqual(['hello']);
    },
  );

  it('[LIVE-7] remembers so of a bounded number, though each attempt has another address', async () => {
    let count = 0;
    const storage = memoryStorage();
    const wire = new Wire({ storage, heartbeat: 'battery' }, () => `ws://there/${++count}`);
    for (let n = 0; n < 40; n++) {
      await wire.welcome();
      for (let beat = 0; beat < 5; beat++) {
        await wire.clock.advance(24_000);
        wire.socket.say({ type: 'ping', id: 0, tops: [] });
      }
      wire.socket.hangUp();
      await wire.clock.advance(1);
    }
    const { intervals } = JSON.parse(storage.getItem('holdfast:')!) as { intervals: object };
    expect(Object.keys(intervals)).toHaveLength(32);
  });

  it('[PUB-4] goes on when the storage is full, and says once that a reload would lose the outbox', async () => {
    const said = vi.spyOn(console, 'error').mockImplementation(() => {});
    const storage = memoryStorage();
    storage.setItem = () => {
      throw new Error('QuotaExceededError');
    };
    const bed = new Lives(storage);
    for (const n of [1, 2]) await bed.wait(bed.client.publish('news', n));
    expect(said.mock.calls.map(([text]) => text as string)).toEqual([expect.stringContaining('storage')]);
  });
});
