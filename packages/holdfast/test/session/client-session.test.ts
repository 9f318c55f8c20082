import { describe, expect, it } from 'vitest';
import { closeCodes } from '../../src/protocol/close-codes.ts';
import type { WireRecord } from '../../src/protocol/schema.ts';
import { ClientHand, sent } from './client-hand.ts';

const types = (records: readonly WireRecord[]): string[] => records.map(({ type }) => type);

/** Records other than signs of life, and what is told of the last connection. */
function work(records: readonly WireRecord[]): WireRecord[] {
  return records.filter(({ type }) => type !== 'ping' && type !== 'pong' && type !== 'flight');
}

/** Why publishes and requests failed. */
function codes(effects: ReturnType<ClientHand['do']>): string[] {
  return effects.flatMap((effect) => (effect.type === 'failed' ? [effect.code] : []));
}

describe('a new connection', () => {
  it('[HELLO-2] begins with the hello, and everything else follows it without waiting', () => {
    const hand = new ClientHand();
    hand.connect();
    hand.subscribe();
    hand.publish();
    hand.request();
    expect(types(work(sent(hand.open(1, 'secret'))))).toEqual(['hello', 'subscribe', 'publish', 'request']);
  });

  it('[RES-4] says what earlier connections may have sent, by node and numbers', () => {
    const hand = ClientHand.live();
    hand.publish('a');
    hand.publish('b');
    hand.request('c');
    hand.lose(1);
    const { link } = hand.untilDial();
    const records = work(sent(hand.open(link, 'secret')));
    expect(records[0]).toEqual({
      type: 'hello',
      connection: 2,
      resumeToken: 'resume-token',
      token: 'secret',
      node: 'node-1',
      sequenceSent: 2,
      requestSent: 1,
    });
    expect(types(records)).toEqual(['hello', 'publish', 'publish', 'request']);
  });

  for (const [code, requestSent] of [
    [4_006, 0],
    [4_999, 1],
    [1_006, 1],
  ] as const) {
    it(`[RES-4] after ${code} instead of a welcome, request ${requestSent} is the last that may have been done`, () => {
      const hand = new ClientHand();
      hand.connect();
      hand.request();
      hand.open(1);
      hand.lose(1, code);
      expect(sent(hand.open(hand.untilDial().link))[0]).toMatchObject({ type: 'hello', requestSent });
    });
  }

  it('[PUB-2] retries what is unanswered first and in order, then what is new', () => {
    const hand = ClientHand.live();
    hand.publish('a');
    hand.publish('b');
    hand.say(1, { type: 'published', sequence: 1, epoch: 1, offset: 1 });
    hand.lose(1);
    hand.publish('c');
    const { link } = hand.untilDial();
    const sequences = work(sent(hand.open(link))).flatMap((record) =>
      record.type === 'publish' ? [record.sequence] : [],
    );
    expect(sequences).toEqual([2, 3]);
  });

  it('[RES-4] that lost the session, and had but the hello, is not sent what may have been done before', () => {
    const hand = ClientHand.live();
    const [maybe, call] = [hand.publish('maybe done'), hand.request('maybe run')];
    hand.connect();
    hand.open(2);
    const fresh = hand.publish('never sent');
    const effects = hand.welcome(2, { resumed: false });
    expect(codes(effects)).toEqual(['outcome-unknown', 'outcome-unknown']);
    expect(effects).toContainEqual(expect.objectContaining({ type: 'failed', item: maybe }));
    expect(effects).toContainEqual(expect.objectContaining({ type: 'failed', item: call }));
    expect(work(sent(effects))).toMatchObject([{ type: 'publish', sequence: fresh.id }]);
  });

  it('[REQ-5] a request that was never sent waits for the welcome, once a node is known', () => {
    const hand = ClientHand.live();
    hand.request('sent before');
    hand.lose(1);
    hand.request('never sent');
    const { link } = hand.untilDial();
    const requests = (records: WireRecord[]): number[] =>
      records.flatMap((record) => (record.type === 'request' ? [record.request] : []));
    expect(requests(sent(hand.open(link)))).toEqual([1]);
    expect(requests(sent(hand.welcome(link, { node: 'node-2' })))).toEqual([2]);
  });

  it('[RES-3] is numbered above all before it, also those of earlier lives', () => {
    const restored = {
      resumeToken: 'kept',
      node: 'node-1',
      sequence: 7,
      sequenceSent: 6,
      firstNumber: 2 ** 32,
      publishes: [{ id: 7, name: 'news', payload: new Uint8Array(1) }],
    };
    const hand = new ClientHand({ restored });
    hand.connect();
    const first = 2 ** 32 + 1;
    const [hello, publish] = sent(hand.open(first));
    expect(hello).toMatchObject({
      connection: 2 ** 32 + 1,
      resumeToken: 'kept',
      sequenceSent: 6,
      requestSent: 2 ** 32,
    });
    expect(publish).toMatchObject({ type: 'publish', sequence: 7 });
    hand.welcome(first);
    // Further on by chance, so that another life of the same copy gives other numbers (SPEC PUB-2).
    expect(hand.publish().id).toBe(8 + 2 ** 31);
    expect(hand.request().id).toBe(2 ** 32 + 1);
  });
});

