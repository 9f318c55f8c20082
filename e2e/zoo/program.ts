import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { systemEnv } from '../peers.ts';

const START_MS_MAX = 20_000;
const STOP_MS_MAX = 3_000;

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port was given');
  return address.port;
}

/** A folder that the program's own user may enter; who stops the program removes it. */
export function workFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-zoo-'));
  chmodSync(folder, 0o777);
  return folder;
}

export interface Program {
  readonly port: number;
  signal(name: NodeJS.Signals): void;
  stop(): Promise<void>;
}

export interface ProgramOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly port: number;
  readonly host?: string;
  readonly folder?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts a real program and waits until its port accepts. */
export async function startProgram(options: ProgramOptions): Promise<Program> {
  const { command, args, port, host = '127.0.0.1', folder } = options;
  const child = spawn(command, [...args], {
    env: { ...systemEnv, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-4_000)));
  }
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
  const stop = async () => {
    await end(child, exited);
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  };
  const deadlineMs = Date.now() + START_MS_MAX;
  while (!(await accepts(host, port))) {
    if (child.exitCode !== null || Date.now() > deadlineMs) {
      await stop();
      throw new Error(`${command} did not start: ${said}`);
    }
    await pause(30);
  }
  return { port, signal: (name) => void child.kill(name), stop };
}

async function end(child: ChildProcess, exited: Promise<void>): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGTERM');
  const late = setTimeout(() => child.kill('SIGKILL'), STOP_MS_MAX);
  await exited;
  clearTimeout(late);
}

function accepts(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    socket.setTimeout(500, () => socket.destroy());
    socket.once('connect', () => {
      resolve(true);
      socket.destroy();
    });
    socket.once('error', () => socket.destroy());
    socket.once('close', () => resolve(false));
  });
}

/** Runs a short command and throws with what it said when it fails. */
export function must(command: string, args: readonly string[], input?: string): string {
  const done = spawnSync(command, [...args], {
    encoding: 'utf8',
    env: systemEnv,
    ...(input === undefined ? {} : { input }),
  });
  if (done.status !== 0) throw new Error(`${command} ${args.join(' ')}: ${done.stderr || done.error}`);
  return done.stdout;
}
