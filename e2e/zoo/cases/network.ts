import { expect } from 'vitest';
import { serverInNetwork } from '../namespace.ts';
import { freePort } from '../program.ts';
import { type Animal, type ZooCase, type ZooGroup } from '../zoo.ts';

async function behind(rules: string, forgetsAfterS?: number): Promise<Animal> {
  const network = await serverInNetwork(rules, forgetsAfterS);
  return { url: network.url, stop: network.stop };
}

const cases: readonly ZooCase[] = [
  { title: 'a network as it should be', start: () => behind(''), id: 'stable', hop: 'none' },
  {
    title: 'a firewall that forgets after 2 s and drops in silence',
    start: () => behind('ct state invalid drop', 2),
    id: 'idle-forgotten',
    hop: 'client-network',
    limitMs: 2_000,
    check: ({ verdict, measurements }) => {
      expect(verdict.confidence).toBe('high');
      const keepalive = measurements.public.idle?.activities.find(({ kind }) => kind === 'tcp-keepalive');
      expect(keepalive?.outcome).toBe('lived');
    },
  },
  {
    title: 'a firewall that forgets after 3 s and resets',
    start: () => behind('ct state invalid reject with tcp reset', 3),
    id: 'idle-forgotten',
    hop: 'client-network',
    limitMs: 3_000,
  },
  {
    title: 'a line that loses packets',
    // Not by chance: of one packet that is lost again and again the whole look would be a single stall.
    start: () => behind('tcp flags & (syn|fin) == 0 numgen inc mod 5 == 0 drop'),
    id: 'line-unstable',
    hop: 'client-network',
  },
  {
    title: 'a port that a firewall rejects',
    start: () => behind('meta l4proto tcp reject with tcp reset'),
    id: 'refused',
    hop: 'server',
  },
  {
    title: 'a port that a firewall drops',
    start: () => behind('meta l4proto tcp drop'),
    id: 'unreachable',
    hop: 'client-network',
  },
];

const local: readonly ZooCase[] = [
  {
    title: 'nothing listens',
    start: async () => ({ url: `ws://127.0.0.1:${await freePort()}/`, stop: async () => {} }),
    id: 'refused',
    hop: 'server',
  },
  {
    title: 'a name that does not exist',
    start: async () => ({ url: 'ws://zoo.invalid/', stop: async () => {} }),
    id: 'name-not-found',
    hop: 'dns',
  },
];

export const networkCases: ZooGroup = {
  name: 'networks',
  cases: [...local, ...cases.map((zooCase) => ({ ...zooCase, needs: ['netns', 'ip', 'nft'] }))],
};
