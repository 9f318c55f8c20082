import { expect, it, onTestFinished, vi } from 'vitest';
import { Lanes, type LaneParts, type Pending } from '../../../src/server/logs/redis/lanes.ts';
import { Pause } from '../../../src/server/logs/redis/pause.ts';
import { ReplyError } from '../../../src/server/logs/redis/replies.ts';
import { seededRandom } from '../../../src/testing/seeded-random.ts';

type Answer = 'appended' | 'duplicate' | 'stale';
type Send = LaneParts<Pending, Answer>['send'];

function openLanes(send: Send, parts: Partial<LaneParts<Pending, Answer>> = {}): Lanes<Pending, Answer> {
  const pause = new Pause();
  const lanes = new Lanes<Pending, Answer>({
    send,
    pause,
    random: () => 0,
    windowMax: 8,
    deadlineMs: 30_000,
    bytesMax: 1_000_000,
    ...parts,
  });
  onTestFinished(() => {
    lanes.close(new Error('The test is over'));
    pause.end();
  });
  return lanes;
}

const entry = (sequence: number, bytes = 1): Pending => ({ sequence, bytes });

/** What Redis remembers of one session, and the script's rule. */
class Memory {
  readonly applied: number[] = [];
  take(sequence: number, ahead: number): Answer | 'early' {
    const highest = this.applied.at(-1) ?? 0;
    if (sequence <= highest) return this.applied.includes(sequence) ? 'duplicate' : 'stale';
    if (ahead > highest) return 'early';
    this.applied.push(sequence);
    return 'appended';
  }
}

it('[PUB-3] whatever fails on the way there or back, each is applied once and in order', async () => {
  for (let seed = 1; seed <= 40; seed++) {
    const random = seededRandom(seed);
    const memory = new Memory();
    const send: Send = async (_key, { sequence }, ahead) => {
      // Others overtake it.
      for (let turns = Math.floor(random() * 3); turns > 0; turns--) await Promise.resolve();
      if (random() < 0.2) throw new Error('the connection was lost on the way there');
      const answer = memory.take(sequence, ahead);
      if (random() < 0.2) throw new Error('the answer was lost');
      return answer;
    };
    const lanes = openLanes(send);
    const sequences = Array.from({ length: 30 }, (_, index) => index * 2 + 1);
    const answers = await Promise.all(sequences.map((sequence) => lanes.append('lane', entry(sequence))));
    expect(memory.applied, `seed ${seed}`).toEqual(sequences);
    expect(answers, `seed ${seed}`).not.toContain('stale');
  }
}, 30_000);

it('[PUB-3] no more are in question than Redis remembers', async () => {
  let inFlight = 0;
  let most = 0;
  const lanes = openLanes(async () => {
    most = Math.max(most, ++inFlight);
    await new Promise(setImmediate);
    inFlight--;
    return 'appended';
  });
  await Promise.all(Array.from({ length: 50 }, (_, index) => lanes.append('lane', entry(index + 1))));
  expect(most).toBe(8);
});

it('[FLOW-4] one of very many costs as much as one of few', async () => {
  const lanes = openLanes(() => new Promise((resolve) => setImmediate(resolve, 'appended')), {
    windowMax: 256,
  });
  // Were the queue moved for each, this would take half a minute, and not a second.
  const appends = Array.from({ length: 200_000 }, (_, index) => lanes.append('lane', entry(index + 1)));
  expect(new Set(await Promise.all(appends))).toEqual(new Set(['appended']));
}, 15_000);

it('lanes do not wait for each other', async () => {
  const lanes = openLanes((key) => (key === 'stuck' ? new Promise(() => {}) : Promise.resolve('appended')));
  lanes.append('stuck', entry(1)).catch(() => {});
  expect(await lanes.append('other', entry(1))).toBe('appended');
});

it('[PUB-3] what Redis refuses fails with all that follows it, so that none of those makes it stale', async () => {
  const seen: number[] = [];
  const lanes = openLanes(async (_key, { sequence }) => {
    seen.push(sequence);
    throw new ReplyError('OOM command not allowed when used memory > maxmemory');
  });
  const results = await Promise.allSettled(
    [1, 2, 3].map((sequence) => lanes.append('lane', entry(sequence))),
  );
  for (const result of results) {
    expect(result).toMatchObject({
      status: 'rejected',
      reason: { code: 'log-full', message: expect.stringContaining('raise its maxmemory') as string },
    });
  }
  expect(seen, 'none is tried again').toEqual([1, 2, 3]);
});

it('[HUB-6] after the deadline all that waits fails, and the next begins anew', async () => {
  let answers = false;
  const lanes = openLanes(() => (answers ? Promise.resolve('appended') : new Promise(() => {})), {
    deadlineMs: 40,
  });
  const results = await Promise.allSettled([1, 2].map((sequence) => lanes.append('lane', entry(sequence))));
  expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(results[0]).toMatchObject({ reason: { code: 'log-unavailable' } });
  answers = true;
  expect(await lanes.append('lane', entry(1))).toBe('appended');
});

it('[FLOW-4] what waits is bounded in bytes; one alone is always taken', async () => {
  let open: () => void = () => {};
  const opened = new Promise<void>((resolve) => (open = resolve));
  const lanes = openLanes(() => opened.then(() => 'appended' as const), { bytesMax: 100 });
  const large = lanes.append('lane', entry(1, 500));
  await expect(lanes.append('lane', entry(2, 1))).rejects.toThrow(/pendingBytesMax/);
  open();
  expect(await large).toBe('appended');
  expect(await lanes.append('lane', entry(3, 60))).toBe('appended');
});

it('a failure is tried again as soon as something has recovered', async () => {
  const pause = new Pause();
  let works = false;
  const send = vi.fn<Send>(() => (works ? Promise.resolve('appended') : Promise.reject(new Error('away'))));
  // The longest wait there is: without being woken, this test would not end in time.
  const lanes = openLanes(send, { pause, random: () => 1e6 });
  const appended = lanes.append('lane', entry(1));
  await vi.waitFor(() => expect(send).toHaveBeenCalled());
  works = true;
  await new Promise(setImmediate);
  pause.wake();
  expect(await appended).toBe('appended');
});
