import { describe, expect, it } from 'vitest';
import type { WireRecord } from '../../src/protocol/schema.ts';
import { GRACE_MS, HEARTBEAT_MS, hello, publish, request, sent, ServerHand } from './server-hand.ts';

const types = (effects: readonly { type: string }[]): string[] => effects.map(({ type }) => type);

describe('a connection before its welcome', () => {
  it('[HELLO-1] is closed when its first record is no hello', () => {
    const hand = new ServerHand();
    expect(hand.say(publish(1))).toMatchObject([{ type: 'close', name: 'protocol-error' }]);
    expect(hand.say(hello())).toEqual([]);
  });

  it('[HELLO-1] is closed when no hello comes in time, and not before', () => {
    const hand = new ServerHand({ helloTimeoutMs: 10_000 });
    expect(hand.pass(9_999)).toEqual([]);
    expect(hand.pass(1)).toMatchObject([{ type: 'close', name: 'hello-timeout' }]);
    expect(hand.session.nextDeadlineMs()).toBe(Infinity);
  });

  it('[HELLO-2] keeps what follows the hello until it has been authenticated, then does it in order', () => {
    const hand = new ServerHand();
    expect(types(hand.say(hello(), publish(1), request(1)))).toEqual(['greet']);
    expect(hand.say(publish(2))).toEqual([]);
    const effects = hand.greet();
    expect(types(effects)).toEqual(['send', 'welcomed', 'append', 'call', 'append']);
    expect(sent(effects)[0]).toMatchObject({ type: 'welcome' });
  });

  it('[HELLO-2] does nothing of it when it is refused', () => {
    const hand = new ServerHand();
    hand.say(hello(), publish(1));
    expect(types(hand.do((session) => session.close('unauthorized', 'No.')))).toEqual(['close']);
    expect(hand.greet()).toEqual([]);
  });

  it('[HELLO-4] is told the limits that bind the client', () => {
    const hand = new ServerHand({ messageBytesMax: 2_000_000, windowMax: 99 });
    hand.say(hello());
    expect(sent(hand.greet())[0]).toEqual({
      type: 'welcome',
      session: 'me',
      resumeToken: 'token',
      resumed: false,
      node: 'node-1',
      heartbeatMs: HEARTBEAT_MS,
      graceMs: GRACE_MS,
      messageBytesMax: 2_000_000,
      window: 99,
      returnWindowMs: 70,
      returnPlace: 7,
    });
  });

  it('[ADM-3, DRAIN-1] hears that it is to move behind its welcome, and not before', () => {
    const hand = new ServerHand();
    hand.say(hello(), publish(1));
    expect(hand.do((session) => session.goAway(700, 'The server is being drained.'))).toEqual([]);
    expect(sent(hand.greet()).map(({ type }) => type)).toEqual(['welcome', 'go-away']);
  });

  it('[HELLO-1] a second hello closes it', () => {
    const hand = ServerHand.live();
    expect(hand.say(hello())).toMatchObject([{ type: 'close', name: 'protocol-error' }]);
  });
});

describe('what an earlier connection may have sent', () => {
  const UNKNOWN = 'outcome-unknown';
  const cases = [
    { unknown: 'nothing', through: { sequence: 0, request: 0 }, publishes: 'append', requests: 'call' },
    { unknown: 'requests', through: { sequence: 0, request: 3 }, publishes: 'append', requests: UNKNOWN },
    { unknown: 'all', through: { sequence: 5, request: 3 }, publishes: UNKNOWN, requests: UNKNOWN },
  ];
  for (const { unknown, through, publishes, requests } of cases) {
    const title = `when the outcome of ${unknown} can’t be known`;
    it(`[RES-4] ${title}: publish: ${publishes}, request: ${requests}`, () => {
      const hand = new ServerHand();
      hand.say(hello({ node: 'node-0', sequenceSent: 5, requestSent: 3 }));
      hand.greet(true, through);
      const outcomes = (record: WireRecord): string[] =>
        hand
          .say(record)
          .map((effect) =>
            effect.type === 'send' && effect.record.type === 'failed' ? effect.record.code : effect.type,
          );
      expect(outcomes(publish(5))).toEqual([publishes]);
      expect(outcomes(request(3))).toEqual([requests]);
      // What was never sent is carried out in any case.
      expect(outcomes(publish(6))).toEqual(['append']);
      expect(outcomes(request(4))).toEqual(['call']);
    });
  }
});

describe('the window', () => {
  it('[FLOW-4] fails publishes beyond it, and has room again with each answer', () => {
    const hand = ServerHand.live({ windowMax: 16 });
    const many = Array.from({ length: 16 }, (_, index) => publish(index + 1));
    expect(types(hand.say(...many))).toEqual(Array.from({ length: 16 }, () => 'append'));
    expect(sent(hand.say(publish(17)))).toMatchObject([{ type: 'failed', code: 'window-exceeded', id: 17 }]);
    hand.do((session) => session.appended(1, { epoch: 1, offset: 1 }));
    hand.do((session) => session.appendFailed(2, 'not-authorized', 'No.'));
    expect(types(hand.say(publish(18), publish(19)))).toEqual(['append', 'append']);
    expect(sent(hand.say(publish(20)))).toMatchObject([{ code: 'window-exceeded' }]);
  });

  it('[FLOW-4] counts requests by themselves', () => {
    const hand = ServerHand.live({ windowMax: 16 });
    hand.say(...Array.from({ length: 16 }, (_, index) => publish(index + 1)));
    const many = Array.from({ length: 16 }, (_, index) => request(index + 1));
    expect(types(hand.say(...many))).toEqual(Array.from({ length: 16 }, () => 'call'));
    expect(sent(hand.say(request(17)))).toMatchObject([{ operation: 'request', code: 'window-exceeded' }]);
  });
});

