import { describe, expect, it } from 'vitest';
import { createTestbed } from '../../src/testing/kit.ts';

/** What a client sees of a server that is killed and of one that is stopped. */
async function run(seed: number): Promise<string[]> {
  const testbed = createTestbed({ seed });
  const { server, process } = testbed.server({}, 1);
  const { client, name } = testbed.client('ws://virtual:1/');
  const seen: string[] = [];
  client.onStatus(({ phase, since }) => seen.push(`${phase} ${since}`));
  client.subscribe('news', (n: number) => seen.push(`got ${n}`), { from: 'start' });
  await testbed.clock.until(() => client.status.phase === 'live', 10_000);
  await server.publish('news', 1);
  process.clock.stop();
  void client.publish('news', 2).catch(() => {});
  await testbed.clock.advance(15_000);
  process.clock.continue();
  await testbed.clock.advance(15_000);
  for (const connection of testbed.network.of(name)) connection.cut();
  await testbed.clock.advance(15_000);
  return seen;
}

describe('a testbed', () => {
  it('gives the same run for the same seed, and another for another', async () => {
    const [first, again, other] = [await run(1), await run(1), await run(2)];
    expect(again).toEqual(first);
    expect(other).not.toEqual(first);
    expect(first).toContain('got 2');
    expect(first.some((line) => line.startsWith('suspect'))).toBe(true);
  });

  it('an hour takes no time worth mentioning', async () => {
    const testbed = createTestbed();
    testbed.server({}, 1);
    const { client } = testbed.client('ws://virtual:1/');
    await testbed.clock.advance(3_600_000);
    expect(client.status.phase).toBe('live');
    expect(client.status.since).toBeLessThan(testbed.clock.nowMs() - 3_590_000);
  });
});
