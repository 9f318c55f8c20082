import { expect, it } from 'vitest';
import { Repeats } from '../../../src/server/logs/nats/repeats.ts';

const place = (offset: number): { offset: number; previous: number } => ({ offset, previous: offset - 1 });

it('[PUB-3] keeps the newest places of a session, and its highest sequence', () => {
  const repeats = new Repeats(2, 1_000);
  for (const sequence of [1, 2, 3]) repeats.remember('session', sequence, place(sequence * 10), 0);
  expect(repeats.find('session', 1)).toBeUndefined();
  expect(repeats.find('session', 3)).toEqual(place(30));
  expect(repeats.highestOf('session')).toBe(3);
  expect(repeats.highestOf('other')).toBeUndefined();
});

it('[PUB-3] drops the places of sessions that publish no more, but never goes below what it knew to be settled', () => {
  const repeats = new Repeats(2, 1_000);
  repeats.remember('old', 7, place(70), 0);
  repeats.remember('young', 1, place(80), 900);
  repeats.expire(1_500);
  expect(repeats.find('old', 7)).toBeUndefined();
  expect(repeats.highestOf('old')).toBe(7);
  expect(repeats.find('young', 1)).toEqual(place(80));
});

it('[PUB-3] keeps so many places of all sessions together, those of the sessions that published last', () => {
  const repeats = new Repeats(3, 1_000, 6);
  const publish = (session: string, nowMs: number): void => {
    for (const sequence of [1, 2, 3, 4]) repeats.remember(session, sequence, place(sequence), nowMs);
  };
  for (const session of ['a', 'b', 'c']) publish(session, 0);
  expect(['a', 'b', 'c'].map((session) => repeats.highestOf(session))).toEqual([undefined, 4, 4]);
  // What has expired makes room.
  repeats.expire(2_000);
  for (const session of ['d', 'e']) publish(session, 2_000);
  expect(['b', 'c', 'd', 'e'].map((session) => repeats.highestOf(session))).toEqual([4, 4, 4, 4]);
  expect(repeats.find('d', 4)).toEqual(place(4));
});
