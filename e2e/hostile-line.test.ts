import { describe, expect, it } from 'vitest';
import { becomes, expectEachOnce, Ledger, oneTo, openClient } from './support/ledger.ts';
import { openChaos, openServer } from './support/servers.ts';

/** A linear congruential generator (Numerical Recipes' constants): the same places in each run. */
function seededRandom(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32) / 2 ** 32;
}

it('[SUB-2, PUB-3] a line that hands on single bytes: everything works, once and in order', async () => {
  const { server, port } = await openServer();
  server.method('sum', ([a, b]: [number, number]) => a + b);
  const path = await openChaos(port);
  await path.set({ splitEveryByte: true });
  const { client, phases } = openClient(path.url('ws'));
  const ledger = new Ledger(client, 'news', 'start');
  const mine = oneTo(100).map((n) => client.publish('news', { publisher: 'client', n }));
  const theirs = oneTo(100).map((n) => server.publish('news', { publisher: 'server', n }));
  expect(await client.request('sum', [1, 2])).toBe(3);
  await Promise.all([...mine, ...theirs]);
  await ledger.reaches(await server.publish('news', { publisher: 'server', n: 101 }));
  expectEachOnce(ledger.messages, { client: 100, server: 101 });
  expect(phases).toEqual(['connecting', 'live']);
});

/** Publishes of one client that are unanswered at any time, so that a break always finds some under way. */
const IN_FLIGHT = 16;

describe('connections that break at random places under load', () => {
  const breaks = ['reset', 'cut', 'cutMidFrame'] as const;

  it.each([1, 2, 3])(
    '[PUB-2, PUB-3, SUB-2] what is acknowledged is what arrives, once each (seed %i)',
    async (seed) => {
      const random = seededRandom(seed);
      const { server, port } = await openServer();
      const path = await openChaos(port, seed);
      const publishers = oneTo(6).map((id) => ({ name: `p${id}`, ...openClient(path.url('ws')) }));
      const ledgers = [
        new Ledger(openClient(`ws://127.0.0.1:${port}`).client, 'news', 'start'),
        ...publishers.map(({ client }) => new Ledger(client, 'news', 'start')),
      ];
      await Promise.all(publishers.map(({ client }) => becomes(client, 'live')));

      const count = 400;
      let acknowledged = 0;
      let nextBreakAt = 1;
      let broken = 0;
      /** Breaks one connection, in one of the ways, after each few acknowledgements. */
      const noteAcknowledged = (): void => {
        if (++acknowledged < nextBreakAt) return;
        nextBreakAt = acknowledged + 1 + Math.floor(random() * 60);
        const { connections } = path;
        const victim = connections[Math.floor(random() * connections.length)];
        const way = breaks[Math.floor(random() * breaks.length)]!;
        if (victim) broken++;
        if (victim) path[way](victim.id);
      };
      await Promise.all(
        publishers.map(async ({ name, client }) => {
          let n = 0;
          const publishSome = async (): Promise<void> => {
            while (n < count) {
              await client.publish('news', { publisher: name, n: ++n });
              noteAcknowledged();
            }
          };
          await Promise.all(Array.from({ length: IN_FLIGHT }, publishSome));
        }),
      );
      expect(broken).toBeGreaterThan(20);

      await path.clear();
      const top = await server.publish('news', { publisher: 'server', n: 1 });
      const counts = Object.fromEntries(publishers.map(({ name }) => [name, count]));
      for (const ledger of ledgers) {
        await ledger.reaches(top);
        expectEachOnce(ledger.messages, { ...counts, server: 1 });
        expect(ledger.gaps).toEqual([]);
      }
      expect(server.stats().resumed, 'sessions were resumed').toBeGreaterThan(10);
    },
  );
});
