import { observe, type Lab, type RunningServer } from '../lab/lab.ts';
import type { Bar, Figure, Measured } from '../lab/figure.ts';
import type { Worker } from '../lab/worker.ts';
import type { PeerName } from '../peers/peer.ts';
import type { PublisherCommands } from '../workers/publisher.ts';
import type { ReceiversCommands } from '../workers/receivers.ts';
import { add, inTurn, type Runs, type Scenario } from './scenario.ts';

const subscribers = 1000;
const inFlights = [1, 16] as const;
const warmUpMs = 500;

interface Group {
  readonly server: RunningServer;
  readonly receivers: Worker<ReceiversCommands>;
  readonly publisher: Worker<PublisherCommands>;
}

async function startGroup(lab: Lab, peer: PeerName): Promise<Group> {
  const server = await lab.startServer(peer);
  const receivers = await lab.start<ReceiversCommands>('receivers', peer);
  const publisher = await lab.start<PublisherCommands>('publisher', peer);
  await receivers.call('open', { port: server.port, count: subscribers });
  await publisher.call('connect', { port: server.port });
  return { server, receivers, publisher };
}

/** From the first publish to the last message at the last subscriber. */
async function publishToAll({ receivers, publisher }: Group, inFlight: number, durationMs: number) {
  const { published, startedAtMs } = await publisher.call('publish', { inFlight, durationMs });
  const { atMs } = await receivers.call('complete', { each: published });
  return { deliveries: published * subscribers, elapsedMs: atMs - startedAtMs };
}

async function measure(group: Group, inFlight: number, durationMs: number): Promise<Measured> {
  await publishToAll(group, inFlight, warmUpMs);
  const { result, serverCpu, loadCpu, serverCpuMs } = await observe(
    group.server.worker,
    [group.receivers, group.publisher],
    () => publishToAll(group, inFlight, durationMs),
  );
  return {
    value: (result.deliveries / result.elapsedMs) * 1000,
    serverCpu,
    loadCpu,
    perServerCpuSecond: (result.deliveries / serverCpuMs) * 1000,
  };
}

export const fanOut: Scenario = {
  name: 'fan-out',
  about: `one publisher, ${subscribers} subscribers, ${inFlights.join(' and ')} publishes in flight`,

  async run(lab: Lab): Promise<Figure[]> {
    const groups = new Map<PeerName, Group>();
    for (const peer of lab.peers) groups.set(peer, await startGroup(lab, peer));
    const runs = new Map<number, Runs>(inFlights.map((inFlight) => [inFlight, {}]));
    await inTurn(lab, lab.quick ? 1 : 3, async (peer) => {
      for (const inFlight of inFlights) {
        const measured = await measure(groups.get(peer) as Group, inFlight, lab.quick ? 1000 : 2000);
        add(runs.get(inFlight) as Runs, peer, measured);
      }
    });
    return inFlights.map((inFlight) => ({
      title: `Fan-out to ${subscribers} subscribers, ${inFlight} in flight`,
      unit: 'deliveries/s',
      better: 'higher',
      runs: runs.get(inFlight) as Runs,
      ...(inFlight === 16 ? { bars } : {}),
    }));
  },
};

const bars: readonly Bar[] = [
  { sign: '≥', limit: 10, times: 'socket-io' },
  { sign: '≥', limit: 5, times: 'ws' },
];
