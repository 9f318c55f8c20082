import { describe, expect, it } from 'vitest';
import { defaultLimits } from '../../src/protocol/limits.ts';
import { boundsOf, capacityLine } from '../../src/server/resources/capacity.ts';
import type { Reading } from '../../src/server/resources/machine.ts';
import { defaultWatermarks, nextLevel, sharesOf, type Level } from '../../src/server/resources/pressure.ts';

const MiB = 2 ** 20;
const calm: Reading = {
  memory: { used: 100 * MiB, limit: 1_000 * MiB },
  heap: { used: 40 * MiB, limit: 4_000 * MiB },
  files: { used: 30, limit: 20_000 },
  eventLoopDelayMs: 1,
};

describe('what gives way', () => {
  it('[ADM-5] signals, then publishers, then newcomers; and it ends a little below where it began', () => {
    const shares = [0.5, 0.89, 0.9, 0.86, 0.95, 0.91, 0.99, 1, 0.96, 0.94, 0.91, 0.89, 0.86, 0.84];
    const seen: Level[] = [];
    let level: Level = 'nothing';
    for (const share of shares) seen.push((level = nextLevel(level, share, 'memory')));
    expect(seen).toEqual([
      'nothing',
      'nothing',
      'signals',
      'signals',
      'publishers',
      'publishers',
      'publishers',
      'newcomers',
      'newcomers',
      'publishers',
      'publishers',
      'signals',
      'signals',
      'nothing',
    ]);
  });

  it('[ADM-5] a sudden shortage takes all steps at once, and so does its end', () => {
    expect(nextLevel('nothing', 1.2, 'heap')).toBe('newcomers');
    expect(nextLevel('newcomers', 0.1, 'heap')).toBe('nothing');
  });

  it('[ADM-5] open files are the newcomers’ concern alone', () => {
    expect(nextLevel('nothing', 0.97, 'files')).toBe('nothing');
    expect(nextLevel('nothing', 1, 'files')).toBe('newcomers');
    expect(nextLevel('newcomers', 0.96, 'files')).toBe('newcomers');
    expect(nextLevel('newcomers', 0.94, 'files')).toBe('nothing');
  });

  it('[ADM-5] a resource’s share is that of its watermark', () => {
    const reading = { ...calm, memory: { used: 850 * MiB, limit: 1_000 * MiB }, eventLoopDelayMs: 250 };
    const shares = sharesOf(reading, defaultWatermarks);
    expect(shares.memory).toBeCloseTo(1);
    expect(shares.eventLoopDelayMs).toBeCloseTo(0.5);
    expect(sharesOf({ ...calm, files: undefined }, defaultWatermarks).files).toBe(0);
  });
});

describe('how many connections fit', () => {
  const first = (reading: Reading, limits = defaultLimits as { connectionsMax: number }, connections = 0) =>
    boundsOf(reading, defaultWatermarks, limits, connections)[0]!;

  it('[ADM-6] the tightest limit binds, and the line says how to raise it', () => {
    expect(first(calm)).toMatchObject({ connections: 17_970, raise: expect.stringContaining('LimitNOFILE') });
    const line = capacityLine(boundsOf(calm, defaultWatermarks, defaultLimits, 0));
    expect(line).toMatch(
      /^Holdfast: room for 17,970 connections, bound by open files \(ulimit -n: 20,000\); to raise that: ulimit -n 1048576 .*\. Next comes memory \(1,000 MiB\), at 54,\d\d\d\.$/,
    );
    expect(first({ ...calm, files: undefined }).name).toMatch(/^memory/);
    const cramped = { used: 100 * MiB, limit: 200 * MiB };
    expect(first({ ...calm, files: undefined, heap: cramped })).toMatchObject({
      connections: 8_960,
      raise: 'node --max-old-space-size=750',
    });
    expect(first(calm, { connectionsMax: 5_000 })).toMatchObject({ connections: 5_000 });
  });

  it('[ADM-6] connections that are open already count among those that fit', () => {
    const reading = { ...calm, files: { used: 10_030, limit: 20_000 } };
    expect(first(reading, undefined, 10_000).connections).toBe(17_970);
  });

  it('[ADM-6] without room nothing fits, rather than less than nothing', () => {
    const reading = { ...calm, memory: { used: 950 * MiB, limit: 1_000 * MiB } };
    expect(first(reading).connections).toBe(0);
  });
});
