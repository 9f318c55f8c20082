import { expect, it } from 'vitest';
import { Tail } from '../../../src/server/logs/nats/tail.ts';

const payload = new Uint8Array([1]);

it('[SUB-2] gives a topic’s messages after an offset, when all of them are there', () => {
  const tail = new Tail();
  // Two topics in one stream: 3, 5, 9 and 4, 7.
  for (const [offset, previous] of [
    [3, 1],
    [4, 0],
    [5, 3],
    [7, 4],
    [9, 5],
  ] as const)
    tail.take(offset, previous, payload);
  const offsets = (after: number, newest: number): number[] | undefined =>
    tail.between(after, newest)?.map(({ offset }) => offset);
  expect(offsets(3, 9)).toEqual([5, 9]);
  expect(offsets(1, 9)).toEqual([3, 5, 9]);
  expect(offsets(2, 9), 'no message of the topic is at 2').toEqual([3, 5, 9]);
  expect(offsets(9, 9)).toEqual([]);
  expect(offsets(0, 9), 'the one at 1 was not heard').toBeUndefined();
  expect(offsets(0, 7)).toEqual([4, 7]);
  expect(offsets(9, 12), 'nor was the one at 12').toBeUndefined();
});

it('forgets the oldest beyond its bytes', () => {
  const tail = new Tail();
  const large = new Uint8Array(12 * 1_048_576);
  for (const offset of [1, 2, 3]) tail.take(offset, offset - 1, large);
  expect([1, 2, 3].map((offset) => tail.previousOf(offset))).toEqual([undefined, 1, 2]);
});

it('forgets the oldest beyond its number, in which those that were dropped count', () => {
  const tail = new Tail();
  const max = 65_536;
  for (let offset = 1; offset <= max + 2; offset++) tail.take(offset, 0, payload);
  const known = (...offsets: number[]): boolean[] =>
    offsets.map((offset) => tail.previousOf(offset) !== undefined);
  expect(known(1, 2, 3, max + 2)).toEqual([false, false, true, true]);
  tail.drop(3);
  tail.drop(5);
  for (const offset of [max + 3, max + 4]) tail.take(offset, 0, payload);
  expect(known(3, 4, 5, 6, max + 4)).toEqual([false, false, false, true, true]);
  tail.forget();
  for (let offset = 1; offset <= max + 1; offset++) tail.take(offset, 0, payload);
  expect(known(1, 2, max + 1, max + 4)).toEqual([false, true, true, false]);
});

it('[WIRE-4] keeps a copy', () => {
  const tail = new Tail();
  const given = Buffer.from('before');
  tail.take(1, 0, given);
  given.fill(0);
  expect(Buffer.from(tail.between(0, 1)![0]!.payload).toString()).toBe('before');
});

it('drops a topic’s messages and no other’s', () => {
  const tail = new Tail();
  for (const [offset, previous] of [
    [3, 1],
    [4, 0],
    [5, 3],
  ] as const)
    tail.take(offset, previous, payload);
  tail.drop(5);
  expect([3, 4, 5].map((offset) => tail.previousOf(offset))).toEqual([undefined, 0, undefined]);
});