describe('the window', () => {
  it('[FLOW-4] is sixteen until the welcome says how wide it is', () => {
    const hand = new ClientHand();
    hand.connect();
    for (let i = 0; i < 50; i++) hand.publish();
    expect(work(sent(hand.open(1)))).toHaveLength(1 + 16);
    expect(work(sent(hand.welcome(1, { window: 20 })))).toHaveLength(4);
    expect(work(sent(hand.say(1, { type: 'published', sequence: 1, epoch: 1, offset: 1 })))).toHaveLength(1);
  });

  it('[FLOW-4] is each connection’s own: what is unanswered fills it anew', () => {
    const hand = ClientHand.live();
    for (let i = 0; i < 40; i++) hand.publish();
    hand.connect();
    hand.open(2);
    expect(work(sent(hand.welcome(2, { resumed: true })))).toHaveLength(32);
    const answer = { type: 'published', sequence: 1, epoch: 1, offset: 1 } as const;
    expect(work(sent(hand.say(2, answer)))).toMatchObject([{ type: 'publish', sequence: 33 }]);
  });

  it('[FLOW-4] is filled by a request that nobody waits for any more, until its answer comes', () => {
    const hand = ClientHand.live();
    const first = hand.request();
    for (let i = 1; i < 32; i++) hand.request();
    hand.do(({ request }) => request.remove(first.id));
    const next = hand.request('next');
    const reply = { type: 'reply', request: first.id, payload: new Uint8Array() } as const;
    expect(work(sent(hand.say(1, reply)))).toMatchObject([{ type: 'request', request: next.id }]);
  });
});

