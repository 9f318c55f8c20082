import { calmLog, faultNames, logTrouble, strike, type FaultName } from './faults.ts';
import { World } from './world.ts';

export interface Outcome {
  seed: number;
  violation: string | undefined;
  faults: string[];
  stats: World['stats'];
}

/** How long everything may take to be well again once nothing breaks any more. */
const CONVERGENCE_MS = 120_000;

/**
 * Runs one seed: half a minute or so of work under faults, then calm, then the checks. Every third seed has a
 * fault that strikes much more often than the others, each in turn, unless one is given.
 */
export async function runSeed(seed: number, favourite = favouriteOf(seed)): Promise<Outcome> {
  const world = new World(seed);
  const { clock, network } = world.testbed;
  const faults: string[] = [];
  world.start();
  await clock.advance(1_000);
  const rounds = 60 + Math.floor(world.random() * 60);
  const faultShare = world.random() * 0.3;
  for (let round = 0; round < rounds && !world.violation; round++) {
    const client = world.pick(world.clients);
    if (client) {
      const burst = world.chance(0.1) ? 12 : 1;
      for (let i = 0; i < burst; i++) world.publish(client);
      if (world.chance(0.3)) world.request(client);
      if (world.chance(0.02)) world.subscribe(client, 'news');
    }
    if (world.chance(faultShare)) faults.push(`${clock.nowMs() % 1e9} ${strike(world, favourite)}`);
    await clock.advance(world.random() * 500);
    world.checkFences();
  }
  // What is said last has nothing behind it that would show its loss.
  if (world.chance(0.3)) logTrouble(world);
  for (const client of world.clients) world.publish(client);
  // Calm: faults that mend themselves have done so within half a minute.
  await clock.advance(30_000);
  calmLog(world);
  for (const { process } of [...world.clients, ...world.servers]) process.clock.continue();
  for (const connection of network.connections) connection.quality = network.quality;
  await clock.until(() => world.violation !== undefined, CONVERGENCE_MS, 5_000);
  if (!world.violation) world.checkEnd();
  return { seed, violation: world.violation?.message, faults, stats: world.stats };
}

function favouriteOf(seed: number): FaultName | undefined {
  return seed % 3 === 0 ? faultNames[(seed / 3) % faultNames.length] : undefined;
}
