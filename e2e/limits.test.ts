import { readFileSync } from 'node:fs';
import { totalmem } from 'node:os';
import { describe, expect, it, vi } from 'vitest';
import { memoryOf } from '../packages/holdfast/src/server/resources/linux.ts';
import type { ServerCalls } from './programs/server.ts';
import { type Child, startChild } from './support/child.ts';
import { expectEachOnce, Ledger, openClient, patient } from './support/ledger.ts';

type Member = ReturnType<typeof openClient> & { ledger: Ledger };

function join(port: number): Member {
  const member = openClient(`ws://127.0.0.1:${port}/`);
  return { ...member, ledger: new Ledger(member.client, 'news', 'start') };
}

const isLive = ({ client }: Member): boolean => client.status.phase === 'live';
/** It was told, in words, that it can't be let in now, and has a time at which it tries again. */
const isTurnedAway = ({ client }: Member): boolean =>
  client.status.phase === 'waiting' && client.status.cause?.code === 'overloaded';

/** Whoever was let in has never been away, and gets what is published now. */
async function expectUndisturbed(child: Child<ServerCalls>, admitted: readonly Member[]): Promise<void> {
  const top = await child.call('publish', 'news', 3);
  await Promise.all(admitted.map(({ ledger }) => ledger.reaches(top)));
  for (const { ledger, phases } of admitted) {
    expectEachOnce(ledger.messages, { server: 3 });
    expect(phases).toEqual(['connecting', 'live']);
  }
  expect(await child.call('stats')).toMatchObject({ connections: admitted.length, causes: {} });
}

/** The text of a file of Linux; undefined when it isn't there. */
function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

describe.runIf(process.platform === 'linux')('a server at the end of its resources', () => {
  it('[ADM-5, ADM-3] open files: newcomers are told so, nobody who is connected notices', async () => {
    const within = ['sh', '-c', 'ulimit -n 120 && exec "$@"', 'sh'];
    const child = await startChild<ServerCalls>('server', { within });
    const port = await child.call('listen', 0);
    const members: Member[] = [];
    // A few at a time: more sockets at once than it has files for, not even the system would accept.
    for (let batch = 0; batch < 15; batch++) {
      members.push(...Array.from({ length: 8 }, () => join(port)));
      await vi.waitFor(
        () => expect(members.filter((one) => !isLive(one) && !isTurnedAway(one))).toEqual([]),
        patient,
      );
    }

    const admitted = members.filter(isLive);
    const refused = members.filter(isTurnedAway);
    expect(admitted.length).toBeGreaterThan(30);
    expect(admitted.length).toBeLessThan(0.9 * 120);
    for (const { client } of refused) {
      expect(client.status.cause?.text).toMatch(/room for more connections|short of open files/);
      expect(client.status.retryAt).toBeGreaterThan(Date.now());
    }
    await expectUndisturbed(child, admitted);

    // More at once than there are files left: the system itself turns them away, and the server is none the worse.
    const crowd = Array.from({ length: 100 }, () => join(port));
    const tried = (): void => expect(crowd.filter(({ phases }) => phases.length < 2)).toEqual([]);
    await vi.waitFor(tried, patient);
    for (const { client } of crowd) client.close();
    expect(admitted.every(({ phases }) => phases.length === 2)).toBe(true);
    expect((await child.call('stats')).connections).toBeGreaterThanOrEqual(admitted.length);

    // Whoever leaves makes room for those who wait.
    for (const { client } of admitted.slice(0, 30)) client.close();
    const comeIn = (): void => expect(refused.filter(isLive).length).toBeGreaterThan(10);
    await vi.waitFor(comeIn, patient);
    expect(admitted.slice(30).every(isLive)).toBe(true);
  });

  it('[ADM-5, ADM-3] memory: the same', async () => {
    const child = await startChild<ServerCalls>('server');
    // Once it answers, its program is loaded.
    await child.call('runs');
    const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
    const residentBytes = Number(/^VmRSS:\s+(\d+) kB/m.exec(status)![1]) * 1_024;
    const { used, limit } = memoryOf(readText, { used: residentBytes, limit: totalmem() }, 0);
    const memory = (used + 80 * 2 ** 20) / limit;
    const port = await child.call('listen', 0, { watermarks: { memory } });
    const admitted = Array.from({ length: 20 }, () => join(port));
    await vi.waitFor(() => expect(admitted.every(isLive)).toBe(true), patient);
    expect((await child.call('stats')).givesWay).toBe('nothing');

    for (let n = 0; n < 200; n++) await child.call('publish', `archive-${n}`, 1, 1_000_000);
    await vi.waitFor(async () => expect((await child.call('stats')).givesWay).toBe('newcomers'), patient);
    const newcomer = join(port);
    await vi.waitFor(() => expect(isTurnedAway(newcomer)).toBe(true), patient);
    expect(newcomer.client.status.cause?.text).toMatch(/short of memory/);
    for (const { ledger } of admitted) await ledger.ready;
    const offset = 200;
    const top = await child.call('publish', 'news', 3);
    await Promise.all(admitted.map(({ ledger }) => ledger.reaches(top)));
    for (const { ledger, phases } of admitted) {
      expect(ledger.messages.map(({ n }) => n - offset)).toEqual([1, 2, 3]);
      expect(phases).toEqual(['connecting', 'live']);
    }
  });
});
