import type { ChaosFaults, ChaosProxy } from '@holdfast/chaos';
import { expect, it, vi } from 'vitest';
import { Breaker, type BreakerParts } from '../src/supervisor/breaker.ts';

const taken = new Error('listen EADDRINUSE: address already in use 127.0.0.1:4321');

function make() {
  let faults: ChaosFaults = {};
  const answer = vi.fn<() => Promise<void>>().mockResolvedValue();
  const set = vi.fn((changes: ChaosFaults): Promise<void> => {
    faults = { ...faults, ...changes };
    return answer();
  });
  const warned: string[] = [];
  const breaker = new Breaker({
    proxy: {
      set,
      get faults() {
        return faults;
      },
    } as unknown as ChaosProxy,
    keeper: {} as BreakerParts['keeper'],
    publisher: {} as BreakerParts['publisher'],
    changed: () => {},
    marked: () => {},
    warned: (text) => warned.push(text),
  });
  return { breaker, set, answer, warned };
}

it('a line whose port another program took stays refused, and the page stays up', async () => {
  const { breaker, set, answer, warned } = make();
  answer.mockResolvedValueOnce().mockRejectedValueOnce(taken);
  breaker.handle({ action: 'refuse', on: true });
  breaker.handle({ action: 'refuse', on: false });
  await vi.waitFor(() => expect(warned).toEqual([expect.stringContaining('address already in use')]));
  expect(breaker.faults).toEqual({ refuse: null });
  breaker.handle({ action: 'clear' });
  expect(set).toHaveBeenLastCalledWith({ refuse: undefined });
  expect(breaker.faults).toEqual({});
});

it('it is refused whichever button finds that out, until one gets the port back', async () => {
  const { breaker, answer, warned } = make();
  answer.mockResolvedValueOnce().mockRejectedValueOnce(taken).mockRejectedValueOnce(taken);
  breaker.handle({ action: 'refuse', on: true });
  breaker.handle({ action: 'refuse', on: false });
  await vi.waitFor(() => expect(warned).toHaveLength(1));
  breaker.handle({ action: 'latency', on: true });
  await vi.waitFor(() => expect(warned).toHaveLength(2));
  expect(breaker.faults).toEqual({ refuse: null, latency: null });
  breaker.handle({ action: 'latency', on: false });
  await vi.waitFor(() => expect(breaker.faults).toEqual({}));
});
