import { sleep } from '../lab/clock.ts';
import { observe, type Lab, type RunningServer } from '../lab/lab.ts';
import type { Figure, Measured } from '../lab/figure.ts';
import type { Worker } from '../lab/worker.ts';
import type { PeerName } from '../peers/peer.ts';
import type { CallersCommands } from '../workers/callers.ts';
import { add, inTurn, type Runs, type Scenario } from './scenario.ts';

const connections = 100;
const depths = [1, 16] as const;
const warmUpMs = 200;

interface Pair {
  readonly server: RunningServer;
  readonly callers: Worker<CallersCommands>;
}

async function startPair(lab: Lab, peer: PeerName): Promise<Pair> {
  const server = await lab.startServer(peer);
  const callers = await lab.start<CallersCommands>('callers', peer);
  await callers.call('open', { port: server.port, count: connections });
  return { server, callers };
}

async function measure({ server, callers }: Pair, depth: number, durationMs: number): Promise<Measured> {
  await callers.call('begin', { depth });
  await sleep(warmUpMs);
  const { result, serverCpu, loadCpu, serverCpuMs } = await observe(server.worker, [callers], async () => {
    const before = await callers.call('replies', undefined);
    await sleep(durationMs);
    const after = await callers.call('replies', undefined);
    return { replies: after.replies - before.replies, elapsedMs: after.atMs - before.atMs };
  });
  await callers.call('end', undefined);
  return {
    value: (result.replies / result.elapsedMs) * 1000,
    serverCpu,
    loadCpu,
    perServerCpuSecond: (result.replies / serverCpuMs) * 1000,
  };
}

export const requestReply: Scenario = {
  name: 'request-reply',
  about: `requests and replies over ${connections} connections, ${depths.join(' and ')} at once on each`,

  async run(lab: Lab): Promise<Figure[]> {
    const pairs = new Map<PeerName, Pair>();
    for (const peer of lab.peers) pairs.set(peer, await startPair(lab, peer));
    const runs = new Map<number, Runs>(depths.map((depth) => [depth, {}]));
    // Many short rounds: what else the machine does then falls on all peers alike. The first only warms up.
    await inTurn(lab, lab.quick ? 3 : 11, async (peer, round) => {
      for (const depth of depths) {
        const measured = await measure(pairs.get(peer) as Pair, depth, 500);
        if (round > 0) add(runs.get(depth) as Runs, peer, measured);
      }
    });
    return depths.map((depth) => ({
      title: `Request/reply, ${connections} connections, depth ${depth}`,
      unit: 'replies/s',
      better: 'higher',
      runs: runs.get(depth) as Runs,
      bars: [
        { sign: '≥', limit: 0.9, times: 'ws' },
        { sign: '≥', limit: 1.5, times: 'socket-io' },
      ],
    }));
  },
};
