import { sleep } from '../lab/clock.ts';
import type { Figure } from '../lab/figure.ts';
import type { Lab, RunningServer } from '../lab/lab.ts';
import type { PeerName } from '../peers/peer.ts';
import type { ReceiversCommands } from '../workers/receivers.ts';
import { add, inTurn, type Runs, type Scenario } from './scenario.ts';

/**
 * What the server grows by between the first connections and the last. A baseline without any connection would
 * charge the peer's warm-up (compiled code, a grown heap) to the connections.
 */
const baseline = 1000;

async function residentBytes({ worker }: RunningServer): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let pass = 0; pass < 4; pass++) {
    await worker.call('collectGarbage', undefined);
    await sleep(250);
    least = Math.min(least, (await worker.usage()).rssBytes);
  }
  return least;
}

async function bytesPerConnection(lab: Lab, peer: PeerName, connections: number): Promise<number> {
  const server = await lab.startServer(peer, { recovery: false, handshakesPerSecond: 1_000_000 });
  const receivers = await lab.start<ReceiversCommands>('receivers', peer);
  await receivers.call('open', { port: server.port, count: baseline });
  const before = await residentBytes(server);
  await receivers.call('open', { port: server.port, count: connections });
  const after = await residentBytes(server);
  await Promise.all([receivers.stop(), server.worker.stop()]);
  return (after - before) / connections;
}

export const idleMemory: Scenario = {
  name: 'idle-memory',
  about: 'resident memory of the server per idle connection that holds one subscription',

  async run(lab: Lab): Promise<Figure[]> {
    const connections = lab.quick ? 6000 : 10_000;
    const runs: Runs = {};
    await inTurn(lab, lab.quick ? 1 : 2, async (peer) => {
      add(runs, peer, { value: (await bytesPerConnection(lab, peer, connections)) / 1024 });
    });
    return [
      {
        title: `Memory per idle connection at ${connections.toLocaleString('en')}`,
        unit: 'KiB',
        better: 'lower',
        runs,
        bars: [{ sign: '≤', limit: 1.5, times: 'ws' }],
      },
    ];
  },
};
