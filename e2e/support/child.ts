import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { onTestFinished } from 'vitest';
import { systemEnv } from '../peers.ts';
import type { CallMessage, CallResult, Calls } from './calls.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Comes with the development dependencies. */
export const bunPath = `${root}node_modules/.bin/bun`;

/** A program of `e2e/programs` in a process of its own, called over its IPC channel. */
export class Child<C extends Calls> {
  readonly exited: Promise<void>;
  private readonly process: ChildProcess;
  private readonly waiting = new Map<number, (result: CallResult) => void>();
  private calls = 0;
  private said = '';

  constructor(process: ChildProcess) {
    this.process = process;
    process.on('message', (result: CallResult) => {
      this.waiting.get(result.id)?.(result);
      this.waiting.delete(result.id);
    });
    for (const stream of [process.stdout, process.stderr]) {
      stream?.on('data', (chunk: Buffer) => (this.said = (this.said + chunk.toString()).slice(-4_000)));
    }
    this.exited = new Promise((resolve) => {
      const end = (): void => {
        for (const [id, settle] of this.waiting)
          settle({ id, error: `The process ended. It said: ${this.said}` });
        this.waiting.clear();
        resolve();
      };
      process.once('exit', (code) => {
        this.exitCode = code;
        end();
      });
      process.once('error', end);
    });
  }

  get pid(): number {
    if (this.process.pid === undefined) throw new Error(`The process was not started. ${this.said}`);
    return this.process.pid;
  }

  /** Rejects with the program's error, or when the process is gone. */
  call<N extends keyof C & string>(name: N, ...args: Parameters<C[N]>): Promise<Awaited<ReturnType<C[N]>>> {
    return new Promise((resolve, reject) => {
      const id = ++this.calls;
      this.waiting.set(id, ({ value, error }) =>
        error === undefined ? resolve(value as Awaited<ReturnType<C[N]>>) : reject(new Error(error)),
      );
      const message: CallMessage = { id, name, args };
      this.process.send(message, (failed) => {
        if (failed && this.waiting.delete(id)) reject(failed);
      });
    });
  }

  /** Undefined while it runs; null when a signal ended it. */
  exitCode: number | null | undefined;

  signal(name: NodeJS.Signals): void {
    this.process.kill(name);
  }

  /** SIGKILL: the process gets no word in. */
  async kill(): Promise<void> {
    this.process.kill('SIGKILL');
    await this.exited;
  }
}

/**
 * Starts `e2e/programs/NAME.ts` and kills it when the test is over. `within` is a command that runs it, such as
 * `ip netns exec`; `compiled` makes it start in a fraction of the time, for tests that start it many times; `bun` runs
 * it on Bun.
 */
export async function startChild<C extends Calls>(
  name: string,
  {
    within = [],
    compiled = false,
    bun = false,
  }: { within?: readonly string[]; compiled?: boolean; bun?: boolean } = {},
): Promise<Child<C>> {
  const program = compiled
    ? [process.execPath, await compile(name)]
    : bun
      ? [bunPath, '--conditions=source', `e2e/programs/${name}.ts`]
      : [process.execPath, '--import', 'tsx', '--conditions=source', `e2e/programs/${name}.ts`];
  const [command, ...args] = [...within, ...program] as [string, ...string[]];
  const child = new Child<C>(
    spawn(command, args, { cwd: root, env: systemEnv, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] }),
  );
  onTestFinished(() => child.kill());
  return child;
}

const compiledPrograms = new Map<string, Promise<string>>();

function compile(name: string): Promise<string> {
  const compiled = compiledPrograms.get(name) ?? compileOnce(name);
  compiledPrograms.set(name, compiled);
  return compiled;
}

/** Here in the repository, so that the packages which are not bundled are found. */
async function compileOnce(name: string): Promise<string> {
  const outfile = `${root}e2e/results/${name}.mjs`;
  await build({
    entryPoints: [`${root}e2e/programs/${name}.ts`],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    conditions: ['source'],
    external: ['lmdb', 'ws'],
    // Some of what is bundled still asks for Node's own modules by `require`.
    banner: { js: 'import{createRequire}from"node:module";const require=createRequire(import.meta.url);' },
    logLevel: 'silent',
  });
  return outfile;
}
