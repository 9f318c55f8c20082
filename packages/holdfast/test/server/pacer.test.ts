import { describe, expect, it } from 'vitest';
import { Pacer } from '../../src/server/admission/pacer.ts';
import { seededRandom } from '../../src/testing/seeded-random.ts';

/** Everybody's arrivals in order of time, as clients do that keep to their slots; each returns when it was let in. */
function run(
  pacer: Pacer,
  firstArrivalsMs: readonly number[],
): { arrivalsMs: number[]; admittedMs: number[] } {
  const waiting = firstArrivalsMs.toSorted((a, b) => b - a);
  const arrivalsMs: number[] = [];
  const admittedMs: number[] = [];
  for (let nowMs = waiting.pop(); nowMs !== undefined; nowMs = waiting.pop()) {
    arrivalsMs.push(nowMs);
    if (pacer.admit(nowMs)) admittedMs.push(nowMs);
    else {
      const atMs = nowMs + pacer.book(nowMs);
      const place = waiting.findLastIndex((otherMs) => otherMs > atMs);
      waiting.splice(place + 1, 0, atMs);
    }
  }
  return { arrivalsMs, admittedMs };
}

/** The most arrivals in any second from `fromMs` on. */
function mostInASecond(timesMs: readonly number[], fromMs: number): number {
  const times = timesMs.filter((atMs) => atMs >= fromMs);
  let most = 0;
  for (let first = 0, last = 0; last < times.length; last++) {
    while (times[last]! - times[first]! >= 1_000) first++;
    most = Math.max(most, last - first + 1);
  }
  return most;
}

const paced = (perSecond: number): Pacer => new Pacer(perSecond, 0, seededRandom(1));

describe('handshakes kept to a budget', () => {
  it('[ADM-2] 2,000 at once: one second’s worth is admitted, and the rest comes back at the budget’s pace', () => {
    const all = Array.from({ length: 2_000 }, () => 0);
    const { arrivalsMs, admittedMs } = run(paced(200), all);
    expect(admittedMs).toHaveLength(2_000);
    expect(admittedMs.filter((atMs) => atMs === 0)).toHaveLength(200);
    expect(mostInASecond(arrivalsMs, 1_000)).toBeLessThanOrEqual(201);
    expect(arrivalsMs.length, 'nobody is sent away twice').toBe(2_000 + 1_800);
    expect(admittedMs.at(-1)).toBeLessThanOrEqual(10_000);
  });

  it('[ADM-2] arrivals over a second, with newcomers among them, never exceed the budget by more than the newcomers', () => {
    const random = seededRandom(2);
    const returning = Array.from({ length: 2_000 }, () => random() * 1_000);
    const newcomers = Array.from({ length: 100 }, (_, index) => 1_000 + index * 100);
    const { arrivalsMs, admittedMs } = run(paced(200), [...returning, ...newcomers]);
    expect(admittedMs).toHaveLength(2_100);
    expect(mostInASecond(arrivalsMs, 1_000)).toBeLessThanOrEqual(220);
    expect(mostInASecond(admittedMs, 1_000)).toBeLessThanOrEqual(220);
  });

  it('[ADM-2] no more than the burst and the budget come in, however many try', () => {
    const pacer = paced(50);
    let admitted = 0;
    for (let atMs = 0; atMs < 10_000; atMs++) if (pacer.admit(atMs)) admitted++;
    expect(admitted).toBeGreaterThanOrEqual(545);
    expect(admitted).toBeLessThanOrEqual(550);
  });

  it('[ADM-2] slots that nobody came for do not put off those who come later', () => {
    const pacer = paced(10);
    for (let i = 0; i < 10; i++) pacer.admit(0);
    for (let i = 0; i < 500; i++) pacer.book(0);
    expect(pacer.book(0)).toBeGreaterThan(50_000);
    // Two seconds later the bucket is full: nobody keeps to those slots.
    expect(pacer.admit(2_000)).toBe(true);
    expect(pacer.book(2_000)).toBe(1_000);
  });

  it('[ADM-2] nobody is sent away for more than five minutes, and those at the end not in step', () => {
    const pacer = paced(1);
    pacer.admit(0);
    const waits = Array.from({ length: 1_000 }, () => pacer.book(0));
    expect(Math.max(...waits)).toBeLessThanOrEqual(300_000);
    expect(new Set(waits.slice(400)).size).toBeGreaterThan(500);
  });

  it('[ADM-2] a budget of less than one in a second still admits', () => {
    const pacer = paced(0.5);
    expect(pacer.admit(0)).toBe(true);
    expect(pacer.admit(1_000)).toBe(false);
    expect(pacer.admit(2_000)).toBe(true);
  });
});
