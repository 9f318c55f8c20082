import { expect, it } from 'vitest';
import { Patience } from '../../../src/server/logs/nats/patience.ts';

it('[HUB-7] waits twice as long after an answer that was late, up to what fits the deadline', () => {
  const patience = new Patience(30_000);
  const waits: number[] = [];
  for (let nowMs = 0; waits.length < 5;) {
    const waitMs = patience.waitMs(nowMs);
    waits.push(waitMs);
    nowMs += waitMs;
    patience.late(waitMs, nowMs);
  }
  expect(waits).toEqual([3_000, 6_000, 12_000, 12_000, 12_000]);
});

it('[HUB-7] of many that were asked together and are late together, one counts', () => {
  const patience = new Patience(30_000);
  for (let i = 0; i < 100; i++) patience.late(3_000, 3_000);
  expect(patience.waitMs(3_000)).toBe(6_000);
});

it('[HUB-7] is back at the first wait once nothing was late for half a minute', () => {
  const patience = new Patience(30_000);
  patience.late(3_000, 3_000);
  patience.late(6_000, 9_000);
  expect(patience.waitMs(39_000)).toBe(12_000);
  expect(patience.waitMs(39_001)).toBe(3_000);
});

it('[HUB-7] a short deadline leaves the first wait only', () => {
  expect(new Patience(700).steps).toEqual([3_000]);
});
