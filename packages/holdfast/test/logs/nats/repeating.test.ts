import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Repeating } from '../../../src/server/logs/nats/repeating.ts';
import { deferred } from '../../server/fixture.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function scene() {
  const asked: { atMs: number; answer(text: string): void }[] = [];
  const startMs = Date.now();
  const repeating = new Repeating(() => {
    const { promise, resolve } = deferred<string>();
    asked.push({ atMs: Date.now() - startMs, answer: resolve });
    return promise;
  });
  return { repeating, asked };
}

it('[HUB-7] what has no answer is asked once more, each time after twice as long', async () => {
  const { repeating, asked } = scene();
  await vi.advanceTimersByTimeAsync(30_000);
  expect(asked.map(({ atMs }) => atMs)).toEqual([0, 3_000, 9_000, 21_000]);
  asked[3]!.answer('the last');
  expect(await repeating.answer).toBe('the last');
  await vi.advanceTimersByTimeAsync(60_000);
  expect(asked).toHaveLength(4);
});

it('[HUB-7] a late answer to an earlier question counts', async () => {
  const { repeating, asked } = scene();
  await vi.advanceTimersByTimeAsync(10_000);
  asked[0]!.answer('late');
  expect(await repeating.answer).toBe('late');
});

it('[HUB-7] what was refused, or was stopped, is not asked again', async () => {
  let asked = 0;
  const refused = new Repeating(() => {
    asked++;
    return Promise.reject(new Error('no'));
  });
  await expect(refused.answer).rejects.toThrow('no');
  await vi.advanceTimersByTimeAsync(60_000);
  expect(asked).toBe(1);
  const stopped = scene();
  stopped.repeating.stop();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(stopped.asked).toHaveLength(1);
});
