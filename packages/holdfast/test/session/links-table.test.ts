import { describe, expect, it } from 'vitest';
import { closeCodes } from '../../src/protocol/close-codes.ts';
import { ClientHand } from './client-hand.ts';

/**
 * Every state of a client's connections with everything that can happen in it. Link 1 is the one in use, link 2
 * its rival, or the one that took over. A cell says the phase that follows and what is dialled and dropped.
 */
const setUps = {
  idle: (): ClientHand => new ClientHand(),
  dialing: (): ClientHand => {
    const hand = new ClientHand();
    hand.connect();
    return hand;
  },
  greeting: (): ClientHand => {
    const hand = setUps.dialing();
    hand.open(1);
    return hand;
  },
  live: (): ClientHand => ClientHand.live(),
  suspect: (): ClientHand => {
    const hand = ClientHand.live();
    hand.probe();
    hand.pass(1_000);
    return hand;
  },
  'suspect, rival greeting': (): ClientHand => {
    const hand = setUps.suspect();
    hand.open(2);
    return hand;
  },
  draining: (): ClientHand => {
    const hand = ClientHand.live();
    hand.say(1, { type: 'go-away', reconnectInMs: 3_000, reason: 'The server is being drained.' });
    return hand;
  },
  'draining, rival dialing': (): ClientHand => {
    const hand = setUps.draining();
    hand.pass(3_000);
    return hand;
  },
  'draining, rival greeting': (): ClientHand => {
    const hand = setUps['draining, rival dialing']();
    hand.open(2);
    return hand;
  },
  waiting: (): ClientHand => {
    const hand = ClientHand.live();
    hand.lose(1);
    hand.connect();
    hand.lose(2);
    return hand;
  },
  closed: (): ClientHand => {
    const hand = ClientHand.live();
    hand.close();
    return hand;
  },
  failed: (): ClientHand => {
    const hand = ClientHand.live();
    hand.lose(1, closeCodes.superseded.code);
    return hand;
  },
} satisfies Record<string, () => ClientHand>;

const events = {
  'reconnect()': (hand: ClientHand) => hand.connect(),
  'close()': (hand: ClientHand) => hand.close(),
  'bytes on 1': (hand: ClientHand) => hand.say(1, { type: 'pong', id: 99, finished: 0 }),
  'welcome on 2': (hand: ClientHand) => hand.welcome(2),
  '1 is cut': (hand: ClientHand) => hand.lose(1),
  '2 is cut': (hand: ClientHand) => hand.lose(2),
  '1 is superseded': (hand: ClientHand) => hand.lose(1, closeCodes.superseded.code),
  '2 is superseded': (hand: ClientHand) => hand.lose(2, closeCodes.superseded.code),
  'go-away on 1': (hand: ClientHand) =>
    hand.say(1, { type: 'go-away', reconnectInMs: 3_000, reason: 'The server is being drained.' }),
  'its next deadline': (hand: ClientHand) => {
    const atMs = hand.session.links.nextDeadlineMs();
    return atMs === Infinity ? [] : hand.pass(atMs - hand.nowMs);
  },
} satisfies Record<string, (hand: ClientHand) => unknown>;

type Row = Record<keyof typeof events, string>;

const same = (phase: string): Row =>
  Object.fromEntries(Object.keys(events).map((event) => [event, phase])) as Row;

const table: Record<keyof typeof setUps, Row> = {
  idle: { ...same('idle'), 'reconnect()': 'connecting, dial 1', 'close()': 'closed' },
  dialing: {
    ...same('connecting'),
    'close()': 'closed, drop 1',
    '1 is cut': 'waiting',
    '1 is superseded': 'waiting',
    'go-away on 1': 'waiting, drop 1',
    'its next deadline': 'waiting, drop 1',
  },
  greeting: {
    ...same('connecting'),
    'close()': 'closed, drop 1',
    '1 is cut': 'waiting',
    '1 is superseded': 'failed, drop 1',
    'go-away on 1': 'waiting, drop 1',
    'its next deadline': 'connecting, drop 1, dial 2',
  },
  live: {
    ...same('live'),
    'reconnect()': 'draining, dial 2',
    'close()': 'closed, drop 1',
    '1 is cut': 'waiting',
    '1 is superseded': 'failed, drop 1',
    'go-away on 1': 'draining',
    'its next deadline': 'live',
  },
  suspect: {
    ...same('suspect'),
    'close()': 'closed, drop 2, drop 1',
    'bytes on 1': 'live, drop 2',
    '1 is cut': 'connecting',
    '1 is superseded': 'failed, drop 2, drop 1',
    'go-away on 1': 'draining, drop 2',
    'its next deadline': 'suspect, drop 2',
  },
  'suspect, rival greeting': {
    ...same('suspect'),
    'close()': 'closed, drop 2, drop 1',
    'welcome on 2': 'live, drop 1',
    '1 is cut': 'connecting',
    '1 is superseded': 'connecting',
    '2 is superseded': 'failed, drop 2, drop 1',
    'its next deadline': 'suspect, drop 2, dial 3',
  },
  draining: {
    ...same('draining'),
    'reconnect()': 'draining, dial 2',
    'close()': 'closed, drop 1',
    '1 is cut': 'waiting',
    '1 is superseded': 'failed, drop 1',
    'its next deadline': 'draining, dial 2',
  },
  'draining, rival dialing': {
    ...same('draining'),
    'close()': 'closed, drop 2, drop 1',
    '1 is cut': 'connecting',
    '1 is superseded': 'failed, drop 2, drop 1',
    'its next deadline': 'draining',
  },
  'draining, rival greeting': {
    ...same('draining'),
    'close()': 'closed, drop 2, drop 1',
    'welcome on 2': 'live, drop 1',
    '1 is cut': 'connecting',
    '1 is superseded': 'connecting',
    '2 is superseded': 'failed, drop 2, drop 1',
    'its next deadline': 'draining',
  },
  waiting: {
    ...same('waiting'),
    'reconnect()': 'connecting, dial 3',
    'close()': 'closed',
    'its next deadline': 'connecting, dial 3',
  },
  closed: same('closed'),
  failed: { ...same('failed'), 'reconnect()': 'connecting, dial 2', 'close()': 'closed' },
};

describe('[LIVE-5] what a client’s connections do', () => {
  for (const [state, row] of Object.entries(table)) {
    for (const [event, expected] of Object.entries(row)) {
      it(`${state}: ${event}: ${expected}`, () => {
        const hand = setUps[state as keyof typeof setUps]();
        const effects = events[event as keyof typeof events](hand);
        const did = effects.flatMap((effect) =>
          effect.type === 'dial' || effect.type === 'drop' ? [`${effect.type} ${effect.link}`] : [],
        );
        expect([hand.phase, ...did].join(', ')).toBe(expected);
      });
    }
  }
});
