import type { ChaosProxy } from '@holdfast/chaos';
import { expect, it, vi } from 'vitest';
import { Breaker, type BreakerParts } from '../src/supervisor/breaker.ts';

it('a line whose port another program took stays refused, and the page stays up', async () => {
  const taken = new Error('listen EADDRINUSE: address already in use 127.0.0.1:4321');
  const set = vi
    .fn<ChaosProxy['set']>()
    .mockResolvedValue()
    .mockResolvedValueOnce()
    .mockRejectedValueOnce(taken);
  const warned: string[] = [];
  const breaker = new Breaker({
    proxy: { set } as unknown as ChaosProxy,
    keeper: {} as BreakerParts['keeper'],
    publisher: {} as BreakerParts['publisher'],
    changed: () => {},
    marked: () => {},
    warned: (text) => warned.push(text),
  });
  breaker.handle({ action: 'refuse', on: true });
  breaker.handle({ action: 'refuse', on: false });
  await vi.waitFor(() => expect(warned).toEqual([expect.stringContaining('address already in use')]));
  expect(breaker.faults).toEqual({ refuse: null });
  breaker.handle({ action: 'clear' });
  expect(set).toHaveBeenLastCalledWith({ refuse: undefined });
  expect(breaker.faults).toEqual({});
});
