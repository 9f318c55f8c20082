import { describe, expect, it } from 'vitest';
import { ALIAS, reads, sent, ServerHand } from './server-hand.ts';

const types = (effects: readonly { type: string }[]): string[] => effects.map(({ type }) => type);

describe('a cursor', () => {
  it('[SUB-1] is told where it begins, and joins the live ones when it stands there', () => {
    const effects = ServerHand.live().open(1, 30, 30);
    expect(types(effects)).toEqual(['send', 'join']);
    expect(sent(effects)).toEqual([
      { type: 'subscribed', subscription: 1, alias: ALIAS, epoch: 1, offset: 30 },
    ]);
  });

  it('[FLOW-2] that is behind reads page by page, and joins the live ones where they stand', () => {
    const hand = ServerHand.live();
    expect(reads(hand.open(1, 0, 5))).toEqual([1]);
    const cursor = hand.cursor(1);
    const first = hand.page(cursor, 3, 6);
    expect(sent(first)).toMatchObject([{ type: 'messages', alias: ALIAS, epoch: 1, previous: 0 }]);
    expect(reads(first)).toEqual([1]);
    expect(types(hand.page(cursor, 3, 6))).toEqual(['send', 'join']);
    expect(cursor.state).toBe('live');
  });

  it('[FLOW-2] holds a position and nothing else while its socket is full', () => {
    const hand = ServerHand.live();
    hand.session.cursors.writable = false;
    expect(reads(hand.open(1, 0, 1_000_000))).toEqual([]);
    expect(hand.cursor(1)).toMatchObject({ state: 'behind', position: { epoch: 1, offset: 0 } });
    hand.session.cursors.writable = true;
    expect(reads(hand.do((session, nowMs) => session.handleDrain(nowMs)))).toEqual([1]);
  });

  it('[FLOW-1] that a full socket left behind goes on from where it was', () => {
    const hand = ServerHand.live();
    hand.open(1, 30, 30);
    const cursor = hand.cursor(1);
    hand.session.cursors.writable = false;
    expect(hand.do(({ cursors }) => cursors.lag(cursor, { epoch: 1, offset: 34 }))).toEqual([]);
    hand.session.cursors.writable = true;
    expect(reads(hand.do((session, nowMs) => session.handleDrain(nowMs)))).toEqual([1]);
    expect(sent(hand.page(cursor, 2, 36))).toMatchObject([{ type: 'messages', previous: 34 }]);
  });

  it('[SUB-4] tells a gap from where it stands to where delivery goes on', () => {
    const hand = ServerHand.live();
    hand.open(1, 10, 50);
    const effects = hand.do(({ cursors }) =>
      cursors.takePage(hand.cursor(1), {
        gap: { to: { epoch: 2, offset: 7 }, reason: 'epoch' },
        epoch: 2,
        previous: 7,
        entries: [],
        alias: ALIAS,
        liveFrom: { epoch: 2, offset: 7 },
      }),
    );
    expect(sent(effects)).toEqual([
      {
        type: 'gap',
        subscription: 1,
        fromEpoch: 1,
        fromOffset: 10,
        toEpoch: 2,
        toOffset: 7,
        reason: 'epoch',
      },
    ]);
    expect(hand.cursor(1).state).toBe('live');
  });

  it('[SUB-5] beyond the top asks the log, and does not join', () => {
    const effects = ServerHand.live().open(1, 90, 30);
    expect(types(effects)).toEqual(['send', 'read']);
  });

  it('[SUB-1] that ended while it was opened, or read for, is not answered any more', () => {
    const hand = ServerHand.live();
    const ask = { topic: 'news', from: 'now', epoch: 0, offset: 0 } as const;
    const [open] = hand.say({ type: 'subscribe', subscription: 1, ...ask });
    if (open?.type !== 'open') throw new Error('It was not opened.');
    expect(types(hand.say({ type: 'unsubscribe', subscription: 1 }))).toEqual(['shut']);
    const start = { epoch: 1, offset: 0 };
    expect(hand.do(({ cursors }) => cursors.opened(open.cursor, ALIAS, start, start))).toEqual([]);

    hand.open(2, 0, 9);
    const reading = hand.cursor(2);
    hand.say({ type: 'unsubscribe', subscription: 2 });
    expect(sent(hand.page(reading, 3, 9))).toEqual([]);
  });

  it('[AUTH-4] whose right was withdrawn ends with a gap where it stands', () => {
    const hand = ServerHand.live();
    hand.open(1, 30, 30);
    const cursor = hand.cursor(1);
    const effects = hand.do(({ cursors }) => cursors.revoke(cursor, { epoch: 1, offset: 33 }));
    expect(sent(effects)).toMatchObject([
      { type: 'gap', subscription: 1, toEpoch: 1, toOffset: 33, reason: 'not-authorized' },
      { type: 'failed', operation: 'subscribe', id: 1, code: 'not-authorized' },
    ]);
    expect(types(effects)).toContain('leave');
    expect(hand.session.cursors.all.size).toBe(0);
  });

  it('[ERR-1] needs a number that is free, and room', () => {
    const hand = ServerHand.live({ subscriptionsMax: 2 });
    hand.open(1, 0, 0);
    const ask = { topic: 'news', from: 'now', epoch: 0, offset: 0 } as const;
    expect(sent(hand.say({ type: 'subscribe', subscription: 1, ...ask }))).toMatchObject([
      { type: 'failed', id: 1, code: 'already-subscribed' },
    ]);
    hand.open(2, 0, 0);
    expect(sent(hand.say({ type: 'subscribe', subscription: 3, ...ask }))).toMatchObject([
      { type: 'failed', id: 3, code: 'too-many-subscriptions' },
    ]);
    hand.say({ type: 'unsubscribe', subscription: 2 });
    expect(types(hand.say({ type: 'subscribe', subscription: 3, ...ask }))).toEqual(['open']);
  });

  it('[FLOW-1] leaves the live ones when its connection ends', () => {
    const hand = ServerHand.live();
    hand.open(1, 30, 30);
    hand.open(2, 0, 30);
    expect(types(hand.do((session) => session.disconnected()))).toEqual(['leave', 'shut', 'shut']);
  });
});

