import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from '@redis/client';
import { vi } from 'vitest';
import { systemEnv } from '../peers.ts';
import { patient } from './ledger.ts';

/** Those of a start that failed half-way are nobody's to stop. */
const running = new Set<ChildProcess>();
process.once('exit', () => running.forEach((child) => child.kill('SIGKILL')));

/** A Redis process of its own, with its files in a folder that goes with it. */
export class RedisServer {
  readonly port: number;
  private readonly folder = mkdtempSync(join(tmpdir(), 'holdfast-redis-'));
  private readonly settings: readonly string[];
  private process!: ChildProcess;
  private exited!: Promise<void>;

  private constructor(port: number, settings: readonly string[]) {
    this.port = port;
    this.settings = settings;
  }

  /** `settings` are arguments of redis-server, such as `--appendonly yes`. */
  static async start(...settings: readonly string[]): Promise<RedisServer> {
    const server = new RedisServer(await freePort(), settings);
    await server.run();
    return server;
  }

  /** One that watches a primary under a name, and with one other replaces it after half a second of silence. */
  static async startSentinel(name: string, primary: RedisServer): Promise<RedisServer> {
    const server = new RedisServer(await freePort(), []);
    const file = join(server.folder, 'sentinel.conf');
    const lines = [
      `sentinel monitor ${name} 127.0.0.1 ${primary.port} 2`,
      `sentinel down-after-milliseconds ${name} 500`,
      `sentinel failover-timeout ${name} 3000`,
    ];
    writeFileSync(file, lines.join('\n'));
    await server.run([file, '--sentinel']);
    return server;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Starts it, or starts it again with the data that it left. */
  async run(kind: readonly string[] = ['--save', '']): Promise<void> {
    const fixed = ['--port', String(this.port), '--bind', '127.0.0.1', '--dir', this.folder];
    const settings = this.settings.flatMap((setting) => setting.split(' '));
    this.process = spawn('redis-server', [...kind, ...fixed, '--loglevel', 'warning', ...settings], {
      env: systemEnv,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const { process: child } = this;
    running.add(child);
    this.exited = new Promise((resolve) =>
      child.once('exit', () => {
        running.delete(child);
        resolve();
      }),
    );
    await vi.waitFor(() => this.command('PING'), patient);
  }

  /** SIGSTOP, SIGCONT: the process stands still, and its sockets stay. */
  signal(name: NodeJS.Signals): void {
    this.process.kill(name);
  }

  async kill(): Promise<void> {
    this.process.kill('SIGKILL');
    await this.exited;
  }

  async stop(): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** One command on a connection of its own, as an operator would give it. */
  async command<T = unknown>(...args: readonly string[]): Promise<T> {
    const socket = { host: '127.0.0.1', port: this.port, reconnectStrategy: false as const };
    const client = createClient({ RESP: 2, socket });
    client.on('error', () => {});
    try {
      await client.connect();
      return await client.sendCommand<T>(args);
    } finally {
      client.destroy();
    }
  }
}

/** Three primaries, which share the slots; the folder and port of each are its own. */
export async function startCluster(): Promise<RedisServer[]> {
  const servers = await Promise.all([1, 2, 3].map(() => RedisServer.start(...clusterSettings)));
  const bounds = [0, 5_461, 10_923, 16_384];
  for (const [index, server] of servers.entries()) {
    const [from, to] = [bounds[index]!, bounds[index + 1]!];
    const slots = Array.from({ length: to - from }, (_, slot) => String(from + slot));
    await server.command('CLUSTER', 'ADDSLOTS', ...slots);
    await server.command('CLUSTER', 'SET-CONFIG-EPOCH', String(index + 1));
  }
  for (const { port } of servers.slice(1))
    await servers[0]!.command('CLUSTER', 'MEET', '127.0.0.1', String(port));
  for (const server of servers) {
    await vi.waitFor(async () => {
      const info = await server.command<string>('CLUSTER', 'INFO');
      if (!info.includes('cluster_state:ok') || !info.includes('cluster_known_nodes:3'))
        throw new Error(info);
    }, patient);
  }
  return servers;
}

const clusterSettings = [
  '--cluster-enabled yes',
  '--cluster-node-timeout 1500',
  '--repl-diskless-sync-delay 0',
];

/** A further server of a cluster, which replicates one of its primaries, and which all of them know. */
export async function joinAsReplica(
  primary: RedisServer,
  servers: readonly RedisServer[],
): Promise<RedisServer> {
  const replica = await RedisServer.start(...clusterSettings);
  await replica.command('CLUSTER', 'MEET', '127.0.0.1', String(primary.port));
  const id = await primary.command<string>('CLUSTER', 'MYID');
  await vi.waitFor(() => replica.command('CLUSTER', 'REPLICATE', id), patient);
  const known = `127.0.0.1:${replica.port}@`;
  for (const server of servers) {
    await vi.waitFor(async () => {
      const nodes = await server.command<string>('CLUSTER', 'NODES');
      const line = nodes.split('\n').find((text) => text.includes(known));
      if (!line?.includes('slave')) throw new Error(nodes);
    }, patient);
  }
  await vi.waitFor(async () => {
    const info = await replica.command<string>('INFO', 'replication');
    if (!info.includes('master_link_status:up')) throw new Error(info);
  }, patient);
  return replica;
}

/**
 * Redis can’t say which port it took, so one is found for it, with the one 10,000 above that a cluster’s servers
 * talk on. Both lie below the ports that the system gives to connections.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 12_000 + Math.floor(Math.random() * 10_000);
    if ((await isFree(port)) && (await isFree(port + 10_000))) return port;
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  const free = await new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => resolve(true));
  });
  await new Promise((resolve) => server.close(resolve));
  return free;
}
