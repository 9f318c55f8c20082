import { expect, it, vi } from 'vitest';
import { HoldfastError } from '../../../src/protocol/error-codes.ts';
import { Healing } from '../../../src/server/logs/nats/healing.ts';
import { deferred } from '../../server/fixture.ts';

const patient = { timeout: 10_000, interval: 5 };

it('[HUB-8] what failed is done again until it was done', async () => {
  let attempts = 0;
  const healing = new Healing(async () => {
    if (++attempts < 3) throw new HoldfastError('log-unavailable', 'No answer.');
  });
  healing.want();
  await vi.waitFor(() => expect(attempts).toBe(3), patient);
});

it('[HUB-8] any number of reasons while it is under way make it happen once more', async () => {
  const running = [deferred(), deferred(), deferred()];
  let started = 0;
  const healing = new Healing(() => running[started++]!.promise);
  healing.want();
  for (let i = 0; i < 10; i++) healing.want();
  expect(started).toBe(1);
  running[0]!.resolve();
  await vi.waitFor(() => expect(started).toBe(2), patient);
  running[1]!.resolve();
  // Once it is idle, another reason begins it at once.
  await vi.waitFor(() => {
    healing.want();
    expect(started).toBe(3);
  }, patient);
});

it('[HUB-8] a log that was closed is left alone', async () => {
  let attempts = 0;
  const healing = new Healing(() => {
    attempts++;
    return Promise.reject(new HoldfastError('closed', 'The log was closed.'));
  });
  healing.want();
  await vi.waitFor(() => {
    healing.want();
    // Idle after the first: nothing waits for a next attempt.
    expect(attempts).toBeGreaterThan(1);
  }, patient);
});
