import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../src/testing/virtual-clock.ts';

describe('virtual time', () => {
  it('passes when told to, and calls back in order', async () => {
    const clock = new VirtualClock();
    const began = clock.nowMs();
    const calls: string[] = [];
    for (const delayMs of [30, 10, 20, 10])
      clock.at(delayMs, () => calls.push(`${delayMs} at ${clock.nowMs() - began}`));
    const cancel = clock.at(15, () => calls.push('cancelled'));
    cancel();
    await clock.advance(25);
    expect(calls).toEqual(['10 at 10', '10 at 10', '20 at 20']);
    expect(clock.nowMs() - began).toBe(25);
    await clock.advance(3_600_000);
    expect(calls.at(-1)).toBe('30 at 30');
  });

  it('lets promises settle, then what was deferred run, before the next event', async () => {
    const clock = new VirtualClock();
    const calls: string[] = [];
    clock.at(1, () => {
      calls.push('event');
      clock.defer(() => {
        calls.push('deferred');
        clock.defer(() => calls.push('deferred again'));
      });
      void Promise.resolve().then(() => calls.push('promise'));
    });
    clock.at(1, () => calls.push('next event'));
    await clock.advance(1);
    expect(calls).toEqual(['event', 'promise', 'deferred', 'deferred again', 'next event']);
  });

  it('until() stops when the condition holds, and says when it never did', async () => {
    const clock = new VirtualClock();
    let done = false;
    clock.at(5_000, () => (done = true));
    expect(await clock.until(() => done, 1_000)).toBe(false);
    expect(await clock.until(() => done, 10_000)).toBe(true);
  });

  it('a stopped process does nothing, and then everything it missed; an ended one nothing more', async () => {
    const clock = new VirtualClock();
    const [stopped, ended] = [clock.process(), clock.process()];
    const calls: string[] = [];
    for (const delayMs of [10, 20]) stopped.setTimer(() => calls.push(`stopped ${delayMs}`), delayMs);
    ended.setTimer(() => calls.push('ended'), 10);
    const cancel = stopped.setTimer(() => calls.push('cancelled'), 15);
    stopped.stop();
    ended.end();
    await clock.advance(100);
    expect(calls).toEqual([]);
    cancel();
    stopped.continue();
    ended.continue();
    await clock.advance(0);
    expect(calls).toEqual(['stopped 10', 'stopped 20']);
  });
});
