import { describe, expect, it } from 'vitest';
import type { Gap } from '../../src/client/types.ts';
import { Bed } from './bed.ts';
import { Wire } from './wire.ts';

async function publishMany(bed: Bed, count: number, topic = 'news'): Promise<void> {
  for (let n = 1; n <= count; n++) await bed.server.publish(topic, n);
}

describe('where a subscription begins', () => {
  for (const [from, expected] of [
    ['now', []],
    ['start', [1, 2, 3, 4, 5]],
    [{ last: 2 }, [4, 5]],
  ] as const) {
    it(`[SUB-1] ${JSON.stringify(from)}`, async () => {
      const bed = await Bed.live();
      await publishMany(bed, 5);
      const seen: number[] = [];
      const subscription = bed.client.subscribe('news', (n: number) => seen.push(n), { from });
      await bed.wait(subscription.ready);
      await bed.pass(1_000);
      expect(seen).toEqual(expected);
      await bed.server.publish('news', 6);
      await bed.until(() => seen.at(-1) === 6);
      expect(seen).toEqual([...expected, 6]);
    });
  }

  it('[SUB-1] after a position', async () => {
    const bed = await Bed.live();
    await publishMany(bed, 2);
    const position = await bed.server.publish('news', 3);
    await bed.server.publish('news', 4);
    const seen: number[] = [];
    bed.client.subscribe('news', (n: number) => seen.push(n), { from: position });
    await bed.until(() => seen.length > 0);
    expect(seen).toEqual([4]);
  });

  it('[SUB-5] after a position of another epoch: a gap, and all that the log has', async () => {
    const bed = await Bed.live();
    await publishMany(bed, 2);
    const seen: number[] = [];
    const gaps: Gap[] = [];
    const foreign = { epoch: 7, offset: 99 };
    bed.client
      .subscribe('news', (n: number) => seen.push(n), { from: foreign })
      .on('gap', (gap) => gaps.push(gap));
    await bed.until(() => seen.length === 2);
    expect(gaps).toMatchObject([{ from: foreign, reason: 'epoch' }]);
  });

  it('[SUB-2] two subscriptions on one topic, from different starts, get each its own', async () => {
    const bed = await Bed.live();
    await publishMany(bed, 3);
    const [all, fresh]: number[][] = [[], []];
    bed.client.subscribe('news', (n: number) => all!.push(n), { from: 'start', name: 'all' });
    const second = bed.client.subscribe('news', (n: number) => fresh!.push(n), {
      from: 'now',
      name: 'fresh',
    });
    await bed.wait(second.ready);
    await bed.server.publish('news', 4);
    bed.line.cut();
    await bed.server.publish('news', 5);
    await bed.until(() => fresh!.length === 2 && all!.length === 5);
    expect([all, fresh]).toEqual([
      [1, 2, 3, 4, 5],
      [4, 5],
    ]);
  });
});