describe('a message that is too big', () => {
  const big = 'x'.repeat(20_000);

  it('[HELLO-4] one of an earlier life waits until the limit is known, and goes out where it is higher', () => {
    const bytes = new Uint8Array(2_000_000);
    for (const [messageBytesMax, expected] of [
      [4_000_000, []],
      [1_048_576, ['too-big']],
    ] as const) {
      const hand = new ClientHand({
        restored: {
          resumeToken: 'resume-token',
          node: 'node-1',
          sequence: 1,
          sequenceSent: 0,
          firstNumber: 1_000,
          publishes: [{ id: 1, name: 'news', payload: bytes }],
        },
      });
      hand.connect();
      expect(types(work(sent(hand.open(1_001))))).toEqual(['hello']);
      const effects = hand.welcome(1_001, { messageBytesMax, resumed: true });
      expect(codes(effects)).toEqual(expected);
      expect(types(work(sent(effects)))).toEqual(expected.length > 0 ? [] : ['publish']);
    }
  });

  it('[HELLO-4] fails by itself once the limit is known', () => {
    const hand = ClientHand.live();
    const item = { id: 0, name: 'news', payload: new TextEncoder().encode(big), caller: 'me' };
    const effects = hand.do((session, nowMs) => session.add('publish', item, nowMs));
    expect(work(sent(effects))).toEqual([]);
    expect(codes(effects)).toEqual(['too-big']);
  });

  it('[HELLO-4] after a close for it, only the hello is sent until the welcome; then it fails, without a loop', () => {
    const hand = new ClientHand();
    hand.connect();
    hand.publish(big);
    hand.publish('small');
    hand.subscribe();
    hand.open(1);
    hand.lose(1, closeCodes['too-big'].code);
    const { link } = hand.untilDial();
    expect(types(work(sent(hand.open(link))))).toEqual(['hello']);
    const meanwhile = hand.publish('meanwhile');
    const effects = hand.welcome(link, { messageBytesMax: 10_000 });
    expect(types(work(sent(effects)))).toEqual(['subscribe', 'publish']);
    expect(work(sent(effects))[1]).toMatchObject({ sequence: meanwhile.id });
    // What was small went out before, to a session that is lost.
    expect(codes(effects).toSorted()).toEqual(['outcome-unknown', 'too-big']);
    // Cautious once: the next connection is quick again.
    hand.lose(link);
    const next = hand.untilDial().link;
    expect(types(work(sent(hand.open(next))))).toEqual(['hello', 'subscribe', 'publish']);
  });

  it('[FLOW-4] takes no place in the window', () => {
    const hand = new ClientHand();
    hand.connect();
    for (let i = 0; i < 40; i++) hand.publish(big);
    hand.publish('small');
    hand.open(1);
    hand.lose(1, closeCodes['too-big'].code);
    const { link } = hand.untilDial();
    hand.open(link);
    const effects = hand.welcome(link);
    expect(codes(effects)).toEqual(Array.from({ length: 40 }, () => 'too-big'));
    expect(work(sent(effects))).toMatchObject([{ type: 'publish', sequence: 41 }]);
  });
});

describe('answers', () => {
  it('[PUB-1] are matched by their number, and taken once', () => {
    const hand = ClientHand.live();
    const [first, second] = [hand.publish('first'), hand.publish('second')];
    const answer = { type: 'published', sequence: second.id, epoch: 3, offset: 9 } as const;
    expect(hand.say(1, answer)).toContainEqual({
      type: 'answered',
      item: second,
      answer: { epoch: 3, offset: 9 },
    });
    expect(hand.say(1, answer)).toEqual([]);
    expect(hand.session.publish.size).toBe(1);
    expect(first.id).toBe(1);
  });

  it('[REQ-3] are confirmed with the next request and with the heartbeat', () => {
    const hand = ClientHand.live();
    const first = hand.request();
    expect(sent(hand.say(1, { type: 'ping', id: 0, tops: [] }))).toMatchObject([{ finished: first.id }]);
    hand.say(1, { type: 'reply', request: first.id, payload: new Uint8Array() });
    expect(sent(hand.say(1, { type: 'ping', id: 0, tops: [] }))).toMatchObject([{ finished: first.id + 1 }]);
    const item = { id: 0, name: 'sum', payload: new Uint8Array(1) };
    expect(work(sent(hand.do((session, nowMs) => session.add('request', item, nowMs))))).toMatchObject([
      { finished: first.id + 1 },
    ]);
  });

  it('[SIG-1] a signal is sent while live, and otherwise dropped', () => {
    const hand = ClientHand.live();
    const signal = (): WireRecord[] => sent(hand.do((session) => session.signal('news', new Uint8Array(1))));
    expect(types(signal())).toEqual(['signal']);
    hand.lose(1);
    expect(signal()).toEqual([]);
    const { link } = hand.untilDial();
    expect(types(work(sent(hand.open(link))))).toEqual(['hello']);
  });
});
