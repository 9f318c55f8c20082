import { describe, expect, it } from 'vitest';
import { closeCodes } from '../../src/protocol/close-codes.ts';
import { HeartbeatInterval } from '../../src/session/heartbeat-interval.ts';
import { ClientHand, HEARTBEAT_MS, PROBE_TIMEOUT_MS, sent } from './client-hand.ts';

const verdict = (id: string) => ({ type: 'cause', id, confidence: 90, text: 'Cut.', fix: '' }) as const;

describe('the heartbeat interval of a path', () => {
  it('[LIVE-7] falls to four fifths of a silence that ended connections twice, and not before', () => {
    const interval = new HeartbeatInterval(false);
    expect(interval.cut(10_000)).toBe(false);
    expect(interval.ms).toBeUndefined();
    expect(interval.cut(10_400)).toBe(true);
    expect(interval.ms).toBe(8_320);
  });

  it('[LIVE-7] does not fall for ends at silences that have nothing in common', () => {
    const interval = new HeartbeatInterval(false);
    for (const silentMs of [60_000, 20_000, 45_000, 9_000]) expect(interval.cut(silentMs)).toBe(false);
    expect(interval.ms).toBeUndefined();
  });

  it('[LIVE-7] never falls below 5 s', () => {
    const interval = new HeartbeatInterval(false);
    interval.cut(2_000);
    interval.cut(2_000);
    expect(interval.ms).toBe(5_000);
  });

  it('[LIVE-7] rises by a minute after five silences that held, to 240 s at most', () => {
    const interval = new HeartbeatInterval(true);
    const rises: number[] = [];
    for (let beat = 0, ms = 25_000; beat < 40; beat++) {
      if (!interval.held(ms, ms)) continue;
      rises.push((ms = interval.ms!));
    }
    expect(rises).toEqual([85_000, 145_000, 205_000, 240_000]);
  });

  it('[LIVE-7] stays below a silence that did not hold', () => {
    const interval = new HeartbeatInterval(true);
    interval.cut(100_000);
    interval.cut(100_000);
    for (let beat = 0; beat < 40; beat++) interval.held(interval.ms!, interval.ms!);
    expect(interval.ms).toBe(80_000);
  });

  it('[LIVE-7] stays so in another life', () => {
    const before = new HeartbeatInterval(true);
    before.cut(100_000);
    before.cut(100_000);
    const interval = new HeartbeatInterval(true, undefined, before.learned);
    for (let beat = 0; beat < 40; beat++) expect(interval.held(interval.ms!, interval.ms!)).toBe(false);
    expect(interval.ms).toBe(80_000);
  });

  it('[LIVE-7] does not rise where it was never silent for so long, nor where it may not', () => {
    const [busy, balanced] = [new HeartbeatInterval(true), new HeartbeatInterval(false)];
    for (let beat = 0; beat < 10; beat++) {
      expect(busy.held(3_000, 25_000)).toBe(false);
      expect(balanced.held(25_000, 25_000)).toBe(false);
    }
  });
});

describe('a client', () => {
  function cutTwice(id: string): ClientHand {
    const hand = ClientHand.live();
    for (let time = 0; time < 2; time++) {
      hand.pass(10_000);
      hand.lose(time + 1);
      const { link } = hand.untilDial();
      hand.open(link);
      hand.welcome(link);
      hand.say(link, verdict(id));
    }
    return hand;
  }

  it('[LIVE-7] asks for the interval that its path bears, then and with each hello', () => {
    const hand = cutTwice('idle-cut-by-intermediary');
    expect(hand.path.ms).toBe(8_000);
    expect(hand.session.links.liveness.heartbeatMs).toBe(8_000);
    hand.lose(3);
    const { link } = hand.untilDial();
    expect(sent(hand.open(link))).toContainEqual({ type: 'heartbeat', intervalMs: 8_000 });
    hand.welcome(link);
    expect(sent(hand.pass(8_000 + PROBE_TIMEOUT_MS - 1))).toEqual([]);
    expect(sent(hand.pass(1))).toMatchObject([{ type: 'ping' }]);
  });

  it('[LIVE-7] learns nothing from ends that have another reason', () => {
    for (const id of ['server-crash', 'network-lost', 'device-slept', 'unknown']) {
      expect(cutTwice(id).path.ms).toBeUndefined();
    }
  });

  it('[LIVE-7] goes by the path of the link in use, whatever a rival’s bears', () => {
    const hand = ClientHand.live();
    hand.path = new HeartbeatInterval(false, 5_000);
    hand.connect();
    hand.open(2);
    hand.lose(2, closeCodes.overloaded.code);
    hand.say(1, { type: 'ping', id: 0, tops: [] });
    expect(hand.session.links.liveness.heartbeatMs).toBe(HEARTBEAT_MS);
    const { link } = hand.untilDial();
    hand.open(link);
    hand.welcome(link);
    expect(hand.session.links.liveness.heartbeatMs).toBe(5_000);
  });

  it('[LIVE-7] learns from the end of a connection about the path that it took', () => {
    const hand = ClientHand.live();
    const { path } = hand;
    for (let time = 0; time < 2; time++) {
      hand.path = path;
      hand.lose(hand.session.links.count);
      let { link } = hand.untilDial();
      hand.open(link);
      hand.welcome(link);
      hand.pass(10_000);
      hand.lose(link);
      hand.path = new HeartbeatInterval(false);
      ({ link } = hand.untilDial());
      hand.open(link);
      hand.welcome(link);
      hand.say(link, verdict('idle-cut-by-intermediary'));
      expect(hand.path.ms).toBeUndefined();
    }
    expect(path.ms).toBe(8_000);
  });
});
