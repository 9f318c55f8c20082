import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { backoffDelayMs } from '../../src/session/backoff.ts';
import { seededRandom } from '../../src/testing/seeded-random.ts';
import { ClientHand } from './client-hand.ts';

const options = { baseMs: 1_000, capMs: 30_000, stableMs: 10_000 };

/** The widest wait: what random() times it gives. */
function widest(reached: number, wasReached: boolean, downMs: number, windowMs = 0): number {
  return backoffDelayMs({ reached, wasReached, downMs, place: 1 }, options, windowMs, () => 1);
}

describe('the wait before an attempt', () => {
  it('[RET-1] is this client’s place in the server’s window after a loss', () => {
    expect(widest(1, true, 0, 400)).toBe(400);
    expect(widest(1, true, 0, 0)).toBe(0);
    const failure = { reached: 1, wasReached: true, downMs: 0, place: 0.25 };
    expect(backoffDelayMs(failure, options, 400, () => 1)).toBe(100);
  });

  it('[RET-2] doubles with each attempt that reached a server, up to the cap', () => {
    const waits = [2, 3, 4, 5, 6, 7, 8, 60].map((reached) => widest(reached, true, 0));
    expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
  });

  it('[RET-2] follows the outage after an attempt that reached nothing', () => {
    const waits = [0, 1_000, 2_000, 10_000, 60_000, 3_600_000].map((downMs) => widest(1, false, downMs));
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
        const failure = { reached: reached + 1, wasReached, downMs, place: 1 };
        const wait = backoffDelayMs(failure, options, windowMs, () => chance);
        expect(wait).toBeGreaterThanOrEqual(windowMs);
        expect(wait).toBeLessThanOrEqual(Math.max(windowMs, options.capMs));
      }),
    );
  });

  it('[RET-2] is spread over its whole range, so that clients do not come back in step', () => {
    const random = seededRandom(1);
    const failure = { reached: 8, wasReached: true, downMs: 0, place: 0 };
    const tenths = Array.from({ length: 10 }, () => 0);
    for (let i = 0; i < 10_000; i++) {
      const waitMs = backoffDelayMs(failure, options, 0, random);
      tenths[Math.floor((waitMs / options.capMs) * 10)]!++;
    }
    // Each tenth of a uniform spread holds 1,000, give or take 30 (one standard deviation).
    for (const count of tenths) expect(Math.abs(count - 1_000)).toBeLessThan(150);
  });

  it('[RET-2] starts again once a connection has lived for stableMs, and not before', () => {
    const hand = ClientHand.live();
    const lives = (forMs: number): number => {
      hand.pass(forMs);
      hand.lose(hand.session.links.count);
      const { attempt } = hand.session.links;
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
});
