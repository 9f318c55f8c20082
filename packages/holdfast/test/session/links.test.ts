import { describe, expect, it } from 'vitest';
import { closeCodes, type CloseName } from '../../src/protocol/close-codes.ts';
import {
  ClientHand,
  CONNECT_TIMEOUT_MS,
  GRACE_MS,
  HEARTBEAT_MS,
  links,
  PROBE_TIMEOUT_MS,
  sent,
  welcomeRecord,
} from './client-hand.ts';

const tops = { tops: [] };

describe('a link that is lost', () => {
  it('[RES-3] gives way to the session’s own rival without failing', () => {
    const hand = ClientHand.suspect();
    hand.open(2);
    hand.lose(1, closeCodes.superseded.code, 'Another connection took this session over.');
    expect(hand.phase).toBe('connecting');
    hand.welcome(2);
    expect(hand.phase).toBe('live');
  });

  it('[RES-3] fails when somebody else took the session over', () => {
    const hand = ClientHand.live();
    hand.lose(1, closeCodes.superseded.code, 'Another connection took this session over.');
    expect(hand.phase).toBe('failed');
    expect(hand.session.links.cause).toEqual({
      code: 'superseded',
      text: 'Another connection took this session over.',
    });
    expect(hand.session.links.nextDeadlineMs()).toBe(Infinity);
  });

  const never = Object.entries(closeCodes).filter(
    ([name, { retry }]) => retry === 'never' && name !== 'closed',
  );
  for (const [name, { code }] of never) {
    it(`[RET-4] fails with its cause after "${name}"`, () => {
      const hand = ClientHand.live();
      hand.lose(1, code, 'because');
      expect(hand.phase).toBe('failed');
      expect(hand.session.links.cause).toEqual({ code: name, text: 'because' });
      expect(links(hand.pass(600_000), 'dial')).toEqual([]);
    });
  }

  const backoff = Object.keys(closeCodes).filter((name) => closeCodes[name as CloseName].retry === 'backoff');
  for (const name of [...backoff, 'closed'] as CloseName[]) {
    it(`[CLOSE-2] comes back after "${name}"`, () => {
      const hand = ClientHand.live();
      hand.lose(1, closeCodes[name].code);
      expect(hand.phase).toBe('waiting');
      expect(hand.session.links.cause?.code).toBe(name);
      expect(links(hand.pass(60_000), 'dial')).toContain(2);
    });
  }

  for (const code of [1006, 1005, 1012, 1013, 3000, 4999]) {
    it(`[CLOSE-2] comes back after the close code ${code}, which is not ours`, () => {
      const hand = ClientHand.live();
      hand.lose(1, code);
      expect(hand.phase).toBe('waiting');
      expect(hand.session.links.cause).toEqual({
        code: 'lost',
        text: `The connection was cut (close code ${code}).`,
      });
    });
  }

  for (const name of ['unauthorized', 'token-expired'] as const) {
    it(`[CLOSE-2] asks for another token after "${name}", once`, () => {
      const hand = ClientHand.live();
      hand.lose(1, closeCodes[name].code);
      expect(hand.untilDial()).toEqual({ type: 'dial', link: 2, tokenRejected: true });
      hand.open(2);
      hand.lose(2, closeCodes[name].code, 'The token was not accepted.');
      expect(hand.phase).toBe('failed');
      expect(hand.session.links.cause).toEqual({ code: name, text: 'The token was not accepted.' });
    });
  }

  it('[CLOSE-2] takes a token that was accepted for a good one', () => {
    const hand = ClientHand.live();
    hand.lose(1, closeCodes['token-expired'].code);
    hand.untilDial();
    hand.open(2);
    hand.welcome(2);
    hand.lose(2, closeCodes['token-expired'].code);
    expect(hand.phase).toBe('waiting');
  });

  it('[CLOSE-2] asks for another token, too, where one that is no good yet is on its way beside it', () => {
    const hand = ClientHand.suspect();
    hand.lose(1, closeCodes['token-expired'].code);
    hand.open(2);
    hand.lose(2, closeCodes.unauthorized.code);
    expect(hand.phase).toBe('waiting');
    expect(hand.untilDial()).toEqual({ type: 'dial', link: 3, tokenRejected: true });
  });

  it('[CAUSE-1] is no attempt to come back when it was suspect before', () => {
    const hand = ClientHand.suspect();
    hand.lose(1);
    expect(sent(hand.open(2))).toContainEqual(
      expect.objectContaining({ type: 'flight', endedBy: 'timeout', attempts: 0 }),
    );
  });

  it('[CAUSE-1] was tried for in vain only as often as since its end', () => {
    const hand = ClientHand.suspect();
    hand.lose(2);
    hand.say(1, { type: 'pong', id: 1, finished: 0 });
    expect(hand.phase).toBe('live');
    hand.lose(1);
    expect(sent(hand.open(hand.untilDial().link))).toContainEqual(
      expect.objectContaining({ type: 'flight', endedBy: 'peer', attempts: 0 }),
    );
  });

  it('[LIVE-5] is not heard any more: late closes and bytes change nothing', () => {
    const hand = ClientHand.live();
    hand.lose(1);
    const { link } = hand.untilDial();
    hand.open(link);
    hand.welcome(link);
    for (const name of Object.keys(closeCodes) as CloseName[]) {
      expect(hand.lose(1, closeCodes[name].code)).toEqual([]);
    }
    expect(hand.say(1, { type: 'go-away', reconnectInMs: 0, reason: '' })).toEqual([]);
    expect(hand.phase).toBe('live');
  });

  it('[WIRE-2] is dropped when what it says can’t be decoded', () => {
    const hand = ClientHand.live();
    const effects = hand.hear(1, new Uint8Array([255, 255]));
    expect(effects).toContainEqual({ type: 'drop', link: 1, code: closeCodes['protocol-error'].code });
    expect(hand.phase).toBe('waiting');
    expect(hand.session.links.cause?.code).toBe('protocol-error');
  });
});

