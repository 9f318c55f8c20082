import { sleep } from '../lab/clock.ts';
import type { Figure } from '../lab/figure.ts';
import type { Lab } from '../lab/lab.ts';
import { percentile } from '../lab/statistics.ts';
import type { Worker } from '../lab/worker.ts';
import type { PeerName } from '../peers/peer.ts';
import type { GateCommands } from '../workers/gate.ts';
import type { ReturnersCommands } from '../workers/returners.ts';
import { add, inTurn, type Runs, type Scenario } from './scenario.ts';

const clients = 2000;
/** From the crash until another server listens: long enough that all have tried in vain. */
const downMs = 5000;
/** In which Holdfast's clients hear the return window that belongs to 2,000 of them: one heartbeat interval. */
const heartbeatMs = 26_000;
const returnMsMax = 60_000;
const budget = 200;

interface Returns {
  readonly arrivalsMs: readonly number[];
  readonly backMs: readonly number[];
  readonly timedOut: number;
}

interface Storm {
  /** When everybody dialled for the first time, at once. */
  readonly first: Returns;
  readonly afterCrash: Returns;
}

async function returns(
  gate: Worker<GateCommands>,
  returners: Worker<ReturnersCommands>,
  fromMs: number,
): Promise<Returns> {
  for (let waitedMs = 0; waitedMs < returnMsMax; waitedMs += 100) {
    if ((await returners.call('connected', undefined)) === clients) break;
    await sleep(100);
  }
  const { connectedAtMs, timedOut } = await returners.call('report', undefined);
  const arrivals = await gate.call('arrivals', undefined);
  return {
    arrivalsMs: arrivals.map((atMs) => atMs - fromMs),
    backMs: connectedAtMs.map((atMs) => atMs - fromMs),
    timedOut,
  };
}

async function runStorm(lab: Lab, peer: PeerName, handshakesPerSecond?: number): Promise<Storm> {
  const options = { recovery: false, ...(handshakesPerSecond ? { handshakesPerSecond } : {}) };
  const server = await lab.startServer(peer, options);
  const gate = await lab.start<GateCommands>('gate', peer);
  const returners = await lab.start<ReturnersCommands>('returners', peer);
  const port = await gate.call('listen', server.port);
  const startedAtMs = await gate.call('reopen', server.port);
  await returners.call('connect', { port, count: clients });
  const first = await returns(gate, returners, startedAtMs);
  await sleep(peer === 'holdfast' ? heartbeatMs : 1000);

  server.worker.kill();
  await gate.call('shut', undefined);
  await returners.call('forget', undefined);
  const [next] = await Promise.all([lab.startServer(peer, options), sleep(downMs)]);
  const reopenedAtMs = await gate.call('reopen', next.port);
  const afterCrash = await returns(gate, returners, reopenedAtMs);
  await Promise.all([returners.stop(), gate.stop(), next.worker.stop()]);
  return { first, afterCrash };
}

/** The most of these moments in any span of so many milliseconds, from `fromMs` on. */
function mostWithin(timesMs: readonly number[], spanMs: number, fromMs = 0): number {
  const times = timesMs.filter((atMs) => atMs >= fromMs).toSorted((a, b) => a - b);
  let most = 0;
  for (let first = 0, last = 0; last < times.length; last++) {
    while ((times[last] as number) - (times[first] as number) >= spanMs) first++;
    most = Math.max(most, last - first + 1);
  }
  return most;
}

const isBack = (atMs: number): boolean => !Number.isNaN(atMs);

export const storm: Scenario = {
  name: 'storm',
  about: `the return of ${clients.toLocaleString('en')} clients after the server's crash`,

  async run(lab: Lab): Promise<Figure[]> {
    const peak: Runs = {};
    const back: Runs = {};
    const p99: Runs = {};
    const timedOut: Runs = {};
    await inTurn(lab, 1, async (peer) => {
      const { afterCrash } = await runStorm(lab, peer);
      add(peak, peer, { value: (mostWithin(afterCrash.arrivalsMs, 250) / clients) * 100 });
      add(back, peer, { value: (afterCrash.backMs.filter(isBack).length / clients) * 100 });
      add(p99, peer, { value: percentile(afterCrash.backMs.filter(isBack), 0.99) });
      add(timedOut, peer, { value: afterCrash.timedOut });
    });
    const title = `Return of ${clients.toLocaleString('en')} clients`;
    const figures: Figure[] = [
      {
        title: `${title}: most arrivals in 250 ms`,
        unit: '% of them',
        better: 'lower',
        runs: peak,
        bars: [{ sign: '≤', limit: 15 }],
      },
      { title: `${title}: back`, unit: '%', better: 'higher', runs: back, bars: [{ sign: '≥', limit: 100 }] },
      {
        title: `${title}: p99 since the server is back`,
        unit: 'ms',
        better: 'lower',
        runs: p99,
        bars: [{ sign: '≤', limit: 0.5, times: 'socket-io' }],
      },
      {
        title: `${title}: attempts that timed out`,
        unit: 'attempts',
        better: 'lower',
        runs: timedOut,
        bars: [{ sign: '≤', limit: 0 }],
      },
    ];
    const hasBudget = lab.peers.includes('holdfast') && !lab.quick;
    return hasBudget ? [...figures, ...(await runBudget(lab))] : figures;
  },
};

/** A budget of 200 handshakes in a second, which only Holdfast can be given. */
async function runBudget(lab: Lab): Promise<Figure[]> {
  const { first, afterCrash } = await runStorm(lab, 'holdfast', budget);
  // Clients that dial at once take a while to have done so; what follows is the server's doing.
  const dialledMs = first.arrivalsMs[clients - 1] ?? 0;
  const figure = (what: string, fromMs: number, { arrivalsMs, backMs }: Returns): Figure[] => [
    {
      title: `Budget of ${budget}/s, ${clients.toLocaleString('en')} clients ${what}: most arrivals in a second after the first`,
      unit: 'arrivals',
      better: 'lower',
      runs: { holdfast: [{ value: mostWithin(arrivalsMs, 1000, fromMs) }] },
      bars: [{ sign: '≤', limit: 220 }],
    },
    {
      title: `Budget of ${budget}/s, ${clients.toLocaleString('en')} clients ${what}: all connected after`,
      unit: 's',
      better: 'lower',
      runs: { holdfast: [{ value: Math.max(...backMs) / 1000 }] },
    },
  ];
  return [
    ...figure('that dial at once', dialledMs + 1000, first),
    ...figure('that return after a crash', 1000, afterCrash),
  ];
}