describe('handlers', () => {
  it('[SUB-6] run one at a time, asynchronous ones too', async () => {
    const bed = await Bed.live();
    const log: string[] = [];
    bed.client.subscribe(
      'news',
      async (n: number) => {
        log.push(`begin ${n}`);
        await new Promise<void>((resolve) => bed.process.clock.setTimer(resolve, 100));
        log.push(`end ${n}`);
      },
      { from: 'start' },
    );
    await publishMany(bed, 3);
    await bed.until(() => log.length === 6);
    expect(log).toEqual(['begin 1', 'end 1', 'begin 2', 'end 2', 'begin 3', 'end 3']);
  });

  it('[SUB-6] the position moves on when a handler has succeeded', async () => {
    const bed = await Bed.live();
    let release = (): void => {};
    const subscription = bed.client.subscribe(
      'news',
      () => new Promise<void>((resolve) => (release = resolve)),
      { from: 'start' },
    );
    const begin = await bed.wait(subscription.ready);
    const position = await bed.server.publish('news', 1);
    await bed.pass(1_000);
    expect(subscription.position).toEqual(begin);
    release();
    await bed.pass(1);
    expect(subscription.position).toEqual(position);
  });

  for (const [kind, fail] of [
    [
      'throws',
      () => {
        throw new Error('no');
      },
    ],
    ['rejects', () => Promise.reject(new Error('no'))],
  ] as const) {
    it(`[SUB-6] one that ${kind} is told by "error"; the next go on, and the position stays`, async () => {
      const bed = await Bed.live();
      const errors: unknown[] = [];
      const seen: number[] = [];
      const subscription = bed.client.subscribe(
        'news',
        (n: number) => {
          seen.push(n);
          return n === 2 ? fail() : undefined;
        },
        { from: 'start' },
      );
      subscription.on('error', (error) => errors.push(error));
      await publishMany(bed, 4);
      await bed.until(() => seen.length === 4);
      expect(errors).toEqual([new Error('no')]);
      expect(subscription.position?.offset).toBe(1);
    });
  }

  it('[SUB-6] a payload that can’t be decoded is a failure, not the end', async () => {
    const decode = (bytes: Uint8Array): unknown => JSON.parse(new TextDecoder().decode(bytes));
    const encode = (value: unknown): Uint8Array =>
      new TextEncoder().encode(value === 'broken' ? '{' : JSON.stringify(value));
    const codec = { encode, decode };
    const bed = await Bed.live({ codec });
    const [errors, seen]: unknown[][] = [[], []];
    const subscription = bed.client.subscribe('news', (data) => seen!.push(data), { from: 'start' });
    subscription.on('error', (error) => errors!.push(error));
    await bed.wait(bed.client.publish('news', 'broken'));
    await bed.wait(bed.client.publish('news', 'whole'));
    await bed.until(() => seen!.length === 1);
    expect(errors).toHaveLength(1);
    expect(seen).toEqual(['whole']);
  });

  it('[SUB-2] unsubscribing inside a handler ends delivery at once', async () => {
    const bed = await Bed.live();
    const seen: number[] = [];
    await publishMany(bed, 5);
    const subscription = bed.client.subscribe(
      'news',
      (n: number) => {
        seen.push(n);
        if (n === 2) subscription.unsubscribe();
      },
      { from: 'start' },
    );
    await bed.until(() => seen.length === 2);
    await publishMany(bed, 3);
    await bed.pass(60_000);
    expect(seen).toEqual([1, 2]);
    expect(bed.server.stats().topics).toBe(0);
  });

  it('[SUB-2] subscribing inside a handler works', async () => {
    const bed = await Bed.live();
    const inner: number[] = [];
    let opened = false;
    bed.client.subscribe(
      'news',
      () => {
        if (!opened)
          bed.client.subscribe('news', (n: number) => inner.push(n), { from: 'start', name: 'inner' });
        opened = true;
      },
      { from: 'start' },
    );
    await publishMany(bed, 3);
    await bed.until(() => inner.length === 3);
    expect(inner).toEqual([1, 2, 3]);
  });
});

describe('a subscriber that is slower than its topic', () => {
  it('[FLOW-5] is taken off the wire beyond its backlog, and gets everything, in order', async () => {
    const bed = await Bed.live({}, { topics: { news: { retention: { countMax: 10_000 } } } });
    const seen: number[] = [];
    let blocked = true;
    const gate = (): Promise<void> =>
      new Promise((resolve) => {
        const look = (): void => {
          if (blocked) bed.process.clock.setTimer(look, 100);
          else resolve();
        };
        look();
      });
    const subscription = bed.client.subscribe('news', (n: number) => {
      seen.push(n);
      return blocked ? gate() : undefined;
    });
    await bed.wait(subscription.ready);
    await publishMany(bed, 4_000);
    await bed.pass(5_000);
    expect(seen).toEqual([1]);
    // Nobody on this node follows the topic any more.
    expect(bed.server.stats().topics).toBe(0);
    blocked = false;
    await bed.until(() => seen.length === 4_000);
    expect(seen).toEqual(Array.from({ length: 4_000 }, (_, index) => index + 1));
    expect(bed.server.stats().topics).toBe(1);
  });

  it('[FLOW-5] stays off the wire over a reconnect, and other subscriptions go on', async () => {
    const bed = await Bed.live();
    let open = (): void => {};
    const slow: number[] = [];
    const quick: number[] = [];
    const first = bed.client.subscribe('news', (n: number) => {
      slow.push(n);
      return n === 1 ? new Promise<void>((resolve) => (open = resolve)) : undefined;
    });
    const second = bed.client.subscribe('news', (n: number) => quick.push(n), { name: 'quick' });
    await bed.wait(Promise.all([first.ready, second.ready]));
    await publishMany(bed, 2_000);
    await bed.until(() => quick.length === 2_000);
    bed.line.cut();
    await bed.server.publish('news', 2_001);
    await bed.until(() => quick.length === 2_001);
    expect(slow).toEqual([1]);
    open();
    await bed.until(() => slow.length === 2_001);
    expect(slow).toEqual(quick);
  });
});

