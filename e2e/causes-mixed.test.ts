import { expect, it, vi } from 'vitest';
import { seededRandom } from '../packages/holdfast/src/testing/seeded-random.ts';
import { HIGH_CONFIDENCE } from './support/explaining.ts';
import { expiring, expiringSinceMs, Patient, rightly, type Kind, type Outcome } from './support/patient.ts';
import { openChaos, openServer } from './support/servers.ts';

const PATIENTS = 12;
const IDLE_CUT_MS = 2_000;
const LIFETIME_CUT_MS = 3_100;

/** How many drops of each kind; those without a name are beyond the 200. */
const counts: Readonly<Partial<Record<Kind, number>>> = {
  idle: 40,
  age: 35,
  'half-open': 35,
  'network-lost': 12,
  'client-closed': 20,
  'server-closed': 20,
  superseded: 18,
  'auth-expired': 20,
  cut: 20,
};

/** All of them in an order of chance. */
function shuffled(random: () => number): Kind[] {
  const kinds = (Object.keys(counts) as Kind[]).flatMap((kind) => Array<Kind>(counts[kind]!).fill(kind));
  for (let i = kinds.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [kinds[i], kinds[j]] = [kinds[j]!, kinds[i]!];
  }
  return kinds;
}

const isRight = ({ kind, verdict }: Outcome): boolean => verdict.id === rightly[kind];

function describeOutcome({ kind, verdict }: Outcome): string {
  return `${kind} was called ${verdict.id} (${verdict.confidence}): ${verdict.evidence.join(' ')}`;
}

it('[CAUSE-3, CAUSE-4] of 200 mixed drops nine in ten are named rightly, and none wrongly with high confidence', async () => {
  // The application's tokens can't be renewed at times; each client says so.
  vi.spyOn(console, 'warn').mockImplementation(() => {});
  const random = seededRandom(20);
  const { server, port } = await openServer({
    heartbeat: { intervalMs: 4_000, graceMs: 2_000 },
    authenticate: ({ token }) => ({
      id: token.replace(expiring, ''),
      ...(token.endsWith(expiring) && { expiresAtMs: Date.now() - expiringSinceMs }),
    }),
    authorize: () => true,
  });
  const [idle, age] = [await openChaos(port), await openChaos(port)];
  await idle.set({ idleCutMs: IDLE_CUT_MS });
  await age.set({ lifetimeCutMs: LIFETIME_CUT_MS });
  const queue = shuffled(random);
  const patients = await Promise.all(
    Array.from({ length: PATIENTS }, async (_, index) => {
      const own = [await openChaos(port), await openChaos(port)] as const;
      return new Patient(`client-${index}`, server, { idle, age, own }, random);
    }),
  );
  await Promise.all(patients.map((patient) => patient.suffer(queue)));

  const outcomes = patients.flatMap((patient) => patient.outcomes);
  const named = outcomes.filter(({ kind }) => kind !== 'cut' && kind !== 'moved');
  const right = named.filter(isRight);
  // What is to move may be cut before it has.
  const wrong = outcomes.filter((outcome) => outcome.kind !== 'moved' && !isRight(outcome));
  const surelyWrong = wrong.filter(({ verdict }) => verdict.confidence >= HIGH_CONFIDENCE);
  expect(named.length).toBeGreaterThanOrEqual(200);
  expect(surelyWrong.map(describeOutcome)).toEqual([]);
  expect(right.length / named.length, wrong.map(describeOutcome).join('\n')).toBeGreaterThanOrEqual(0.9);
  const stats: Record<string, number> = {};
  for (const { verdict } of outcomes) stats[verdict.id] = (stats[verdict.id] ?? 0) + 1;
  expect(server.stats().causes).toEqual(stats);
}, 150_000);