describe('an attempt', () => {
  it('[RET-3] is given up when it is not open in time', () => {
    const hand = new ClientHand();
    hand.connect();
    expect(links(hand.pass(CONNECT_TIMEOUT_MS - 1), 'drop')).toEqual([]);
    expect(links(hand.pass(1), 'drop')).toEqual([1]);
    expect(hand.session.links.cause?.code).toBe('unreachable');
  });

  it('[RET-3] is given up when it is open and not welcomed within as long again', () => {
    const hand = new ClientHand();
    hand.connect();
    hand.nowMs += CONNECT_TIMEOUT_MS - 1;
    hand.open(1);
    expect(links(hand.pass(CONNECT_TIMEOUT_MS - 1), 'drop')).toEqual([]);
    expect(links(hand.pass(1), 'drop')).toEqual([1]);
  });

  it('[RET-3] fails for good when trying again can’t help', () => {
    const hand = new ClientHand();
    hand.connect();
    const cause = { code: 'invalid-option', text: 'The address is none.' };
    hand.do((session, nowMs) => session.dialFailed(hand.link(1), cause, true, nowMs));
    expect(hand.phase).toBe('failed');
    expect(hand.session.links.cause).toEqual(cause);
  });

  it('[RET-3] that can’t be made counts like one that was lost', () => {
    const hand = new ClientHand();
    hand.connect();
    const cause = { code: 'unreachable', text: 'No route.' };
    hand.do((session, nowMs) => session.dialFailed(hand.link(1), cause, false, nowMs));
    expect(hand.phase).toBe('waiting');
    expect(hand.session.links.retryAtMs).toBeGreaterThan(hand.nowMs);
  });

  it('[HELLO-2] that opens late, after it was given up, says no hello', () => {
    const hand = new ClientHand();
    hand.connect();
    hand.pass(CONNECT_TIMEOUT_MS);
    expect(hand.open(1)).toEqual([]);
  });
});

