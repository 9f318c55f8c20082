import { sleep } from '../lab/clock.ts';
import type { Bar, Figure } from '../lab/figure.ts';
import { observe, type Lab } from '../lab/lab.ts';
import { percentile } from '../lab/statistics.ts';
import type { Worker } from '../lab/worker.ts';
import type { PeerName } from '../peers/peer.ts';
import type { LinkCommands, Outage } from '../workers/link.ts';
import type { ReadersCommands } from '../workers/readers.ts';
import { add, inTurn, type Runs, type Scenario } from './scenario.ts';

interface Load {
  readonly clients: number;
  readonly messages: number;
  readonly everyMs: number;
  readonly offlineMs: number;
}

const full: Load = { clients: 1000, messages: 120, everyMs: 15_000, offlineMs: 2000 };
const short: Load = { clients: 300, messages: 16, everyMs: 5000, offlineMs: 1500 };
const perSecond = 2;
const messageBytes = 100;
const seed = 20_26;
/** Longer than any peer's client may wait between two attempts (Holdfast: up to 30 s). */
const returnMsMax = 35_000;
/** What a server that everyone is connected to again has not sent by then, it will not send. */
const stillMs = 3000;

interface Outcome {
  readonly sentAtMs: readonly number[];
  readonly arrivals: readonly Float64Array[];
  readonly outages: readonly Outage[];
  readonly repeats: number;
}

/** Waits until everyone has everything, or everyone is back and nothing more comes. */
async function settle(
  readers: Worker<ReadersCommands>,
  link: Worker<LinkCommands>,
  { clients, messages }: Load,
): Promise<void> {
  const stepMs = 100;
  let received = -1;
  let stoodStillMs = 0;
  for (let waitedMs = 0; waitedMs < returnMsMax && stoodStillMs < stillMs; waitedMs += stepMs) {
    const before = received;
    received = await readers.call('received', undefined);
    if (received === clients * messages) return;
    const someoneIsAway = (await link.call('connected', undefined)) < clients;
    stoodStillMs = someoneIsAway || received > before ? 0 : stoodStillMs + stepMs;
    await sleep(stepMs);
  }
}

async function runLoad(lab: Lab, peer: PeerName, load: Load) {
  const { worker: server, port } = await lab.startServer(peer, { recovery: true });
  const link = await lab.start<LinkCommands>('link', peer);
  const readers = await lab.start<ReadersCommands>('readers', peer);
  const ports = await link.call('open', { targetPort: port, count: load.clients });
  await readers.call('connect', { ports, messages: load.messages });
  const observed = await observe(server, [link, readers], async (): Promise<Outcome> => {
    await link.call('beginCutting', { seed, everyMs: load.everyMs, offlineMs: load.offlineMs });
    const { sentAtMs } = await server.call('stream', {
      count: load.messages,
      perSecond,
      bytes: messageBytes,
    });
    await link.call('endCutting', undefined);
    await settle(readers, link, load);
    const { arrivals, repeats } = await readers.call('report', undefined);
    return { sentAtMs, arrivals, repeats, outages: await link.call('outages', undefined) };
  });
  await Promise.all([server.stop(), link.stop(), readers.stop()]);
  return observed;
}

/**
 * How long each outage's client took, from the given moment on, to have all that had been sent by then and had
 * not come before the cut. An outage whose messages never came has no such time: it shows as not delivered.
 */
function replayTimesMs(outcome: Outcome, from: (outage: Outage) => number): number[] {
  const times: number[] = [];
  for (const outage of outcome.outages) {
    const fromMs = from(outage);
    const arrivals = outcome.arrivals[outage.client] as Float64Array;
    const missed = [...arrivals].filter(
      (arrivedAtMs, number) =>
        (outcome.sentAtMs[number] as number) <= fromMs && !(arrivedAtMs <= outage.cutAtMs),
    );
    const lastAtMs = Math.max(...missed);
    if (missed.length > 0 && !Number.isNaN(lastAtMs)) times.push(Math.max(0, lastAtMs - fromMs));
  }
  return times;
}

function deliveredPercent({ arrivals }: Outcome): number {
  const all = arrivals.flatMap((mine) => [...mine]);
  return (all.filter((atMs) => !Number.isNaN(atMs)).length / all.length) * 100;
}

const replayBar: Bar = { sign: '≤', limit: 0.25, times: 'socket-io' };

const moments = {
  'network back': (outage: Outage) => outage.backAtMs,
  'TCP connection made': (outage: Outage) => outage.connectedAtMs,
} as const;

export const jitter: Scenario = {
  name: 'jitter',
  about: 'every client is cut off again and again while messages go on',

  async run(lab: Lab): Promise<Figure[]> {
    const load = lab.quick ? short : full;
    const delivered: Runs = {};
    const repeated: Runs = {};
    const replays = Object.entries(moments).flatMap(([name, from]) =>
      [0.5, 0.99].map((share) => ({ name, from, share, runs: {} as Runs })),
    );
    await inTurn(lab, 1, async (peer) => {
      const { result, serverCpu, loadCpu } = await runLoad(lab, peer, load);
      add(delivered, peer, { value: deliveredPercent(result), serverCpu, loadCpu });
      add(repeated, peer, { value: result.repeats });
      for (const { from, share, runs } of replays) {
        add(runs, peer, { value: percentile(replayTimesMs(result, from), share) });
      }
    });
    const title = `Jitter load, ${load.clients} clients`;
    return [
      {
        title: `${title}: delivered`,
        unit: '%',
        better: 'higher',
        runs: delivered,
        bars: [{ sign: '≥', limit: 100 }],
      },
      {
        title: `${title}: repeated`,
        unit: 'messages',
        better: 'lower',
        runs: repeated,
        bars: [{ sign: '≤', limit: 0 }],
      },
      ...replays.map(({ name, share, runs }): Figure => ({
        title: `${title}: replay p${share * 100} since ${name}`,
        unit: 'ms',
        better: 'lower',
        runs,
        ...(share === 0.99 && name === 'network back' ? { bars: [replayBar] } : {}),
      })),
    ];
  },
};