describe('answers', () => {
  it('[PUB-1] a publish is acknowledged with its position', () => {
    const hand = ServerHand.live();
    hand.say(publish(1));
    expect(sent(hand.do((session) => session.appended(1, { epoch: 3, offset: 8 })))).toEqual([
      { type: 'published', sequence: 1, epoch: 3, offset: 8 },
    ]);
  });

  it('[REQ-4] a method’s reply, or its error, reaches the caller', () => {
    const hand = ServerHand.live();
    hand.say(request(1), request(2));
    const payload = new Uint8Array([1, 2]);
    expect(sent(hand.do((session) => session.replied(1, { ok: true, payload })))).toEqual([
      { type: 'reply', request: 1, payload },
    ]);
    const failed = { ok: false as const, code: 'method-failed', text: 'It failed.' };
    expect(sent(hand.do((session) => session.replied(2, failed)))).toEqual([
      { type: 'failed', operation: 'request', id: 2, code: 'method-failed', text: 'It failed.' },
    ]);
  });

  it('[CLOSE-1] nothing is said after the close', () => {
    const hand = ServerHand.live();
    hand.say(publish(1));
    hand.do((session) => session.close('superseded', 'Another connection took this session over.'));
    expect(hand.do((session) => session.appended(1, { epoch: 1, offset: 1 }))).toEqual([]);
    expect(hand.say(publish(2))).toEqual([]);
    expect(hand.pass(600_000)).toEqual([]);
  });

  it('[WIRE-2] a record that only a server says closes the connection', () => {
    const hand = ServerHand.live();
    expect(hand.say({ type: 'published', sequence: 1, epoch: 1, offset: 1 })).toMatchObject([
      { type: 'close', name: 'protocol-error' },
    ]);
  });
});

describe('the heartbeat', () => {
  for (const chance of [0, 0.25, 0.999]) {
    it(`[LIVE-2] comes first at random within the interval (random ${chance}), then each interval`, () => {
      const hand = new ServerHand({}, chance);
      hand.say(hello());
      hand.greet();
      const beats: number[] = [];
      const beganMs = hand.nowMs;
      for (let elapsedMs = 0; elapsedMs < 3 * HEARTBEAT_MS; elapsedMs += 5) {
        if (hand.pass(5).some(({ type }) => type === 'beat')) beats.push(hand.nowMs - beganMs);
        hand.say({ type: 'pong', id: 0, finished: 0 });
      }
      expect(beats).toHaveLength(3);
      expect(Math.abs(beats[0]! - HEARTBEAT_MS * (1 - chance))).toBeLessThanOrEqual(5);
      expect(Math.abs(beats[1]! - beats[0]! - HEARTBEAT_MS)).toBeLessThanOrEqual(5);
    });
  }

  it('[LIVE-2] a peer that is silent for interval and grace is dead, and not before', () => {
    const hand = ServerHand.live();
    expect(types(hand.pass(HEARTBEAT_MS + GRACE_MS - 1))).not.toContain('close');
    expect(hand.pass(1)).toMatchObject([{ type: 'close', name: 'heartbeat-timeout' }]);
  });

  for (const [what, sign] of [
    ['bytes from it', (hand: ServerHand) => hand.say({ type: 'pong', id: 0, finished: 0 })],
    [
      'its taking bytes from us',
      (hand: ServerHand) => hand.do((session, nowMs) => session.handleDrain(nowMs)),
    ],
  ] as const) {
    it(`[LIVE-1] ${what} proves it alive`, () => {
      const hand = ServerHand.live();
      for (let i = 0; i < 20; i++) {
        expect(types(hand.pass(HEARTBEAT_MS + GRACE_MS - 1))).not.toContain('close');
        sign(hand);
      }
    });
  }

  it('[LIVE-7] comes as often as the client asks for, within bounds', () => {
    const beatsAfter = (intervalMs: number): number => {
      const hand = ServerHand.live();
      expect(hand.say({ type: 'heartbeat', intervalMs })).toEqual([{ type: 'deadline-moved' }]);
      const next = (): number => {
        expect(types(hand.pass(Math.max(0, hand.session.nextDeadlineMs() - hand.nowMs)))).toEqual(['beat']);
        hand.say({ type: 'pong', id: 0, finished: 0 });
        return hand.nowMs;
      };
      return -next() + next();
    };
    expect(beatsAfter(8_000)).toBe(8_000);
    expect(beatsAfter(1)).toBe(5_000);
    expect(beatsAfter(90_000)).toBe(90_000);
    expect(beatsAfter(Number.MAX_SAFE_INTEGER)).toBe(240_000);
  });

  it('[LIVE-3] a client’s probe is answered', () => {
    const hand = ServerHand.live();
    expect(sent(hand.say({ type: 'ping', id: 7, tops: [] }))).toMatchObject([{ type: 'pong', id: 7 }]);
  });
});