describe('a link that is asked to move', () => {
  const goAway = { type: 'go-away', reconnectInMs: 3_000, reason: 'The server is being drained.' } as const;

  it('[DRAIN-1] dials beside it in its slot, and leaves it once it is live elsewhere', () => {
    const hand = ClientHand.live();
    hand.say(1, goAway);
    expect(hand.phase).toBe('draining');
    expect(hand.session.links.cause).toEqual({ code: 'going-away', text: 'The server is being drained.' });
    expect(links(hand.pass(2_999), 'dial')).toEqual([]);
    expect(links(hand.pass(1), 'dial')).toEqual([2]);
    // Until then the old link serves, and the new one says no more than its hello.
    const hello = sent(hand.open(2)).map(({ type }) => type);
    expect(hello).toEqual(['hello', 'flight']);
    hand.subscribe();
    expect(sent(hand.say(1, { type: 'ping', id: 0, ...tops }), 1)).toHaveLength(1);
    expect(links(hand.welcome(2), 'drop')).toEqual([1]);
    expect(hand.phase).toBe('live');
  });

  it('[DRAIN-1] waits for its slot when it is closed before', () => {
    const hand = ClientHand.live();
    hand.say(1, goAway);
    hand.pass(1_000);
    hand.lose(1, closeCodes['going-away'].code);
    expect(hand.phase).toBe('waiting');
    expect(links(hand.pass(1_999), 'dial')).toEqual([]);
    expect(links(hand.pass(1), 'dial')).toEqual([2]);
  });

  it('[DRAIN-1, ADM-3] goes on with its link when the rival is turned away, and comes again in that slot', () => {
    const hand = ClientHand.live();
    hand.say(1, goAway);
    hand.pass(3_000);
    hand.open(2);
    // Not to be sent while the session may be on its way.
    const item = hand.publish();
    const effects = hand.say(2, { type: 'go-away', reconnectInMs: 5_000, reason: 'Too many at once.' });
    expect(links(effects, 'drop')).toEqual([2]);
    expect(hand.phase).toBe('draining');
    expect(sent(effects, 1)).toMatchObject([{ type: 'publish', sequence: item.id }, { type: 'ping' }]);
    expect(hand.session.links.cause).toEqual({ code: 'overloaded', text: 'Too many at once.' });
    expect(links(hand.pass(4_999), 'dial')).toEqual([]);
    expect(links(hand.pass(1), 'dial')).toEqual([3]);
  });

  it('[ADM-3] keeps the slot that the rival of a suspect link was given when the link is lost', () => {
    const hand = ClientHand.suspect();
    hand.open(2);
    hand.say(2, { type: 'go-away', reconnectInMs: 60_000, reason: 'Too many at once.' });
    expect(links(hand.pass(GRACE_MS), 'drop')).toEqual([1]);
    expect(hand.phase).toBe('waiting');
    expect(links(hand.pass(60_000 - GRACE_MS - 1), 'dial')).toEqual([]);
    expect(links(hand.pass(1), 'dial')).toEqual([3]);
  });

  it('[ADM-3] comes back in its slot, exactly, when the first attempt is turned away', () => {
    const hand = new ClientHand();
    hand.connect();
    hand.open(1);
    hand.say(1, { type: 'go-away', reconnectInMs: 5_000, reason: 'Too many at once.' });
    expect(hand.phase).toBe('waiting');
    expect(links(hand.pass(4_999), 'dial')).toEqual([]);
    expect(links(hand.pass(1), 'dial')).toEqual([2]);
  });

  it('[RET-4] serves on, though no retry mends what its rival was turned away for', () => {
    const hand = ClientHand.live();
    hand.say(1, goAway);
    hand.pass(3_000);
    hand.open(2);
    hand.lose(2, closeCodes['ended-by-server'].code, 'Not here.');
    expect(hand.phase).toBe('draining');
    expect(hand.session.links.cause).toEqual({ code: 'ended-by-server', text: 'Not here.' });
    hand.lose(1);
    hand.open(hand.untilDial().link);
    hand.lose(3, closeCodes['ended-by-server'].code, 'Not here.');
    expect(hand.phase).toBe('failed');
  });

  it('[CLOSE-2] hears that its rival has taken over, though the rival was lost since, and tries again', () => {
    const hand = ClientHand.live();
    hand.say(1, goAway);
    hand.pass(3_000);
    hand.open(2);
    hand.lose(2);
    hand.lose(1, closeCodes.superseded.code);
    expect(hand.phase).toBe('waiting');
  });

  it('[DRAIN-1] moves though it was suspect when it was asked, and its rival came to nothing', () => {
    const hand = ClientHand.suspect();
    hand.open(2);
    hand.say(1, goAway);
    hand.lose(2);
    hand.say(1, { type: 'resume-token', resumeToken: 'another' });
    expect(links(hand.pass(5_000), 'dial')).toEqual([3]);
    hand.open(3);
    expect(links(hand.welcome(3), 'drop')).toEqual([1]);
  });

  it('[LIVE-4] is given up after the grace when it went silent, and the slot is kept', () => {
    const hand = ClientHand.live();
    hand.say(1, { ...goAway, reconnectInMs: 60_000 });
    expect(sent(hand.probe(), 1)).toMatchObject([{ type: 'ping' }]);
    expect(links(hand.pass(PROBE_TIMEOUT_MS + GRACE_MS - 1), 'drop')).toEqual([]);
    expect(links(hand.pass(1), 'drop')).toEqual([1]);
    expect(hand.phase).toBe('waiting');
    expect(hand.session.links.cause?.code).toBe('silent');
    expect(links(hand.pass(60_000 - PROBE_TIMEOUT_MS - GRACE_MS - 1), 'dial')).toEqual([]);
    expect(links(hand.pass(1), 'dial')).toEqual([2]);
  });

  it('[LIVE-4] is given up no later when more is published on it meanwhile', () => {
    const hand = ClientHand.live();
    hand.say(1, { ...goAway, reconnectInMs: 60_000 });
    for (let ms = 0; ms < GRACE_MS + 2 * PROBE_TIMEOUT_MS; ms += 500) {
      hand.publish();
      hand.pass(500);
    }
    expect(hand.phase).toBe('waiting');
  });

  it('[LIVE-1] serves on when an answer comes before the grace is over', () => {
    const hand = ClientHand.live();
    hand.say(1, { ...goAway, reconnectInMs: 60_000 });
    hand.pass(HEARTBEAT_MS + 2 * PROBE_TIMEOUT_MS);
    hand.say(1, { type: 'pong', id: 1, finished: 0 });
    expect(links(hand.pass(GRACE_MS), 'drop')).toEqual([]);
    expect(hand.phase).toBe('draining');
  });

  it('[LIVE-5] says nothing more behind a go-away that turned it away', () => {
    const hand = ClientHand.live();
    hand.say(1, goAway);
    hand.pass(3_000);
    hand.open(2);
    const refused = { type: 'go-away', reconnectInMs: 5_000, reason: 'Too many at once.' } as const;
    expect(links(hand.say(2, refused, welcomeRecord()), 'drop')).toEqual([2]);
    expect(hand.session.links.link?.id).toBe(1);
    expect(hand.phase).toBe('draining');
  });

  it('[DRAIN-1] tries again when its rival fails', () => {
    const hand = ClientHand.live();
    hand.say(1, goAway);
    hand.pass(3_000);
    hand.lose(2);
    expect(hand.phase).toBe('draining');
    expect(links(hand.pass(30_000), 'dial')[0]).toBe(3);
  });
});

