import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { FromServer, Published, ToServer } from '../events.ts';

const program = fileURLToPath(new URL('../lanes-server/main.ts', import.meta.url));
const START_TIMEOUT_MS = 20_000;
/** A process that was asked to move its clients away and end is killed after this. */
const RETIRE_TIMEOUT_MS = 10_000;

export interface ServerProcessOptions {
  /** Pages that may connect. */
  readonly origins: readonly string[];
  /** Where topics live: `memory`, or an address as `openLog` takes it. */
  readonly log: string;
}

/** One server process that listens. */
export class ServerProcess {
  readonly port: number;
  readonly exited: Promise<void>;
  private readonly child: ChildProcess;

  private constructor(child: ChildProcess, port: number) {
    this.child = child;
    this.port = port;
    this.exited = isOver(child) ? Promise.resolve() : once(child, 'exit').then(() => {});
  }

  /** Forks a process; resolves once it listens, rejects when it ends or hesitates before. */
  static async start(
    { origins, log }: ServerProcessOptions,
    onPublished: (message: Published) => void,
  ): Promise<ServerProcess> {
    // Not as arguments: a log's address may hold a password, and everybody may see arguments.
    const env = { ...process.env, HOLDFAST_ORIGINS: origins.join(','), HOLDFAST_LOG: log };
    const execArgv = [...process.execArgv, '--import', import.meta.resolve('tsx')];
    const child = fork(program, { execArgv, env });
    let timer: NodeJS.Timeout | undefined;
    const listening = new Promise<number>((resolve, reject) => {
      timer = setTimeout(() => {
        child.kill('SIGKILL');
        reject(new Error(`The server process did not listen within ${START_TIMEOUT_MS / 1_000} s.`));
      }, START_TIMEOUT_MS);
      child.once('error', reject);
      child.once('exit', (code, signal) => {
        reject(new Error(`The server process ended before it listened (${signal ?? `code ${code}`}).`));
      });
      child.on('message', (message: FromServer) => {
        if (message.type === 'listening') resolve(message.port);
        else onPublished({ n: message.n, atMs: message.atMs });
      });
    });
    const port = await listening.finally(() => clearTimeout(timer));
    return new ServerProcess(child, port);
  }

  get id(): number | undefined {
    return this.child.pid;
  }

  publish(n: number): void {
    this.send({ type: 'publish', n });
  }

  /** Lets every client move to another process, and ends. */
  async retire(): Promise<void> {
    this.send({ type: 'retire' });
    const timer = setTimeout(() => this.kill(), RETIRE_TIMEOUT_MS);
    await this.exited;
    clearTimeout(timer);
  }

  /** kill -9: no farewell to anybody. */
  kill(): void {
    this.child.kill('SIGKILL');
  }

  private send(message: ToServer): void {
    // A process that has just died takes nothing more; its exit is being told by another way.
    if (this.child.connected) this.child.send(message, () => {});
  }
}

function isOver(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}
