import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { drawStorm } from './picture.ts';
import { million, runAll } from './run.ts';
import { backWithinMs, peakShare, type Outcome, type StormConfig } from './storm.ts';

/** A tenth of the clients, and of what servers take: the curves keep their shape. */
const config: StormConfig = { ...million, clients: 100_000, handshakesPerSecond: 1_000 };
const outcomes = runAll(config);
const [holdfast, ...peers] = outcomes as [Outcome, ...Outcome[]];
const returnWindowMs = (config.clients / (config.handshakesPerSecond * 0.7)) * 1_000;

describe('the return of all clients after a crash, in virtual time', () => {
  it('[RET-1, RET-2] Holdfast’s come evenly: no 250 ms has a third more than its part, and nobody times out', () => {
    const evenShare = 250 / returnWindowMs;
    expect(peakShare(holdfast, config)).toBeLessThan((evenShare * 4) / 3);
    expect(holdfast.timedOut).toBe(0);
    expect(holdfast.attempts, 'one attempt brings each of them back').toBe(config.clients);
    expect(backWithinMs(holdfast, config, 1)).toBeLessThanOrEqual(returnWindowMs + 1_000);
  });

  it('[RET-1] everybody else’s come at least fifteen times as dense', () => {
    for (const peer of peers) {
      const times = peakShare(peer, config) / peakShare(holdfast, config);
      expect(times, peer.algorithm.name).toBeGreaterThan(15);
    }
  });

  it('[RET-1] the same seed gives the same storm', () => {
    expect(runAll(config)[0]).toEqual({ ...holdfast, algorithm: expect.anything() });
  });

  it.each(peers.map((peer) => [peer.algorithm.name, peer] as const))(
    '%s: each client is accounted for, and no second takes more than there is',
    (_name, { back, gaveUp }) => {
      const returned = back.reduce((sum, count) => sum + count, 0);
      expect(returned + gaveUp).toBe(config.clients);
      const most = back.reduce((max, count) => Math.max(max, count), 0);
      expect(most).toBeLessThanOrEqual(config.handshakesPerSecond / 4 + 1);
    },
  );

  it('draws a curve for each, and docs/storm.svg shows the same ones for a million', () => {
    const picture = drawStorm(outcomes, config);
    expect(picture.match(/class="area (ours|theirs)"/g)).toHaveLength(6);
    const kept = readFileSync(new URL('../../docs/storm.svg', import.meta.url), 'utf8');
    const names = outcomes.map(({ algorithm }) => `${algorithm.name} (${algorithm.about})`);
    for (const name of names) expect(kept).toContain(name);
    expect(kept).toContain('1,000,000 clients');
  });
});