describe('a hint that the network is back', () => {
  const hint = (hand: ClientHand) => hand.do(({ links }, nowMs) => links.nudge(true, nowMs));

  it('[RET-5] ends the wait for the next rival of a suspect link', () => {
    const hand = ClientHand.suspect();
    hand.lose(2);
    expect(links(hint(hand), 'dial')).toEqual([3]);
    expect(links(hint(hand), 'dial')).toEqual([]);
  });

  it('[RET-5] ends the wait after a draining link and its rival were lost', () => {
    const hand = ClientHand.live();
    hand.connect();
    hand.lose(2);
    hand.lose(1);
    expect(hand.phase).toBe('waiting');
    expect(links(hint(hand), 'dial')).toEqual([3]);
  });

  it('[RET-5, DRAIN-1] does not end the wait for a slot, with or without a connection', () => {
    const hand = ClientHand.live();
    hand.say(1, { type: 'go-away', reconnectInMs: 3_000, reason: '' });
    expect(links(hint(hand), 'dial')).toEqual([]);
    hand.lose(1);
    expect(links(hint(hand), 'dial')).toEqual([]);
    expect(links(hand.pass(3_000), 'dial')).toEqual([2]);
  });
});

describe('reconnect()', () => {
  it('[LIVE-5] replaces a link that is live without a break', () => {
    const hand = ClientHand.live();
    expect(links(hand.connect(), 'dial')).toEqual([2]);
    expect(links(hand.connect(), 'dial')).toEqual([]);
    expect(hand.session.links.link?.id).toBe(1);
    hand.open(2);
    hand.welcome(2);
    expect(hand.session.links.link?.id).toBe(2);
    expect(hand.phase).toBe('live');
  });

  it('[CLOSE-2] takes back a session that is open elsewhere', () => {
    const hand = ClientHand.live();
    hand.lose(1, closeCodes.superseded.code);
    expect(links(hand.connect(), 'dial')).toEqual([2]);
    expect(hand.phase).toBe('connecting');
  });

  it('[RET-4] does not open a client that was closed', () => {
    const hand = ClientHand.live();
    hand.close();
    expect(hand.connect()).toEqual([]);
    expect(hand.phase).toBe('closed');
  });
});
