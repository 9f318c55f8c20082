import { JetStreamApiError } from '@nats-io/jetstream';
import { describe, expect, it } from 'vitest';
import { HoldfastError } from '../../../src/protocol/error-codes.ts';
import { apiCodes } from '../../../src/server/logs/nats/failures.ts';
import { Lane } from '../../../src/server/logs/nats/lane.ts';

const later = performance.now() + 60_000;

/** Things to do whose attempts fail as often as they are told to. */
class Work {
  readonly done: string[] = [];
  readonly attempts: string[] = [];
  flying = 0;
  flyingMost = 0;
  private readonly failures: Record<string, Error[]>;

  constructor(failures: Record<string, Error[]> = {}) {
    this.failures = failures;
  }

  attempt(name: string): () => Promise<string> {
    return async () => {
      this.attempts.push(name);
      this.flyingMost = Math.max(this.flyingMost, ++this.flying);
      await Promise.resolve();
      this.flying--;
      const failure = this.failures[name]?.shift();
      if (failure) throw failure;
      this.done.push(name);
      return name;
    };
  }
}

const passing = (): Error => new Error('timeout');

describe('a lane', () => {
  it('[PUB-1] of width 1 does one at a time, and tries again until it is done before it goes on', async () => {
    const work = new Work({ b: [passing(), passing()] });
    const lane = new Lane<string>(1, () => {});
    const all = await Promise.all(['a', 'b', 'c'].map((name) => lane.do(work.attempt(name), later)));
    expect(all).toEqual(['a', 'b', 'c']);
    expect(work.attempts).toEqual(['a', 'b', 'b', 'b', 'c']);
    expect(work.flyingMost).toBe(1);
  });

  it('[PUB-1] of more does several at once; those at the end that failed are done again, in order', async () => {
    const work = new Work({ c: [passing()], d: [passing()] });
    const lane = new Lane<string>(4, () => {});
    const first = lane.do(work.attempt('first'), later);
    const all = ['a', 'b', 'c', 'd', 'e'].map((name) => lane.do(work.attempt(name), later));
    await first;
    await Promise.all(all);
    expect(work.flyingMost).toBe(4);
    expect(work.done).toEqual(['first', 'a', 'b', 'c', 'd', 'e']);
  });

  it('[PUB-1] what failed before something that succeeded is rejected, because it would come after it', async () => {
    const work = new Work({ b: [passing()] });
    const lane = new Lane<string>(4, () => {});
    const first = lane.do(work.attempt('first'), later);
    const outcomes = Promise.allSettled(['a', 'b', 'c'].map((name) => lane.do(work.attempt(name), later)));
    await first;
    expect((await outcomes).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(work.done).toEqual(['first', 'a', 'c']);
  });

  it('[ERR-1] at its deadline one fails with log-unavailable, and so does all that waits behind it', async () => {
    const work = new Work({ a: [passing()] });
    let idle = 0;
    const lane = new Lane<string>(1, () => idle++);
    const outcomes = await Promise.allSettled([
      lane.do(work.attempt('a'), performance.now() - 1),
      lane.do(work.attempt('b'), later),
    ]);
    for (const outcome of outcomes) expect(outcome).toMatchObject({ reason: { code: 'log-unavailable' } });
    expect(work.attempts).toEqual(['a']);
    expect(idle).toBe(1);
  });

  it('[ERR-1] a refusal is not tried again', async () => {
    const refusal = new HoldfastError('closed', 'The log was closed.');
    const work = new Work({ a: [refusal] });
    const lane = new Lane<string>(1, () => {});
    await expect(lane.do(work.attempt('a'), later)).rejects.toBe(refusal);
    expect(await lane.do(work.attempt('b'), later)).toBe('b');
    expect(work.attempts).toEqual(['a', 'b']);
  });

  it('[ERR-1] a stream without room fails with log-full what it refused or never saw, and nothing that may be kept', async () => {
    const full = new JetStreamApiError({
      code: 503,
      err_code: apiCodes.storeFailed,
      description: 'maximum bytes',
    });
    const work = new Work({ a: [full], b: [passing()] });
    const lane = new Lane<string>(2, () => {});
    const first = lane.do(work.attempt('first'), later);
    const outcomes = Promise.allSettled(['a', 'b', 'c'].map((name) => lane.do(work.attempt(name), later)));
    await first;
    const codes = (await outcomes).map((outcome) => (outcome as { reason: { code: string } }).reason.code);
    expect(codes).toEqual(['log-full', 'log-unavailable', 'log-full']);
    expect(work.attempts).toEqual(['first', 'a', 'b']);
  });
});
