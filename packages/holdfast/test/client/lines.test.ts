import { describe, expect, it } from 'vitest';
import { defaultLines, Lines, type Measure } from '../../src/client/lines.ts';
import { seededRandom } from '../../src/testing/seeded-random.ts';
import { VirtualClock } from '../../src/testing/virtual-clock.ts';

const [a, b, c] = ['ws://a/', 'ws://b/', 'ws://c/'] as const;
const HOUR_MS = 3_600_000;

/** Lines whose round trips are the test's to say, with ±20 % of noise. */
class Bed {
  readonly clock = new VirtualClock();
  readonly rttMs: Record<string, number> = { [a]: 40, [b]: 60, [c]: 90 };
  readonly moves: string[] = [];
  readonly movedAtMs: number[] = [];
  readonly random: () => number;
  readonly lines: Lines;

  constructor(seed = 1) {
    this.random = seededRandom(seed);
    const measure: Measure = async (url, count) =>
      Array.from({ length: count }, () => this.rttMs[url]! * (0.8 + 0.4 * this.random()));
    this.lines = new Lines(
      [a, b, c],
      { clock: this.clock.process(), measure },
      defaultLines,
      () => void this.move(),
    );
    this.lines.use(a);
  }

  private async move(): Promise<void> {
    const [url] = await this.lines.candidates();
    this.moves.push(url!);
    this.movedAtMs.push(this.clock.nowMs());
    this.lines.use(url!);
  }
}

describe('several endpoints', () => {
  it('[LINE-1] an attempt goes to the one in use first, then to the others as they score', async () => {
    const { lines, clock } = new Bed();
    expect(await lines.candidates()).toEqual([a, b, c]);
    await clock.advance(HOUR_MS);
    lines.use(c);
    expect(await lines.candidates()).toEqual([c, a, b]);
  });

  it('[LINE-1] one that failed goes behind the others, and comes up again in time', async () => {
    const { lines, clock } = new Bed();
    lines.failed(a);
    expect((await lines.candidates()).at(-1)).toBe(a);
    lines.failed(b);
    lines.failed(b);
    expect(await lines.candidates()).toEqual([c, a, b]);
    await clock.advance(10 * HOUR_MS);
    expect((await lines.candidates())[0]).toBe(a);
  });

  it('[LINE-2] when the best gets 300 ms slower, it is left once, for the next best', async () => {
    const bed = new Bed();
    await bed.clock.advance(HOUR_MS);
    bed.rttMs[a] = 340;
    await bed.clock.advance(5 * HOUR_MS);
    expect(bed.moves).toEqual([b]);
    expect(bed.lines.scores.find(({ current }) => current)?.url).toBe(b);
  });

  it('[LINE-2] a connection that has become slow has others looked at within minutes', async () => {
    const bed = new Bed();
    await bed.clock.advance(HOUR_MS);
    bed.rttMs[a] = 340;
    bed.lines.noteRtt(40);
    bed.lines.noteRtt(345);
    await bed.clock.advance(200_000);
    expect(bed.moves).toEqual([b]);
  });

  it('[LINE-2] a connection that stays slow, and is still the best, is not looked at for ever', async () => {
    const bed = new Bed();
    Object.assign(bed.rttMs, { [a]: 300, [b]: 400, [c]: 400 });
    let checks = 0;
    const { random } = bed;
    bed.lines.noteRtt(40);
    const before = bed.clock.nowMs();
    let last = JSON.stringify(bed.lines.scores);
    while (bed.clock.nowMs() - before < HOUR_MS) {
      bed.lines.noteRtt(280 + 40 * random());
      await bed.clock.advance(5_000);
      const scores = JSON.stringify(bed.lines.scores);
      if (scores !== last) checks++;
      last = scores;
    }
    expect(checks).toBeGreaterThan(4);
    expect(checks).toBeLessThan(10);
  });

  it('[LINE-2] loses its place when it stops answering', async () => {
    const bed = new Bed();
    bed.rttMs[a] = Infinity;
    await bed.clock.advance(2 * HOUR_MS);
    expect(bed.moves).toEqual([b]);
  });

  it('[LINE-2] nothing moves for ±20 % of noise, in a hundred days of it', async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const bed = new Bed(seed);
      Object.assign(bed.rttMs, { [a]: 200, [b]: 205, [c]: 195 });
      await bed.clock.advance(5 * 24 * HOUR_MS);
      expect(bed.moves, `seed ${seed}`).toEqual([]);
    }
  });

  it('[LINE-2] from one move to the next there are ten minutes at least', async () => {
    const bed = new Bed();
    for (let swing = 0; swing < 200; swing++) {
      [bed.rttMs[a], bed.rttMs[b]] = swing % 2 === 0 ? [500, 60] : [60, 500];
      bed.lines.noteRtt(10);
      bed.lines.noteRtt(1_000);
      await bed.clock.advance(150_000);
    }
    expect(bed.moves.length).toBeGreaterThan(10);
    const gapsMs = bed.movedAtMs.slice(1).map((atMs, index) => atMs - bed.movedAtMs[index]!);
    expect(Math.min(...gapsMs)).toBeGreaterThanOrEqual(600_000);
  });

  it('[LINE-3] nothing is measured while nothing is live, nor where there is one endpoint', async () => {
    const bed = new Bed();
    bed.lines.rest();
    await bed.clock.advance(HOUR_MS);
    expect(bed.lines.scores.map(({ rttMs }) => rttMs)).toEqual([undefined, undefined, undefined]);
    let asked = 0;
    const single = new Lines(
      a,
      { clock: bed.clock.process(), measure: async () => [++asked] },
      defaultLines,
      () => {},
    );
    single.use(a);
    await bed.clock.advance(HOUR_MS);
    expect(asked).toBe(0);
  });

  it('[LINE-2] a check that a new connection overtakes begins no second row of checks', async () => {
    const clock = new VirtualClock();
    const asked: number[] = [];
    const measure: Measure = (url, count) =>
      new Promise((resolve) => {
        if (url === a) asked.push(clock.nowMs());
        clock.process().setTimer(() => resolve(Array.from({ length: count }, () => 50)), 5_000);
      });
    const lines = new Lines([a, b], { clock: clock.process(), measure }, defaultLines, () => {});
    lines.use(a);
    await clock.advance(601_000);
    lines.rest();
    lines.use(a);
    await clock.advance(HOUR_MS);
    const gapsMs = asked.slice(1).map((atMs, index) => atMs - asked[index]!);
    expect(Math.min(...gapsMs)).toBeGreaterThanOrEqual(600_000);
  });

  it('[LINE-2] the one in use is measured, however many others there are', async () => {
    const clock = new VirtualClock();
    const urls = Array.from({ length: 6 }, (_, index) => `ws://${index}/`);
    const measured = new Set<string>();
    const measure: Measure = async (url, count) => {
      measured.add(url);
      return Array.from({ length: count }, () => 50);
    };
    const lines = new Lines(urls, { clock: clock.process(), measure }, defaultLines, () => {});
    lines.use(urls[5]!);
    await clock.advance(HOUR_MS);
    expect([...measured].toSorted()).toEqual([...urls.slice(0, 3), urls[5]]);
  });

  it('[LINE-1] what a function no longer gives is forgotten', async () => {
    let given: string | string[] = [a, b];
    const lines = new Lines(
      () => given,
      { clock: new VirtualClock().process() },
      defaultLines,
      () => {},
    );
    expect(await lines.candidates()).toEqual([a, b]);
    given = c;
    expect(await lines.candidates()).toEqual([c]);
    expect(lines.scores.map(({ url }) => url)).toEqual([c]);
  });
});
