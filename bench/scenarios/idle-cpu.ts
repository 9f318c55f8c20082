import { sleep } from '../lab/clock.ts';
import type { Figure } from '../lab/figure.ts';
import { observe, type Lab } from '../lab/lab.ts';
import type { PeerName } from '../peers/peer.ts';
import type { ReceiversCommands } from '../workers/receivers.ts';
import { add, inTurn, type Runs, type Scenario } from './scenario.ts';

const connections = 15_000;
/**
 * What opening them left to do: compiling, heartbeats that come due for the first time, and the collections with which
 * V8 gives memory back within half a minute of a burst.
 */
const settleMs = 40_000;
/** One interval of heartbeats, which is 25 s for Holdfast and for Socket.IO by default. `ws` has none. */
const intervalMs = 25_000;

async function cpuPercent(lab: Lab, peer: PeerName): Promise<number> {
  const server = await lab.startServer(peer, { recovery: false, handshakesPerSecond: 1_000_000 });
  const receivers = await lab.start<ReceiversCommands>('receivers', peer);
  await receivers.call('open', { port: server.port, count: connections });
  await server.worker.call('collectGarbage', undefined);
  await sleep(settleMs);
  const { serverCpu } = await observe(server.worker, [receivers], () =>
    sleep(lab.quick ? intervalMs : intervalMs * 2),
  );
  await Promise.all([receivers.stop(), server.worker.stop()]);
  return serverCpu * 100;
}

export const idleCpu: Scenario = {
  name: 'idle-cpu',
  about: 'what the heartbeats of idle connections cost the server',

  async run(lab: Lab): Promise<Figure[]> {
    const runs: Runs = {};
    await inTurn(lab, 1, async (peer) => add(runs, peer, { value: await cpuPercent(lab, peer) }));
    return [
      {
        title: `Processor time of ${connections.toLocaleString('en')} idle connections`,
        unit: '% of a core',
        better: 'lower',
        runs,
        bars: [{ sign: '≤', limit: 2 }],
      },
    ];
  },
};