describe('cursors of one connection', () => {
  it('[FLOW-3] take turns: a long replay does not starve the others', () => {
    const hand = ServerHand.live({ readsMax: 1 });
    for (const subscription of [1, 2, 3]) hand.open(subscription, 0, 1_000);
    const turns: number[] = [1];
    for (let i = 0; i < 8; i++) turns.push(...reads(hand.page(hand.cursor(turns.at(-1)!), 10, 1_000)));
    // The first was served before there were others.
    expect(turns).toEqual([1, 1, 2, 3, 1, 2, 3, 1, 2]);
  });

  it('[FLOW-3] read at most readsMax pages at a time', () => {
    const hand = ServerHand.live({ readsMax: 4 });
    const started = Array.from({ length: 10 }, (_, index) => reads(hand.open(index + 1, 0, 1_000))).flat();
    expect(started).toEqual([1, 2, 3, 4]);
    expect(reads(hand.page(hand.cursor(2), 10, 1_000))).toHaveLength(1);
    // A cursor that ended makes room when its page comes, too.
    const reading = hand.cursor(3);
    expect(reads(hand.say({ type: 'unsubscribe', subscription: 3 }))).toEqual([]);
    expect(reads(hand.page(reading, 10, 1_000))).toHaveLength(1);
  });

  it('[FLOW-3] read no more than a page while it waits to leave', () => {
    const hand = ServerHand.live({ readsMax: 2, pageBytesMax: 60 });
    for (const subscription of [1, 2]) hand.open(subscription, 0, 1_000);
    expect(reads(hand.page(hand.cursor(1), 10, 1_000)), 'ten messages of one byte').toEqual([1]);
    expect(reads(hand.page(hand.cursor(2), 10, 1_000)), 'two pages wait').toEqual([]);
    expect(reads(hand.page(hand.cursor(1), 10, 1_000))).toEqual([]);
    expect(reads(hand.do((session) => session.handleFlushed()))).toEqual([2, 1]);
    expect(reads(hand.do((session) => session.handleFlushed()))).toEqual([]);
  });
});
