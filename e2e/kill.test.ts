import { expect, it } from 'vitest';
import type { ServerCalls } from './programs/server.ts';
import { type Child, startChild } from './support/child.ts';
import { becomes, expectEachOnce, Ledger, oneTo, openClient } from './support/ledger.ts';
import { openChaos } from './support/servers.ts';

async function startServer(): Promise<{ child: Child<ServerCalls>; port: number }> {
  const child = await startChild<ServerCalls>('server');
  return { child, port: await child.call('listen', 0) };
}

it('[SUB-5, RES-4] kill -9 of the server: a gap "epoch", live again, and no publish without an outcome', async () => {
  let { child, port } = await startServer();
  const path = await openChaos(() => port);
  const { client } = openClient(path.url('ws'));
  const ledger = new Ledger(client, 'news', 'start');
  const { epoch: oldEpoch } = await ledger.ready;
  await ledger.reaches(await child.call('publish', 'news', 5));
  ledger.messages.length = 0;
  const request = client.request('never', 7);
  const requestFailed = expect(request).rejects.toMatchObject({ code: 'outcome-unknown' });

  const count = 800;
  let acknowledged = 0;
  const publishes = oneTo(count).map(async (n) => {
    const position = await client.publish('jobs', { publisher: 'client', n });
    if (++acknowledged === 100) child.signal('SIGKILL');
    return position;
  });
  await child.exited;
  ({ child, port } = await startServer());
  const outcomes = await Promise.allSettled(publishes);
  await becomes(client, 'live');
  await requestFailed;

  const failures = outcomes.filter(({ status }) => status === 'rejected') as PromiseRejectedResult[];
  expect(failures.length, 'some were under way').toBeGreaterThan(0);
  expect(new Set(failures.map(({ reason }) => (reason as { code: string }).code))).toEqual(
    new Set(['outcome-unknown']),
  );

  // What the second server has is what it acknowledged: nothing of which the outcome was unknown was sent again.
  const acknowledgedAnew = outcomes.flatMap((outcome, index) =>
    outcome.status === 'fulfilled' && outcome.value.epoch !== oldEpoch ? [index + 1] : [],
  );
  expect(acknowledgedAnew.length, 'some had not been sent').toBeGreaterThan(0);
  const jobs = new Ledger(client, 'jobs', 'start');
  await jobs.reaches(await child.call('publish', 'jobs', 1));
  expect(jobs.messages.filter(({ publisher }) => publisher === 'client').map(({ n }) => n)).toEqual(
    acknowledgedAnew,
  );
  expect(await child.call('runs'), 'a request is not run again').toEqual([]);

  await ledger.reaches(await child.call('publish', 'news', 3));
  expect(ledger.gaps.map(({ reason, from }) => ({ reason, from }))).toEqual([
    { reason: 'epoch', from: { epoch: oldEpoch, offset: 5 } },
  ]);
  expect(ledger.messages.map(({ n }) => n)).toEqual([2, 3, 4]);
});

it('[SUB-5] what a restarted server has already published is not skipped by those who come back', async () => {
  let { child, port } = await startServer();
  const path = await openChaos(() => port);
  const { client } = openClient(path.url('ws'));
  const ledger = new Ledger(client, 'news', 'start');
  await ledger.reaches(await child.call('publish', 'news', 5));
  ledger.messages.length = 0;

  // Nobody gets through until the new log is longer than the old one was.
  await path.set({ refuse: true });
  await child.kill();
  ({ child, port } = await startServer());
  const top = await child.call('publish', 'news', 20);
  await path.clear();
  await ledger.reaches(top);
  expectEachOnce(ledger.messages, { server: 20 });
  expect(ledger.gaps).toMatchObject([{ reason: 'epoch' }]);
});
