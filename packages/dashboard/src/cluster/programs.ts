import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { LogKind } from './events.ts';

const START_WITHIN_MS = 20_000;

/** One of Debian's programs, running for this demo alone, with its files in a folder that goes with it. */
export class Program {
  readonly port: number;
  private readonly folder: string;
  private readonly child: ChildProcess;
  private said = '';

  private constructor(command: string, args: readonly string[], port: number, folder: string) {
    this.port = port;
    this.folder = folder;
    // Debian keeps servers in /usr/sbin, which is not on every user's path.
    const env = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` };
    this.child = spawn(command, args, { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
    const take = (chunk: Buffer): void => void (this.said = (this.said + String(chunk)).slice(-2_000));
    this.child.stdout?.on('data', take);
    this.child.stderr?.on('data', take);
  }

  /** Starts it; resolves once it listens, rejects with what it said when it does not. */
  static async start(
    command: string,
    configure: (port: number, folder: string) => readonly string[],
  ): Promise<Program> {
    const folder = mkdtempSync(join(tmpdir(), `holdfast-demo-`));
    // Those who start as root serve as another user, and write here.
    chmodSync(folder, 0o777);
    const port = await freePort();
    const program = new Program(command, configure(port, folder), port, folder);
    try {
      await program.listens(command);
      return program;
    } catch (error) {
      program.stop();
      throw error;
    }
  }

  /** SIGSTOP, SIGCONT: it stands still, and its sockets stay. */
  signal(name: 'SIGSTOP' | 'SIGCONT'): void {
    this.child.kill(name);
  }

  stop(): void {
    // nginx ends its workers with itself only when it is asked; one that stands still hears nothing but SIGKILL.
    this.child.kill('SIGTERM');
    const timer = setTimeout(() => this.child.kill('SIGKILL'), 1_000);
    this.child.once('exit', () => clearTimeout(timer));
    this.child.kill('SIGCONT');
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 3 });
  }

  private async listens(command: string): Promise<void> {
    let ended: string | undefined;
    this.child.once('error', ({ message }) => (ended = message));
    this.child.once('exit', () => (ended ??= this.said.trim()));
    for (const untilMs = Date.now() + START_WITHIN_MS; ;) {
      if (ended !== undefined) throw new Error(`${command} did not start: ${ended}`);
      if (await accepts(this.port)) return;
      if (Date.now() > untilMs) throw new Error(`${command} does not listen: ${this.said.trim()}`);
      await wait(50);
    }
  }
}

/** A Redis or NATS of its own, empty. */
export function startLogProgram(kind: LogKind): Promise<Program> {
  if (kind === 'redis')
    return Program.start('redis-server', (port, folder) =>
      ['--port', port, '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--loglevel', 'warning'].map(
        String,
      ),
    );
  return Program.start('nats-server', (port, folder) => {
    const file = join(folder, 'nats.conf');
    writeFileSync(file, `listen: "127.0.0.1:${port}"\njetstream { store_dir: "${folder}" }\n`);
    return ['-c', file];
  });
}

/**
 * nginx before the nodes: a new connection goes to the node with fewer, and to the other one when that refuses. Without
 * `max_fails=0` a node that is back would get a single connection at first, and all others a 502, because nginx forgives
 * it only when that one has ended.
 */
export function startNginx(nodePorts: readonly number[]): Promise<Program> {
  return Program.start('nginx', (port, folder) => {
    writeFileSync(join(folder, 'nginx.conf'), nginxConf(port, folder, nodePorts));
    return ['-p', folder, '-c', 'nginx.conf', '-e', 'stderr'];
  });
}

function nginxConf(port: number, folder: string, nodePorts: readonly number[]): string {
  const buffers = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  return `
daemon off;
worker_processes 1;
pid ${folder}/nginx.pid;
events { worker_connections 256; }
http {
  access_log off;
  ${buffers.map((name) => `${name}_temp_path ${folder}/${name};`).join('\n  ')}
  upstream nodes {
    least_conn;
    ${nodePorts.map((nodePort) => `server 127.0.0.1:${nodePort} max_fails=0;`).join('\n    ')}
  }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://nodes;
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection "upgrade";
      proxy_connect_timeout 1s;
      proxy_read_timeout 75s;
    }
  }
}
`;
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** None of these programs can say which port it took, so one is found for it. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
