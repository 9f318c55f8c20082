import { fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { runSeed, type Outcome } from './run-seed.ts';
import { simulateStorm } from './storm/main.ts';

/**
 * npm run simulate -- [--seeds N] [--from S] [--seed S] [--storm]
 * Runs N seeds on all cores, or one seed with what it did. Exit code 1 when a rule was broken.
 * With --storm: how a million clients return after a crash, and its picture, docs/storm.svg.
 */
const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '200' },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
    worker: { type: 'string' },
    storm: { type: 'boolean', default: false },
  },
});

if (values.storm) simulateStorm();
else if (values.seed !== undefined) await runOne(number('seed', values.seed));
else if (values.worker !== undefined) work();
else await runMany(number('seeds', values.seeds), number('from', values.from));

function number(name: string, text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  console.error(`--${name} takes a whole number, not "${text}".`);
  process.exit(2);
}

async function runOne(seed: number): Promise<void> {
  const { violation, faults, stats } = await runSeed(seed);
  for (const fault of faults) console.log(`  ${fault}`);
  console.log(`seed ${seed}: ${JSON.stringify(stats)}`);
  if (violation === undefined) return console.log('No rule was broken.');
  console.error(`Violation: ${violation}`);
  process.exitCode = 1;
}

/** Runs the seeds that the parent sends, one at a time. */
function work(): void {
  process.on('message', (seed: number) => void runSeed(seed).then((outcome) => process.send!(outcome)));
}

async function runMany(count: number, from: number): Promise<void> {
  const startedMs = performance.now();
  const outcomes: Outcome[] = [];
  let next = from;
  const workers = Array.from({ length: availableParallelism() }, () => {
    const worker = fork(fileURLToPath(import.meta.url), ['--worker', '1'], { execArgv: process.execArgv });
    return new Promise<void>((resolve, reject) => {
      const give = (): void => {
        if (next < from + count) worker.send(next++);
        else worker.disconnect();
      };
      worker.on('message', (outcome: Outcome) => {
        outcomes.push(outcome);
        if (outcome.violation !== undefined) report(outcome);
        else if (outcomes.length % 100 === 0) console.log(`${outcomes.length} of ${count} seeds`);
        give();
      });
      worker.on('error', reject);
      worker.on('exit', (code) =>
        code === 0 ? resolve() : reject(new Error(`A worker ended with code ${code}.`)),
      );
      give();
    });
  });
  await Promise.all(workers);
  summarize(outcomes, (performance.now() - startedMs) / 1_000);
}

function report({ seed, violation }: Outcome): void {
  console.error(`seed ${seed}: ${violation}\n  replay it: npm run simulate -- --seed ${seed}`);
}

function summarize(outcomes: readonly Outcome[], seconds: number): void {
  const sum = (of: (outcome: Outcome) => number) =>
    outcomes.reduce((total, outcome) => total + of(outcome), 0);
  const broken = outcomes.filter(({ violation }) => violation !== undefined).length;
  const did = [
    `${sum(({ faults }) => faults.length)} faults`,
    `${sum(({ stats }) => stats.acknowledged)} publishes acknowledged`,
    `${sum(({ stats }) => stats.delivered)} messages delivered`,
    `${sum(({ stats }) => stats.gaps)} gaps`,
    `${sum(({ stats }) => stats.replies)} replies, ${sum(({ stats }) => stats.handedOver)} of them by another node`,
  ];
  console.log(`${outcomes.length} seeds in ${seconds.toFixed(1)} s: ${did.join(', ')}.`);
  console.log(broken === 0 ? 'No rule was broken.' : `${broken} seeds broke a rule.`);
  process.exitCode = broken === 0 ? 0 : 1;
}
