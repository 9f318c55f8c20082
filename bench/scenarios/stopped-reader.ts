import type { Figure } from '../lab/figure.ts';
import type { Lab } from '../lab/lab.ts';
import { percentile } from '../lab/statistics.ts';
import { sleep } from '../lab/clock.ts';
import type { Worker } from '../lab/worker.ts';
import type { PeerName } from '../peers/peer.ts';
import type { ReadersCommands } from '../workers/readers.ts';
import type { ServerCommands, StreamReport } from '../workers/server.ts';
import { add, inTurn, type Runs, type Scenario } from './scenario.ts';

const others = 4;
const messageBytes = 16_384;
const perSecond = 2000;
const mebibyte = 2 ** 20;
/** Small beside what is broadcast, and soon full: so growth beyond it is not the log's. */
const retentionBytesMax = 16 * mebibyte;
/** What "unchanged" allows for: the noise of two measurements of one p99. */
const noise = { factor: 1.5, ms: 5 };

interface Phase extends StreamReport {
  readonly p99Ms: number;
}

async function phase(
  server: Worker<ServerCommands>,
  readers: Worker<ReadersCommands>,
  bytes: number,
): Promise<Phase> {
  const count = Math.ceil(bytes / messageBytes);
  await readers.call('forget', undefined);
  const report = await server.call('stream', { count, perSecond, bytes: messageBytes });
  for (let wait = 0; wait < 500 && (await readers.call('received', undefined)) < count * others; wait++) {
    await sleep(20);
  }
  const { latenciesMs } = await readers.call('report', undefined);
  if (latenciesMs.length < count * others) {
    throw new Error(`the others received ${latenciesMs.length} of ${count * others} messages`);
  }
  return { ...report, p99Ms: percentile(latenciesMs, 0.99) };
}

interface Stage {
  readonly server: Worker<ServerCommands>;
  readonly readers: Worker<ReadersCommands>;
  /** The one that will be stopped. */
  readonly stopped: Worker<ReadersCommands>;
}

/** A server that has sent nothing yet, and its five readers; all of them end when `play` does. */
async function stage<T>(lab: Lab, peer: PeerName, play: (stage: Stage) => Promise<T>): Promise<T> {
  const messages = Math.ceil(bytesOf(lab) / messageBytes);
  const { worker: server, port } = await lab.startServer(peer, { recovery: false, retentionBytesMax });
  const readers = await lab.start<ReadersCommands>('readers', peer);
  const stopped = await lab.start<ReadersCommands>('readers', peer);
  await readers.call('connect', { ports: Array.from({ length: others }, () => port), messages });
  await stopped.call('connect', { ports: [port], messages });
  const result = await play({ server, readers, stopped });
  await Promise.all([server.stop(), readers.stop(), stopped.stop()]);
  return result;
}

function bytesOf(lab: Lab): number {
  return (lab.quick ? 100 : 300) * mebibyte;
}

/** All that a new process comes to need: its own heap's growth, what is retained, and what the stopped one costs. */
async function measureFresh(lab: Lab, peer: PeerName): Promise<{ growthBytes: number; peakBytes: number }> {
  return stage(lab, peer, async ({ server, readers, stopped }) => {
    stopped.freeze();
    const { rssBytes } = await server.usage();
    const { rssPeakBytes: peakBytes } = await phase(server, readers, bytesOf(lab));
    const retainedBytes = peer === 'holdfast' ? retentionBytesMax : 0;
    return { growthBytes: peakBytes - rssBytes - retainedBytes, peakBytes };
  });
}

/** What the stopped one costs alone: one phase against another of the same server. */
async function measureWarm(lab: Lab, peer: PeerName): Promise<{ before: Phase; during: Phase }> {
  return stage(lab, peer, async ({ server, readers, stopped }) => {
    await phase(server, readers, 32 * mebibyte);
    const before = await phase(server, readers, bytesOf(lab) / 3);
    stopped.freeze();
    return { before, during: await phase(server, readers, bytesOf(lab)) };
  });
}

export const stoppedReader: Scenario = {
  name: 'stopped-reader',
  about: 'one of five readers is stopped (SIGSTOP) while 300 MB are broadcast',

  async run(lab: Lab): Promise<Figure[]> {
    const freshGrowth: Runs = {};
    const freshPeak: Runs = {};
    const growth: Runs = {};
    const before: Runs = {};
    const during: Runs = {};
    const excess: Runs = {};
    await inTurn(lab, 1, async (peer) => {
      const fresh = await measureFresh(lab, peer);
      add(freshGrowth, peer, { value: fresh.growthBytes / mebibyte });
      add(freshPeak, peer, { value: fresh.peakBytes / mebibyte });
      const phases = await measureWarm(lab, peer);
      add(growth, peer, { value: (phases.during.rssPeakBytes - phases.before.rssPeakBytes) / mebibyte });
      add(before, peer, { value: phases.before.p99Ms });
      add(during, peer, { value: phases.during.p99Ms });
      const allowedMs = Math.max(phases.before.p99Ms * noise.factor, phases.before.p99Ms + noise.ms);
      add(excess, peer, { value: Math.max(0, phases.during.p99Ms - allowedMs) });
    });
    return [
      {
        title: "Stopped reader, new process: growth of the server's memory beyond retention",
        unit: 'MiB',
        better: 'lower',
        runs: freshGrowth,
        bars: [{ sign: '≤', limit: 64 }],
      },
      {
        title: 'Stopped reader, new process: peak of its resident memory',
        unit: 'MiB',
        better: 'lower',
        runs: freshPeak,
      },
      {
        title: "Stopped reader, warm process: growth of the server's memory",
        unit: 'MiB',
        better: 'lower',
        runs: growth,
        bars: [{ sign: '≤', limit: 64 }],
      },
      { title: "Stopped reader: the others' p99 before", unit: 'ms', better: 'lower', runs: before },
      { title: "Stopped reader: the others' p99 meanwhile", unit: 'ms', better: 'lower', runs: during },
      {
        title: `Stopped reader: p99 beyond what noise explains (× ${noise.factor} or + ${noise.ms} ms)`,
        unit: 'ms',
        better: 'lower',
        runs: excess,
        bars: [{ sign: '≤', limit: 0 }],
      },
    ];
  },
};
