import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { Figure } from '../lab/figure.ts';
import type { Lab } from '../lab/lab.ts';
import { sleep } from '../lab/clock.ts';
import { median } from '../lab/statistics.ts';
import type { Worker } from '../lab/worker.ts';
import type { CrossingCommands } from '../workers/crossing.ts';
import type { RedisNodeCommands } from '../workers/redis-node.ts';
import type { ResumersCommands } from '../workers/resumers.ts';
import { add, type Runs, type Scenario } from './scenario.ts';

const missed = 10_000;
const messageBytes = 1_024;
const clients = 20;
const mebibyte = 2 ** 20;

interface Redis {
  readonly url: string;
  readonly process: ChildProcess;
}

async function startRedis(): Promise<Redis> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as { port: number };
  await new Promise((resolve) => probe.close(resolve));
  const settings = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
  const redis = spawn('redis-server', settings, { stdio: ['ignore', 'pipe', 'inherit'] });
  process.once('exit', () => redis.kill('SIGKILL'));
  await new Promise<void>((resolve, reject) => {
    redis.once('error', () => reject(new Error('redis-server is missing: apt-get install -y redis-server')));
    redis.once('exit', () => reject(new Error('redis-server ended at once')));
    redis.stdout.on('data', (text: Buffer) => text.includes('Ready to accept') && resolve());
  });
  return { url: `redis://127.0.0.1:${port}`, process: redis };
}

type Node = Worker<RedisNodeCommands>;

async function startNodes(lab: Lab, url: string): Promise<{ nodes: [Node, Node]; ports: [number, number] }> {
  const start = (): Promise<Node> => lab.start<RedisNodeCommands>('redis-node', 'holdfast');
  const nodes: [Node, Node] = [await start(), await start()];
  return { nodes, ports: [await nodes[0].call('listen', url), await nodes[1].call('listen', url)] };
}

async function deliver(lab: Lab, url: string, ports: readonly [number, number]): Promise<Figure[]> {
  const crossing = await lab.start<CrossingCommands>('crossing', 'holdfast');
  await crossing.call('open', { ports, url });
  const count = lab.quick ? 300 : 1_000;
  for (const way of ['bare', 'nodes', 'cross'] as const) await crossing.call(way, count);
  const [bare, nodes, ratios, clientsRuns]: [Runs, Runs, Runs, Runs] = [{}, {}, {}, {}];
  // Short rounds in turn, so that what else the machine does falls on both.
  for (let round = 0; round < (lab.quick ? 3 : 11); round++) {
    const bareMs = median(await crossing.call('bare', count));
    const nodesMs = median(await crossing.call('nodes', count));
    add(bare, 'holdfast', { value: bareMs });
    add(nodes, 'holdfast', { value: nodesMs });
    add(ratios, 'holdfast', { value: nodesMs / bareMs });
    add(clientsRuns, 'holdfast', { value: median(await crossing.call('cross', count)) });
  }
  await crossing.stop();
  return [
    { title: 'Redis: PUBLISH until it is heard, p50', unit: 'ms', better: 'lower', runs: bare },
    { title: 'Redis: from one node to another, p50', unit: 'ms', better: 'lower', runs: nodes },
    {
      title: 'Redis: from one node to another',
      unit: '× PUBLISH until it is heard',
      better: 'lower',
      runs: ratios,
      bars: [{ sign: '≤', limit: 2 }],
    },
    {
      title: 'Redis: from a client of one node to a client of another, p50 (two WebSockets more)',
      unit: 'ms',
      better: 'lower',
      runs: clientsRuns,
    },
  ];
}

async function publish(lab: Lab, node: Node): Promise<Figure[]> {
  const runs: Runs = {};
  const durationMs = lab.quick ? 500 : 2_000;
  for (let round = 0; round < (lab.quick ? 1 : 3); round++) {
    add(runs, 'holdfast', { value: await node.call('rate', { inFlight: 64, durationMs }) });
  }
  return [{ title: 'Redis: publishes, 64 in flight, 32 bytes', unit: 'publishes/s', better: 'higher', runs }];
}

async function resume(lab: Lab, node: Node, port: number): Promise<Figure[]> {
  const load = await lab.start<ResumersCommands>('resumers', 'holdfast');
  const first = await node.call('fill', { count: missed, bytes: messageBytes });
  const [rates, growth]: [Runs, Runs] = [{}, {}];
  // Once for the code and the buffers that stay.
  await load.call('resume', { port, first, clients, count: missed });
  for (let round = 0; round < (lab.quick ? 1 : 3); round++) {
    const elapsedMs = await load.call('resume', { port, first, clients, count: missed });
    add(rates, 'holdfast', { value: ((clients * missed) / elapsedMs) * 1_000 });
    const before = await node.call('watch', undefined as never);
    await load.call('resume', { port, first, clients, count: missed });
    const peak = await node.call('peak', undefined as never);
    add(growth, 'holdfast', { value: (peak - before) / mebibyte });
  }
  const title = `Resume from Redis, ${clients} clients at once, ${missed.toLocaleString('en')} messages of 1 KiB each`;
  return [
    { title, unit: 'messages/s', better: 'higher', runs: rates },
    {
      title: `${title}: growth of the server's memory`,
      unit: 'MiB',
      better: 'lower',
      runs: growth,
      bars: [{ sign: '≤', limit: 64 }],
    },
  ];
}

export const redis: Scenario = {
  name: 'redis',
  about: `two nodes on one Redis: delivery across them, and ${clients} clients that missed ${missed.toLocaleString('en')} messages`,

  async run(lab: Lab): Promise<Figure[]> {
    const store = await startRedis();
    try {
      const { nodes, ports } = await startNodes(lab, store.url);
      // Connections of the clients settle before anything is measured.
      await sleep(500);
      return [
        ...(await deliver(lab, store.url, ports)),
        ...(await publish(lab, nodes[0])),
        ...(await resume(lab, nodes[0], ports[0])),
      ];
    } finally {
      await lab.stopAll();
      store.process.kill('SIGKILL');
    }
  },
};
