import type { Figure } from '../lab/figure.ts';
import { observe, type Lab, type RunningServer } from '../lab/lab.ts';
import type { Worker } from '../lab/worker.ts';
import type { PeerName } from '../peers/peer.ts';
import type { HandshakesCommands } from '../workers/handshakes.ts';
import { add, inTurn, type Runs, type Scenario } from './scenario.ts';

const atOnce = 64;

interface Pair {
  readonly server: RunningServer;
  readonly dialler: Worker<HandshakesCommands>;
}

export const handshakes: Scenario = {
  name: 'handshakes',
  about: `connections made and left again, ${atOnce} at once, until the peer calls them connected`,

  async run(lab: Lab): Promise<Figure[]> {
    const pairs = new Map<PeerName, Pair>();
    for (const peer of lab.peers) {
      const server = await lab.startServer(peer, { recovery: false, handshakesPerSecond: 1_000_000 });
      const dialler = await lab.start<HandshakesCommands>('handshakes', peer);
      await dialler.call('run', { port: server.port, atOnce, durationMs: 500 });
      pairs.set(peer, { server, dialler });
    }
    const runs: Runs = {};
    await inTurn(lab, lab.quick ? 1 : 3, async (peer) => {
      const { server, dialler } = pairs.get(peer) as Pair;
      const { result, serverCpu, loadCpu, serverCpuMs } = await observe(server.worker, [dialler], () =>
        dialler.call('run', { port: server.port, atOnce, durationMs: lab.quick ? 1000 : 1500 }),
      );
      add(runs, peer, {
        value: (result.handshakes / result.elapsedMs) * 1000,
        serverCpu,
        loadCpu,
        perServerCpuSecond: (result.handshakes / serverCpuMs) * 1000,
      });
    });
    return [{ title: 'Handshakes', unit: 'connections/s', better: 'higher', runs }];
  },
};
