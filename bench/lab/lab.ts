import type { PeerName, PeerServerOptions } from '../peers/peer.ts';
import type { ServerCommands } from '../workers/server.ts';
import { compilePeer, compileWorker } from './build.ts';
import type { Commands, Usage } from './serve.ts';
import { Worker } from './worker.ts';

export interface RunningServer {
  readonly worker: Worker<ServerCommands>;
  readonly port: number;
}

export interface LabOptions {
  readonly peers: readonly PeerName[];
  readonly quick: boolean;
  /** Where each server leaves a CPU profile; without it none is taken. */
  readonly profileFolder?: string | undefined;
}

/** Where scenarios get their processes from. All of them end when the scenario does. */
export class Lab {
  readonly peers: readonly PeerName[];
  readonly quick: boolean;
  readonly #profileFolder: string | undefined;
  readonly #workers: Worker<Commands>[] = [];
  readonly #compiled = new Map<string, Promise<string>>();

  constructor({ peers, quick, profileFolder }: LabOptions) {
    this.peers = peers;
    this.quick = quick;
    this.#profileFolder = profileFolder;
    // A worker that was stopped in its tracks would not notice that its parent has gone.
    process.on('exit', () => this.#workers.forEach((worker) => worker.kill()));
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
  }

  async start<C extends Commands>(name: string, peer: PeerName): Promise<Worker<C>> {
    const workerFile = await this.#once(`worker ${name}`, () => compileWorker(name));
    const peerFile = await this.#once(`peer ${peer}`, () => compilePeer(peer));
    const isProfiled = this.#profileFolder !== undefined && name === 'server';
    const worker = new Worker<C>(
      `${name} of ${peer}`,
      workerFile,
      [peerFile],
      isProfiled
        ? [
            '--cpu-prof',
            `--cpu-prof-dir=${this.#profileFolder}`,
            `--cpu-prof-name=${peer}-${Date.now()}.cpuprofile`,
          ]
        : [],
    );
    this.#workers.push(worker as unknown as Worker<Commands>);
    return worker;
  }

  async startServer(
    peer: PeerName,
    options: PeerServerOptions = { recovery: false },
  ): Promise<RunningServer> {
    const worker = await this.start<ServerCommands>('server', peer);
    return { worker, port: await worker.call('start', options) };
  }

  async stopAll(): Promise<void> {
    await Promise.all(this.#workers.splice(0).map((worker) => worker.stop()));
  }

  #once(key: string, compile: () => Promise<string>): Promise<string> {
    const compiled = this.#compiled.get(key) ?? compile();
    this.#compiled.set(key, compiled);
    return compiled;
  }
}

export interface Observed<T> {
  readonly result: T;
  /** Share of one core that each process had, 1 being a whole core. */
  readonly serverCpu: number;
  readonly loadCpu: number;
  readonly serverCpuMs: number;
}

interface Observable {
  usage(): Promise<Usage>;
}

/** Runs `body` and reads how busy the server and the generators of its load were meanwhile. */
export async function observe<T>(
  server: Observable,
  loads: readonly Observable[],
  body: () => Promise<T>,
): Promise<Observed<T>> {
  const processes = [server, ...loads];
  const before = await Promise.all(processes.map((each) => each.usage()));
  const result = await body();
  const after = await Promise.all(processes.map((each) => each.usage()));
  const spentMs = after.map((usage, index) => usage.cpuMs - (before[index] as Usage).cpuMs);
  const elapsedMs = (after[0] as Usage).atMs - (before[0] as Usage).atMs;
  const serverCpuMs = spentMs[0] as number;
  const loadCpuMs = spentMs.slice(1).reduce((sum, ms) => sum + ms, 0);
  return { result, serverCpu: serverCpuMs / elapsedMs, loadCpu: loadCpuMs / elapsedMs, serverCpuMs };
}