describe('signals', () => {
  it('[SIG-1] go out on a connection that is being left', async () => {
    const wire = await Wire.live();
    wire.socket.say({ type: 'go-away', reconnectInMs: 60_000, reason: 'Moving.' });
    wire.client.signal('news', 1);
    await wire.turn();
    expect(wire.socket.records.map(({ type }) => type)).toContain('signal');
  });

  it('[SIG-1] reach live subscribers, the latest of a turn, and are not kept', async () => {
    const bed = await Bed.live();
    const heard: unknown[] = [];
    const subscription = bed.client.subscribe('news', () => {});
    subscription.on('signal', (signal) => heard.push(signal));
    await bed.wait(subscription.ready);
    const other = bed.another();
    await bed.until(() => other.status.phase === 'live');
    other.signal('news', 'first');
    other.signal('news', 'second');
    await bed.until(() => heard.length > 0);
    await bed.pass(10_000);
    expect(heard).toEqual(['second']);
    bed.line.cut();
    other.signal('news', 'while away');
    await bed.until(() => bed.client.status.phase === 'live');
    await bed.pass(10_000);
    expect(heard).toEqual(['second']);
  });

  it('[SIG-1] one that can’t be decoded is an error of its subscription', async () => {
    const codec = {
      encode: (): Uint8Array => new Uint8Array([123]),
      decode: (bytes: Uint8Array): unknown => JSON.parse(new TextDecoder().decode(bytes)),
    };
    const bed = await Bed.live({ codec });
    const errors: unknown[] = [];
    const subscription = bed.client.subscribe('news', () => {});
    subscription.on('error', (error) => errors.push(error));
    await bed.wait(subscription.ready);
    bed.client.signal('news', 1);
    await bed.until(() => errors.length === 1);
    expect(bed.client.status.phase).toBe('live');
  });
});

describe('a refused subscription', () => {
  it('[AUTH-2] rejects `ready`, is told by "error", and leaves the others alone', async () => {
    const bed = await Bed.live({}, { authorize: (_identity, _action, name) => name !== 'secret' });
    const errors: unknown[] = [];
    const open = bed.client.subscribe('open', () => {});
    const refused = bed.client.subscribe('secret', () => {});
    refused.on('error', (error) => errors.push(error));
    expect(await bed.codeOf(refused.ready)).toBe('not-authorized');
    expect(errors).toMatchObject([{ code: 'not-authorized' }]);
    expect(await bed.codeOf(open.ready)).toMatch(/^resolved/);
  });

  it('[ERR-1] unsubscribed before the answer: `ready` rejects with "unsubscribed"', async () => {
    const bed = await Bed.live();
    const subscription = bed.client.subscribe('news', () => {});
    subscription.unsubscribe();
    subscription.unsubscribe();
    expect(await bed.codeOf(subscription.ready)).toBe('unsubscribed');
  });

  it('[AUTH-4] a right that is withdrawn ends it with a gap', async () => {
    let allowed = true;
    const bed = await Bed.live({}, { authorize: () => allowed });
    const [gaps, errors, seen]: unknown[][] = [[], [], []];
    const subscription = bed.client.subscribe('news', (n) => seen!.push(n));
    subscription.on('gap', (gap) => gaps!.push(gap));
    subscription.on('error', (error) => errors!.push(error));
    let session: { reauthorize(): Promise<void> } | undefined;
    bed.server.on('connect', (event) => (session = event.session));
    bed.line.cut();
    await bed.until(() => session !== undefined);
    await bed.wait(subscription.ready);
    await bed.server.publish('news', 1);
    await bed.until(() => seen!.length === 1);
    allowed = false;
    await session!.reauthorize();
    await bed.until(() => errors!.length === 1);
    expect(gaps).toMatchObject([{ reason: 'not-authorized' }]);
    expect(errors).toMatchObject([{ code: 'not-authorized' }]);
    await bed.server.publish('news', 2);
    await bed.pass(60_000);
    expect(seen).toEqual([1]);
  });
});
