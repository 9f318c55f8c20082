import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from '@nats-io/transport-node';
import { jetstreamManager } from '@nats-io/jetstream';
import { systemEnv } from '../peers.ts';

/** One nats-server with JetStream, on a free port and in a folder of its own, that a test may stop, kill and start again. */
export class NatsServer {
  readonly name: string;
  readonly port: number;
  private readonly folder: string;
  private readonly settings: string;
  private process: ChildProcess | undefined;
  private said = '';

  constructor(name: string, port: number, settings: string) {
    this.name = name;
    this.port = port;
    this.settings = settings;
    this.folder = mkdtempSync(join(tmpdir(), 'holdfast-nats-'));
  }

  get url(): string {
    return `nats://127.0.0.1:${this.port}`;
  }

  async start(): Promise<void> {
    const file = join(this.folder, 'nats.conf');
    writeFileSync(
      file,
      `server_name: ${this.name}\nlisten: "127.0.0.1:${this.port}"\n${this.settings.replaceAll('FOLDER', this.folder)}\n`,
    );
    const child = spawn('nats-server', ['-c', file], { env: systemEnv, stdio: ['ignore', 'pipe', 'pipe'] });
    this.process = child;
    await new Promise<void>((resolve, reject) => {
      const take = (chunk: Buffer): void => {
        this.said = (this.said + chunk.toString()).slice(-4_000);
        if (this.said.includes('Server is ready')) resolve();
      };
      child.stdout.on('data', take);
      child.stderr.on('data', take);
      child.once('exit', () => reject(new Error(`nats-server ended. It said: ${this.said}`)));
      child.once('error', reject);
    });
    this.said = '';
  }

  signal(name: NodeJS.Signals): void {
    this.process?.kill(name);
  }

  /** SIGKILL; its folder stays. */
  async kill(): Promise<void> {
    const child = this.process;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }

  /** Copies what the killed server has on its disk; the result puts it back, as a restored backup would. */
  backUp(): () => void {
    const copy = `${this.folder}-backup`;
    cpSync(this.folder, copy, { recursive: true });
    return () => {
      rmSync(this.folder, { recursive: true });
      cpSync(copy, this.folder, { recursive: true });
      rmSync(copy, { recursive: true });
    };
  }

  async destroy(): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export const withJetStream = 'jetstream { store_dir: "FOLDER" }';

/** One server alone. */
export async function startNats(settings = withJetStream): Promise<NatsServer> {
  const [port] = await freePorts(1);
  const server = new NatsServer('alone', port!, settings);
  await server.start();
  return server;
}

/** Servers of one cluster, ready to hold streams. */
export async function startNatsCluster(size: number): Promise<NatsServer[]> {
  const ports = await freePorts(size * 2);
  const routes = ports.slice(size);
  const servers = routes.map((route, index) => {
    const others = routes.map((port) => `"nats://127.0.0.1:${port}"`).join(', ');
    const cluster = `cluster { name: zoo, listen: "127.0.0.1:${route}", routes: [${others}] }`;
    return new NatsServer(`n${index}`, ports[index]!, `${withJetStream}\n${cluster}`);
  });
  await Promise.all(servers.map((server) => server.start()));
  await hasLeader(servers.map(({ url }) => url));
  return servers;
}

/** Waits until the servers of a cluster have chosen who answers for JetStream. */
async function hasLeader(urls: readonly string[]): Promise<void> {
  const nats = await connect({ servers: urls.map((url) => new URL(url).host) });
  const untilMs = Date.now() + 30_000;
  try {
    for (;;) {
      try {
        return void (await jetstreamManager(nats, { timeout: 1_000 }));
      } catch (error) {
        if (Date.now() > untilMs) throw error;
      }
    }
  } finally {
    await nats.close();
  }
}

/** Ports that nobody listens on: nats-server can't tell which it was given for port 0. */
async function freePorts(count: number): Promise<number[]> {
  const holders = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer().listen(0, '127.0.0.1');
      await once(server, 'listening');
      return server;
    }),
  );
  const ports = holders.map((server) => (server.address() as { port: number }).port);
  await Promise.all(holders.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** The server that leads a stream. */
export async function leaderOf(servers: readonly NatsServer[], stream: string): Promise<NatsServer> {
  const nats = await connect({ servers: servers.map(({ url }) => new URL(url).host) });
  try {
    const { cluster } = await (await jetstreamManager(nats)).streams.info(stream);
    return servers.find(({ name }) => name === cluster?.leader)!;
  } finally {
    await nats.close();
  }
}
