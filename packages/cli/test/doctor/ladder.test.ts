import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Ladder, type LadderResult, type TrialOutcome } from '../../src/doctor/idle/ladder.ts';

/** Something that ends silent connections, as a function of the gap. */
type World = (gapMs: number) => { outcome: TrialOutcome; afterMs: number };

const PROBE_MS = 500;

const closesAfter =
  (limitMs: number): World =>
  (gapMs) =>
    gapMs < limitMs
      ? { outcome: { kind: 'lived' }, afterMs: gapMs }
      : { outcome: { kind: 'died', silentMs: limitMs, noticed: 'during' }, afterMs: limitMs };

const forgetsAfter =
  (limitMs: number): World =>
  (gapMs) =>
    gapMs < limitMs
      ? { outcome: { kind: 'lived' }, afterMs: gapMs }
      : { outcome: { kind: 'died', silentMs: gapMs, noticed: 'probe' }, afterMs: gapMs + PROBE_MS };

/** Plays a ladder against a world in virtual time. */
function play(ladder: Ladder, world: World): { result: LadderResult; tookMs: number; trials: number } {
  const events: { atMs: number; gapMs: number; outcome: TrialOutcome }[] = [];
  let nowMs = 0;
  let trials = 0;
  for (;;) {
    for (const gapMs of ladder.takeGaps()) {
      trials += 1;
      const { outcome, afterMs } = world(gapMs);
      events.push({ atMs: nowMs + afterMs, gapMs, outcome });
    }
    const result = ladder.result();
    if (result) return { result, tookMs: nowMs, trials };
    events.sort((a, b) => a.atMs - b.atMs);
    const next = events.shift();
    if (!next) throw new Error('the ladder waits for nothing');
    const pointless = ladder.isPointless(next.gapMs);
    if (!pointless) nowMs = next.atMs;
    ladder.handle(next.gapMs, pointless ? { kind: 'cancelled' } : next.outcome);
  }
}

function expectWithinPromise(result: LadderResult, limitMs: number): void {
  if (result.kind !== 'limit') throw new Error(`found ${JSON.stringify(result)}`);
  expect(Math.abs(result.limitMs - limitMs)).toBeLessThanOrEqual(Math.max(1_000, limitMs / 10));
}

describe('the ladder of silent gaps', () => {
  it('finds every limit that a proxy enforces by closing, within a tenth or a second', () => {
    fc.assert(
      fc.property(fc.integer({ min: 300, max: 119_000 }), (limitMs) => {
        expectWithinPromise(play(new Ladder(120_000), closesAfter(limitMs)).result, limitMs);
      }),
    );
  });

  it('finds every limit after which a firewall forgets, and uses a bounded number of connections', () => {
    fc.assert(
      fc.property(fc.integer({ min: 300, max: 119_000 }), (limitMs) => {
        const { result, trials } = play(new Ladder(120_000), forgetsAfter(limitMs));
        expectWithinPromise(result, limitMs);
        expect(trials).toBeLessThanOrEqual(24);
      }),
    );
  });

  it('finds a limit of 60 s that nobody announces in under three minutes', () => {
    const { result, tookMs } = play(new Ladder(130_000), forgetsAfter(60_000));
    expectWithinPromise(result, 60_000);
    expect(tookMs).toBeLessThan(180_000);
  });

  it('stops as soon as two connections were closed after the same silence', () => {
    const { result, tookMs } = play(new Ladder(130_000), closesAfter(20_000));
    expect(result).toMatchObject({ kind: 'limit', limitMs: 20_000 });
    expect(tookMs).toBe(20_000);
  });

  it('reports the longest gap when nothing dies', () => {
    const { result, tookMs } = play(new Ladder(5_000), closesAfter(Number.POSITIVE_INFINITY));
    expect(result).toEqual({ kind: 'none', longestLivedMs: 5_000 });
    expect(tookMs).toBe(5_000);
  });

  it('says that it could not test when no connection could be opened', () => {
    const { result } = play(new Ladder(5_000), () => ({ outcome: { kind: 'void' }, afterMs: 1 }));
    expect(result).toEqual({ kind: 'not-tested' });
  });

  it('calls it inconsistent when a longer silence lives than the one that killed', () => {
    const world: World = (gapMs) =>
      gapMs < 1_000
        ? { outcome: { kind: 'died', silentMs: gapMs, noticed: 'probe' }, afterMs: gapMs }
        : { outcome: { kind: 'lived' }, afterMs: gapMs };
    const ladder = new Ladder(8_000);
    for (const gapMs of ladder.takeGaps()) ladder.handle(gapMs, world(gapMs).outcome);
    expect(ladder.result()).toMatchObject({ kind: 'inconsistent', longestLivedMs: 8_000 });
  });
});
