import type { Figure } from '../lab/figure.ts';
import type { Lab } from '../lab/lab.ts';
import type { DurableCommands } from '../workers/durable.ts';
import type { ResumersCommands } from '../workers/resumers.ts';
import { add, type Runs, type Scenario } from './scenario.ts';

const inFlight = 64;
const missed = 10_000;
const messageBytes = 1_024;
const clients = 20;
const mebibyte = 2 ** 20;

async function publishes(lab: Lab): Promise<Figure[]> {
  const worker = await lab.start<DurableCommands>('durable', 'holdfast');
  const durationMs = lab.quick ? 1_000 : 2_000;
  const [rates, ratios, manyRatios]: [Runs, Runs, Runs] = [{}, {}, {}];
  await worker.call('publishes', { inFlight, sessions: inFlight, durationMs: 1_000 });
  for (let round = 0; round < (lab.quick ? 1 : 5); round++) {
    const flushes = await worker.call('flushes', durationMs);
    const one = await worker.call('publishes', { inFlight, sessions: 1, durationMs });
    const many = await worker.call('publishes', { inFlight, sessions: inFlight, durationMs });
    add(rates, 'holdfast', { value: one });
    add(ratios, 'holdfast', { value: one / flushes });
    add(manyRatios, 'holdfast', { value: many / flushes });
  }
  const times = '× one put and flush after the other';
  return [
    {
      title: `Durable publishes (LMDB): ${inFlight} in flight, 32 bytes`,
      unit: 'publishes/s',
      better: 'higher',
      runs: rates,
    },
    {
      title: 'Durable publishes, of one session',
      unit: times,
      better: 'higher',
      runs: ratios,
      bars: [{ sign: '≥', limit: 20 }],
    },
    {
      title: `Durable publishes, of ${inFlight} sessions`,
      unit: times,
      better: 'higher',
      runs: manyRatios,
    },
  ];
}

async function resumes(lab: Lab): Promise<Figure[]> {
  const server = await lab.start<DurableCommands>('durable', 'holdfast');
  const load = await lab.start<ResumersCommands>('resumers', 'holdfast');
  const { port, first } = await server.call('listen', { count: missed, bytes: messageBytes });
  const [rates, growth]: [Runs, Runs] = [{}, {}];
  // Once for the code and the buffers that stay.
  await load.call('resume', { port, first, clients, count: missed });
  for (let round = 0; round < (lab.quick ? 1 : 3); round++) {
    const elapsedMs = await load.call('resume', { port, first, clients, count: missed });
    add(rates, 'holdfast', { value: ((clients * missed) / elapsedMs) * 1_000 });
    const before = await server.call('watch', undefined);
    await load.call('resume', { port, first, clients, count: missed });
    add(growth, 'holdfast', { value: ((await server.call('peak', undefined)) - before) / mebibyte });
  }
  const title = `Resume from LMDB, ${clients} clients at once, ${missed.toLocaleString('en')} messages of 1 KiB each`;
  return [
    { title, unit: 'messages/s', better: 'higher', runs: rates },
    {
      title: `${title}: growth of the server's memory`,
      unit: 'MiB',
      better: 'lower',
      runs: growth,
      bars: [{ sign: '≤', limit: 64 }],
    },
  ];
}

export const durable: Scenario = {
  name: 'durable',
  about: `the LMDB log: ${inFlight} publishes in flight, and ${clients} clients that missed ${missed.toLocaleString('en')} messages`,

  async run(lab: Lab): Promise<Figure[]> {
    return [...(await publishes(lab)), ...(await resumes(lab))];
  },
};
