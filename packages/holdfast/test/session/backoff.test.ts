import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Backoff } from '../../src/session/backoff.ts';
import { seededRandom } from '../../src/testing/seeded-random.ts';
import { ClientHand, PROBE_TIMEOUT_MS } from './client-hand.ts';

const options = { baseMs: 1_000, capMs: 30_000, stableMs: 10_000 };

interface Past {
  /** Attempts that got through to something, this one included. */
  reached: number;
  wasReached: boolean;
  downMs?: number;
  windowMs?: number;
  place?: number;
}

/** The wait of a client of which this is known. */
function waitMs(
  { reached, wasReached, downMs = 0, windowMs = 0, place = 1 }: Past,
  random = () => 1,
): number {
  const backoff = new Backoff(options, random);
  Object.assign(backoff, { windowMs, place, reached: wasReached ? reached - 1 : reached });
  return backoff.nextMs(wasReached, downMs);
}

describe('the wait before an attempt', () => {
  it('[RET-1] is this client’s place in the server’s window after a loss', () => {
    const first = { reached: 1, wasReached: true };
    expect(waitMs({ ...first, windowMs: 400 })).toBe(400);
    expect(waitMs(first)).toBe(0);
    expect(waitMs({ ...first, windowMs: 400, place: 0.25 })).toBe(100);
  });

  it('[RET-2] doubles with each attempt that reached a server, up to the cap', () => {
    const waits = [2, 3, 4, 5, 6, 7, 8, 60].map((reached) => waitMs({ reached, wasReached: true }));
    expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
  });

  it('[RET-2] follows the outage after an attempt that reached nothing', () => {
    const waits = [0, 1_000, 2_000, 10_000, 60_000, 3_600_000].map((downMs) =>
      waitMs({ reached: 1, wasReached: false, downMs }),
    );
    expect(waits).toEqual([1_000, 1_000, 1_000, 5_000, 30_000, 30_000]);
  });

  it('[RET-2] is the server’s whole window at least after an attempt in vain: each client keeps its place', () => {
    const any = fc.record({
      reached: fc.nat(100),
      wasReached: fc.boolean(),
      downMs: fc.nat(),
      windowMs: fc.nat(),
      chance: fc.double({ min: 0, max: 1, noNaN: true }),
    });
    fc.assert(
      fc.property(any, ({ reached, wasReached, downMs, windowMs, chance }) => {
        fc.pre(reached > 0 || !wasReached);
        const wait = waitMs({ reached: reached + 1, wasReached, downMs, windowMs }, () => chance);
        expect(wait).toBeGreaterThanOrEqual(windowMs);
        expect(wait).toBeLessThanOrEqual(Math.max(windowMs, options.capMs));
      }),
    );
  });

  it('[RET-2] is spread over its whole range, so that clients do not come back in step', () => {
    const random = seededRandom(1);
    const tenths = Array.from({ length: 10 }, () => 0);
    for (let i = 0; i < 10_000; i++) {
      const wait = waitMs({ reached: 8, wasReached: true }, random);
      tenths[Math.floor((wait / options.capMs) * 10)]!++;
    }
    // Each tenth of a uniform spread holds 1,000, give or take 30 (one standard deviation).
    for (const count of tenths) expect(Math.abs(count - 1_000)).toBeLessThan(150);
  });

  it('[RET-2] starts again once a connection has lived for stableMs, and not before', () => {
    const hand = ClientHand.live();
    const lives = (forMs: number): number => {
      hand.pass(forMs);
      hand.lose(hand.session.links.count);
      const { attempt } = hand.session.links.backoff;
      const { link } = hand.untilDial();
      hand.open(link);
      hand.welcome(link);
      return attempt;
    };
    expect(lives(100)).toBe(1);
    expect(lives(100)).toBe(2);
    expect(lives(9_999)).toBe(3);
    expect(lives(10_000)).toBe(1);
    expect(lives(100)).toBe(2);
  });

  it('[RET-2] starts again, too, once a connection has been all right for stableMs after it was suspect', () => {
    const hand = ClientHand.live();
    hand.pass(options.stableMs);
    hand.probe();
    hand.pass(PROBE_TIMEOUT_MS);
    hand.lose(2);
    hand.say(1, { type: 'resume-token', resumeToken: 'another' });
    expect([hand.phase, hand.session.links.backoff.attempt]).toEqual(['live', 1]);
    hand.pass(options.stableMs);
    expect([hand.phase, hand.session.links.backoff.attempt]).toEqual(['live', 0]);
  });
});
