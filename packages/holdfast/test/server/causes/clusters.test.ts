import { describe, expect, it } from 'vitest';
import { likeOthers, poissonTail } from '../../../src/server/causes/clusters.ts';

const at = (valueMs: number, atMs: number): { valueMs: number; atMs: number } => ({ valueMs, atMs });

describe('the Poisson tail', () => {
  it('is what tables have', () => {
    expect(poissonTail(0, 0.5)).toBe(1);
    expect(poissonTail(1, 0.5)).toBeCloseTo(0.3935, 4);
    expect(poissonTail(3, 1)).toBeCloseTo(0.0803, 4);
    expect(poissonTail(5, 2)).toBeCloseTo(0.0527, 4);
  });
});

describe('how many others are like one', () => {
  it('counts those within the tolerance, each at a time of its own', () => {
    const others = [
      at(10_050, 5_000),
      at(9_990, 9_000),
      at(10_060, 9_100),
      at(11_000, 20_000),
      at(10_000, 0),
    ];
    expect(likeOthers(at(10_000, 100), others, 100).count).toBe(2);
  });

  it('takes what lies around it for chance’s measure, and what lies far off for nothing', () => {
    const alike = [at(10_000, 5_000), at(10_010, 10_000)];
    const near = Array.from({ length: 30 }, (_, index) => at(6_000 + index * 100, index * 9_000));
    const below = near.filter(({ valueMs }) => valueMs < 9_900);
    const far = Array.from({ length: 200 }, (_, index) => at(100 + index, index * 9_000));
    const alone = likeOthers(at(10_000, 0), alike, 60);
    expect(alone.chance).toBeLessThan(0.001);
    expect(likeOthers(at(10_000, 0), [...alike, ...far], 60)).toEqual(alone);
    expect(likeOthers(at(10_000, 0), [...alike, ...near], 60).chance).toBeGreaterThan(alone.chance * 100);
    // What lies on one side alone is as dense: the other may be out of reach.
    expect(likeOthers(at(10_000, 0), [...alike, ...below], 60).chance).toBeGreaterThan(alone.chance * 100);
  });
});
