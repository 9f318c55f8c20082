import { describe, expect, it } from 'vitest';
import {
  ClientHand,
  CONNECT_TIMEOUT_MS,
  GRACE_MS,
  HEARTBEAT_MS,
  links,
  PROBE_TIMEOUT_MS,
  sent,
} from './client-hand.ts';

const tops = { tops: [] };

describe('a link that goes silent', () => {
  it('[LIVE-3] is probed when nothing has come for the interval and a round trip', () => {
    const hand = ClientHand.live();
    expect(sent(hand.pass(HEARTBEAT_MS + PROBE_TIMEOUT_MS - 1))).toEqual([]);
    expect(sent(hand.pass(1))).toEqual([{ type: 'ping', id: 1, tops: [] }]);
    expect(hand.phase).toBe('live');
  });

  it('[LIVE-1] is not probed while anything comes', () => {
    const hand = ClientHand.live();
    for (let beat = 0; beat < 10; beat++) {
      expect(sent(hand.pass(HEARTBEAT_MS)).filter(({ type }) => type === 'ping')).toEqual([]);
      hand.say(1, { type: 'ping', id: 0, ...tops });
    }
    expect(hand.phase).toBe('live');
  });

  it('[LIVE-2] answers the server’s heartbeat in the receive callback', () => {
    const hand = ClientHand.live();
    const [pong] = sent(hand.say(1, { type: 'ping', id: 7, ...tops }));
    expect(pong).toMatchObject({ type: 'pong', id: 7 });
  });

  it('[LIVE-4] is suspect when a probe is not answered in time, and not before', () => {
    const hand = ClientHand.live();
    hand.probe();
    hand.pass(PROBE_TIMEOUT_MS - 1);
    expect(hand.phase).toBe('live');
    hand.pass(1);
    expect(hand.phase).toBe('suspect');
    expect(hand.session.links.cause?.text).toMatch(/answer/i);
  });

  it('[LIVE-4] gets more time where round trips are long, 5 s at most', () => {
    const hand = new ClientHand();
    hand.connect();
    hand.open(1);
    hand.nowMs += 800;
    hand.welcome(1);
    // One sample of R: srtt is R and rttvar R/2, so the timeout is 3 R (RFC 6298 §2.2).
    hand.probe();
    hand.pass(2_399);
    expect(hand.phase).toBe('live');
    hand.pass(1);
    expect(hand.phase).toBe('suspect');
  });

  it('[LIVE-4] is not acquitted by a mere heartbeat, which says nothing of the way to the server', () => {
    const hand = ClientHand.live();
    hand.probe();
    hand.pass(PROBE_TIMEOUT_MS - 1);
    hand.say(1, { type: 'ping', id: 0, ...tops });
    hand.pass(1);
    expect(hand.phase).toBe('suspect');
    hand.say(1, { type: 'ping', id: 0, ...tops });
    expect(hand.phase).toBe('suspect');
  });

  it('[LIVE-1] is live again with the first bytes, and its rival is dropped', () => {
    const hand = ClientHand.suspect();
    const effects = hand.say(1, { type: 'pong', id: 99, finished: 0 });
    expect(links(effects, 'drop')).toEqual([2]);
    expect(hand.phase).toBe('live');
    expect(hand.session.links.cause?.code).toBe('silent');
    // What the rival's socket says now is nobody's.
    expect(hand.open(2)).toEqual([]);
    expect(hand.welcome(2)).toEqual([]);
    expect(hand.lose(2)).toEqual([]);
    expect(hand.phase).toBe('live');
  });

  it('[LIVE-5] lets a rival that has said hello go on, though bytes come', () => {
    const hand = ClientHand.suspect();
    hand.open(2);
    expect(links(hand.say(1, { type: 'ping', id: 0, ...tops }), 'drop')).toEqual([]);
    expect(hand.phase).toBe('suspect');
    expect(links(hand.welcome(2), 'drop')).toEqual([1]);
    expect(hand.phase).toBe('live');
  });

  it('[LIVE-5] is given up after the grace, and its rival goes on alone', () => {
    const hand = ClientHand.suspect();
    hand.pass(CONNECT_TIMEOUT_MS);
    const effects = hand.pass(GRACE_MS - CONNECT_TIMEOUT_MS);
    expect(links(effects, 'drop')).toContain(1);
    expect(hand.phase).not.toBe('suspect');
    expect(hand.lose(1)).toEqual([]);
  });

  it('[LIVE-1] is not suspect while it takes our bytes, however slowly', () => {
    const hand = ClientHand.live();
    hand.publish('x'.repeat(5_000));
    let bufferedBytes = 1_000_000;
    hand.pass(60_000, () => (bufferedBytes -= 1_000));
    expect(hand.phase).toBe('live');
  });

  it('[LIVE-4] is suspect when it takes none of our bytes', () => {
    const hand = ClientHand.live();
    hand.publish('x'.repeat(5_000));
    hand.pass(2 * PROBE_TIMEOUT_MS, 1_000_000);
    expect(hand.phase).toBe('suspect');
  });

  it('[LIVE-3] is probed together with what wants an answer, at most once a second', () => {
    const hand = ClientHand.live();
    const pings = (effects: ReturnType<ClientHand['do']>): number =>
      sent(effects).filter(({ type }) => type === 'ping').length;
    const publish = (): number => {
      const item = { id: 0, name: 'news', payload: new Uint8Array(1) };
      return pings(hand.do((session, nowMs) => session.add('publish', item, nowMs)));
    };
    expect(publish()).toBe(1);
    hand.say(1, { type: 'pong', id: 1, finished: 0 });
    expect(publish()).toBe(0);
    hand.nowMs += 999;
    expect(publish()).toBe(0);
    hand.nowMs += 1;
    expect(publish()).toBe(1);
  });

  it('[LIVE-4] measures the round trip with the answer to its own probe alone', () => {
    const hand = ClientHand.live();
    hand.probe();
    hand.nowMs += 40;
    expect(hand.say(1, { type: 'pong', id: 99, finished: 0 })).not.toContainEqual({
      type: 'probed',
      rttMs: 40,
    });
    expect(hand.say(1, { type: 'pong', id: 1, finished: 0 })).toContainEqual({ type: 'probed', rttMs: 40 });
    expect(hand.say(1, { type: 'pong', id: 1, finished: 0 })).toEqual([]);
  });

  it('[LIVE-4] is suspect when a probe waits for the grace, whatever else comes down', () => {
    const hand = ClientHand.live();
    hand.probe();
    const running = { type: 'signaled', alias: 1, payload: new Uint8Array(1) } as const;
    for (let ms = 0; ms < GRACE_MS; ms += PROBE_TIMEOUT_MS / 2) {
      expect(hand.phase).toBe('live');
      hand.pass(PROBE_TIMEOUT_MS / 2);
      hand.say(1, running);
    }
    hand.pass(PROBE_TIMEOUT_MS);
    expect(hand.phase).toBe('suspect');
    hand.say(1, running);
    expect(hand.phase).toBe('suspect');
    hand.say(1, { type: 'pong', id: 1, finished: 0 });
    expect(hand.phase).toBe('live');
    // What was owed is paid: from now on anything is a sign of life again.
    hand.probe();
    hand.say(1, running);
    hand.pass(PROBE_TIMEOUT_MS);
    expect(hand.phase).toBe('live');
  });
});
