import { fork, type ChildProcess } from 'node:child_process';
import type { Builtin, CommandReply, Commands, Usage } from './serve.ts';

type Input<F> = F extends (input: infer I) => unknown ? I : never;
type Answer<F> = F extends (input: never) => infer A ? Awaited<A> : never;

const commandTimeoutMs = 90_000;
/** For the writing of a profile. */
const graceMs = 3000;

interface Pending {
  resolve(value: unknown): void;
  reject(error: Error): void;
  timer: NodeJS.Timeout;
}

/** One process of the bench, seen from the process that runs the scenarios. */
export class Worker<C extends Commands> {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #pending = new Map<number, Pending>();
  #nextId = 1;

  constructor(name: string, file: string, args: readonly string[] = [], nodeOptions: readonly string[] = []) {
    this.name = name;
    this.#child = fork(file, args, {
      execArgv: ['--expose-gc', '--enable-source-maps', ...nodeOptions],
      serialization: 'advanced',
    });
    this.#child.on('message', (message) => this.#settle(message as CommandReply));
    this.#child.on('exit', (code, signal) => this.#failAll(`${name} ended (${signal ?? code})`));
  }

  call<N extends keyof (C & Builtin) & string>(
    command: N,
    input: Input<(C & Builtin)[N]>,
  ): Promise<Answer<(C & Builtin)[N]>> {
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#pending.delete(id);
        reject(new Error(`${this.name} did not answer ${command} within ${commandTimeoutMs} ms`));
      }, commandTimeoutMs);
      this.#pending.set(id, { resolve: resolve as (value: unknown) => void, reject, timer });
      this.#child.send({ id, command, input });
    });
  }

  usage(): Promise<Usage> {
    return this.call('usage', undefined as never) as Promise<Usage>;
  }

  /** Stops the process in its tracks: its kernel buffers fill, and nobody reads them. */
  freeze(): void {
    this.#child.kill('SIGSTOP');
  }

  /** Lets the process end by itself, so that it can write its profile; ends it when it does not. */
  stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.kill(), graceMs);
      this.#child.once('exit', () => {
        clearTimeout(timer);
        resolve();
      });
      if (this.#child.connected) this.#child.disconnect();
    });
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  #settle(reply: CommandReply): void {
    const pending = this.#pending.get(reply.id);
    if (!pending) return;
    this.#pending.delete(reply.id);
    clearTimeout(pending.timer);
    if ('error' in reply) pending.reject(new Error(`${this.name}: ${reply.error}`));
    else pending.resolve(reply.value);
  }

  #failAll(reason: string): void {
    for (const { reject, timer } of this.#pending.values()) {
      clearTimeout(timer);
      reject(new Error(reason));
    }
    this.#pending.clear();
  }
}
