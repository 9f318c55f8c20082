import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { judge, type Figure } from './lab/figure.ts';
import { Lab } from './lab/lab.ts';
import { table } from './lab/table.ts';
import { peerNames, type PeerName } from './peers/peer.ts';
import { durable } from './scenarios/durable.ts';
import { fanOut } from './scenarios/fan-out.ts';
import { handshakes } from './scenarios/handshakes.ts';
import { idleCpu } from './scenarios/idle-cpu.ts';
import { idleMemory } from './scenarios/idle-memory.ts';
import { jitter } from './scenarios/jitter.ts';
import { redis } from './scenarios/redis.ts';
import { requestReply } from './scenarios/request-reply.ts';
import type { Scenario } from './scenarios/scenario.ts';
import { stoppedReader } from './scenarios/stopped-reader.ts';
import { storm } from './scenarios/storm.ts';

const scenarios: readonly Scenario[] = [
  requestReply,
  fanOut,
  handshakes,
  idleMemory,
  idleCpu,
  stoppedReader,
  jitter,
  storm,
  durable,
  redis,
];

const resultsFolder = fileURLToPath(new URL('results/', import.meta.url));

const usage = `npm run bench -- [scenario …] [--quick] [--peers ws,socket-io,holdfast] [--assert]

${scenarios.map(({ name, about }) => `  ${name.padEnd(16)}${about}`).join('\n')}

  --quick    shorter runs, fewer of them: to see that all works, not for the record
  --peers    only these, separated by commas
  --profile  leaves a CPU profile of each server in bench/results/profiles
  --assert   ends with code 1 when a bar is missed or could not be measured`;

const { values: options, positionals: names } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    peers: { type: 'string', default: peerNames.join(',') },
    profile: { type: 'boolean', default: false },
    assert: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

function isPeer(name: string): name is PeerName {
  return (peerNames as readonly string[]).includes(name);
}

function fail(text: string): never {
  console.error(`${text}\n\n${usage}`);
  process.exit(2);
}

function chosenScenarios(): readonly Scenario[] {
  const unknown = names.filter((name) => !scenarios.some((scenario) => scenario.name === name));
  if (unknown.length > 0) fail(`There is no scenario ${unknown.join(', ')}.`);
  return names.length === 0 ? scenarios : scenarios.filter(({ name }) => names.includes(name));
}

function chosenPeers(): readonly PeerName[] {
  const unknown = options.peers.split(',').filter((name) => !isPeer(name));
  if (unknown.length > 0) fail(`There is no peer ${unknown.join(', ')}.`);
  return peerNames.filter((name) => options.peers.split(',').includes(name));
}

async function runOne(lab: Lab, scenario: Scenario): Promise<Figure[]> {
  console.log(`\n— ${scenario.name}: ${scenario.about}`);
  try {
    const figures = await scenario.run(lab);
    for (const figure of figures) console.log(`\n${table(figure)}`);
    return figures;
  } catch (error) {
    // What the other scenarios measure holds all the same.
    console.error(`\n${scenario.name} failed:`, error);
    process.exitCode = 1;
    return [];
  } finally {
    await lab.stopAll();
  }
}

function writeResults(figures: readonly Figure[], startedAt: Date): string {
  const file = `${resultsFolder}${startedAt.toISOString().replaceAll(':', '-')}.json`;
  mkdirSync(resultsFolder, { recursive: true });
  const machine = { cpu: cpus()[0]?.model, cores: cpus().length, node: process.version };
  const judged = figures.map(({ bars = [], ...figure }) => ({
    ...figure,
    bars: bars.map((bar) => judge({ ...figure, bars }, bar)),
  }));
  writeFileSync(file, JSON.stringify({ startedAt, quick: options.quick, machine, figures: judged }, null, 2));
  return file;
}

async function main(): Promise<void> {
  if (options.help) return console.log(usage);
  const startedAt = new Date();
  const lab = new Lab({
    peers: chosenPeers(),
    quick: options.quick,
    profileFolder: options.profile ? `${resultsFolder}profiles` : undefined,
  });
  const figures: Figure[] = [];
  for (const scenario of chosenScenarios()) figures.push(...(await runOne(lab, scenario)));

  const bars = figures.flatMap((figure) => (figure.bars ?? []).map((bar) => judge(figure, bar)));
  const unmet = bars.filter(({ verdict }) => verdict !== 'met');
  const seconds = Math.round((Date.now() - startedAt.getTime()) / 1000);
  console.log(`\n${bars.length - unmet.length} of ${bars.length} bars met, in ${seconds} s.`);
  console.log(`Written to ${writeResults(figures, startedAt)}`);
  if (options.assert && unmet.length > 0) process.exitCode = 1;
}

await main();
