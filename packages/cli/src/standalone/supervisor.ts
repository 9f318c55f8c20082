import cluster, { type Worker } from 'node:cluster';
import type { Configuration, GivenValues } from './configuration.ts';

/** What a worker tells, and is told. */
export type WorkerMessage =
  /** What was sent to it before is lost. */
  | { type: 'hears' }
  | { type: 'ready'; port: number; apiPort: number | undefined }
  | { type: 'failed'; text: string };
export type SupervisorMessage = { type: 'serve'; given: GivenValues } | { type: 'drain' };

const READY_TIMEOUT_MS = 60_000;
/** A worker that dies at once is not started again without end. */
const RESTART_DELAY_MS = 1_000;

interface Ports {
  port: number;
  apiPort: number | undefined;
}

/** Starts workers that share the port, replaces those that die, and rolls them over to a new configuration. */
export class Supervisor {
  private readonly workers = new Set<Worker>();
  /** What a worker has started with: whoever takes another's place gets it, whatever the file says by then. */
  private inUse: Configuration;
  private isEnding = false;
  private rolling: Promise<void> | undefined;
  /** What came while it rolled: some workers may have started with what was before. */
  private next: Configuration | undefined;
  private readonly say: (text: string) => void;

  constructor(configuration: Configuration, say: (text: string) => void) {
    this.inUse = configuration;
    this.say = say;
  }

  private get wanted(): number {
    return this.inUse.count('workers', 1);
  }

  /** Resolves once all are ready. Rejects with the sentence of the first that could not start. */
  async start(): Promise<Ports> {
    const started = await Promise.allSettled(
      Array.from({ length: this.wanted }, () => this.startOne(this.inUse)),
    );
    const failed = started.find((result) => result.status === 'rejected');
    if (!failed) return (started[0] as PromiseFulfilledResult<Ports>).value;
    await this.end();
    throw failed.reason;
  }

  /** One by one: a new worker is ready before an old one lets its clients go, so nobody finds the port closed. */
  roll(configuration: Configuration): Promise<void> {
    this.next = configuration;
    this.rolling ??= this.rollToLast().finally(() => (this.rolling = undefined));
    return this.rolling;
  }

  async end(): Promise<void> {
    this.isEnding = true;
    await Promise.all(Array.from(this.workers, (worker) => this.drain(worker)));
  }

  private async rollToLast(): Promise<void> {
    while (this.next) {
      const configuration = this.next;
      this.next = undefined;
      await this.rollAll(configuration);
    }
  }

  private async rollAll(configuration: Configuration): Promise<void> {
    const old = [...this.workers];
    const wanted = configuration.count('workers', 1);
    for (let i = 0; i < Math.max(old.length, wanted) && !this.isEnding; i++) {
      if (i < wanted) {
        try {
          await this.startOne(configuration);
        } catch (error) {
          const isUsed = i === 0 ? 'not used' : `used by ${i} of ${wanted} workers only`;
          return this.say(`The new configuration is ${isUsed}: ${(error as Error).message}`);
        }
        this.inUse = configuration;
      }
      if (old[i]) await this.drain(old[i]!);
    }
    if (!this.next && !this.isEnding) this.say('All workers have the new configuration.');
  }

  private async startOne(configuration: Configuration): Promise<Ports> {
    const worker = cluster.fork();
    this.workers.add(worker);
    worker.on('message', ({ type }: WorkerMessage) => {
      if (type === 'hears') send(worker, { type: 'serve', given: configuration.given() });
    });
    try {
      const ports = await readyOf(worker);
      worker.once('exit', (code, signal) => void this.handleExit(worker, code, signal));
      return ports;
    } catch (error) {
      this.workers.delete(worker);
      worker.process.kill('SIGKILL');
      throw error;
    }
  }

  private async handleExit(worker: Worker, code: number | null, signal: string | null): Promise<void> {
    // One that drains has left the set.
    if (!this.workers.delete(worker) || this.isEnding) return;
    this.say(`A worker ended (${signal ?? `code ${code}`}); another takes its place.`);
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, RESTART_DELAY_MS));
      await this.rolling;
      // Looked at only now: what was wanted then may not be any more.
      if (this.isEnding || this.workers.size >= this.wanted) return;
      await this.startOne(this.inUse).catch((error: unknown) =>
        this.say(`It could not start: ${(error as Error).message}`),
      );
    }
  }

  private async drain(worker: Worker): Promise<void> {
    this.workers.delete(worker);
    if (worker.isDead()) return;
    const ended = new Promise((resolve) => void worker.once('exit', resolve));
    const tell = (): void => send(worker, { type: 'drain' });
    // One that still starts may not have heard it, and is told again with each word it says.
    worker.on('message', tell);
    tell();
    await ended;
  }
}

function send(worker: Worker, message: SupervisorMessage): void {
  // One that has just died hears nothing; without a callback that would be an error of this process.
  if (worker.isConnected()) worker.send(message, () => {});
}

function readyOf(worker: Worker): Promise<Ports> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(
      () => settle(new Error('A worker was not ready within a minute.')),
      READY_TIMEOUT_MS,
    );
    const onMessage = (message: WorkerMessage): void => {
      if (message.type === 'ready') settle(message);
      if (message.type === 'failed') settle(new Error(message.text));
    };
    const onExit = (code: number | null, signal: string | null): void =>
      settle(new Error(`A worker ended as it started (${signal ?? `code ${code}`}).`));
    const settle = (result: Ports | Error): void => {
      clearTimeout(late);
      worker.off('message', onMessage);
      worker.off('exit', onExit);
      if (result instanceof Error) reject(result);
      else resolve(result);
    };
    worker.on('message', onMessage);
    worker.on('exit', onExit);
  });
}
