import { RESTART_AFTER_MS, type PanelState, type Published } from '../events.ts';
import { ServerProcess, type ServerProcessOptions } from './server-process.ts';

/**
 *   starting ──listens──▶ up ──restart──▶ moving ──next listens──▶ up
 *       ▲                 │                 │
 *       └── a moment ── down ◀─────dies─────┘          any ──stop──▶ stopped
 */
type State = { name: 'starting' | 'down' | 'stopped' } | { name: 'up' | 'moving'; process: ServerProcess };

export interface KeeperEvents {
  changed(): void;
  published(message: Published): void;
  warned(text: string): void;
}

/** Keeps one server process running, through every death of it. */
export class ServerKeeper {
  private state: State = { name: 'starting' };
  private readonly retiring = new Set<ServerProcess>();
  private restartTimer: NodeJS.Timeout | undefined;
  private port = 0;
  private readonly options: ServerProcessOptions;
  private readonly events: KeeperEvents;

  constructor(options: ServerProcessOptions, events: KeeperEvents) {
    this.options = options;
    this.events = events;
  }

  get phase(): PanelState['server'] {
    return this.state.name === 'stopped' ? 'down' : this.state.name;
  }

  get processId(): number | undefined {
    return 'process' in this.state ? this.state.process.id : undefined;
  }

  /** Where connections lead. While no process runs, that is where the last one listened: nobody answers. */
  get target(): { host: string; port: number } {
    return { host: '127.0.0.1', port: this.port };
  }

  /** Starts the first process. Rejects when it can't be started at all. */
  async start(): Promise<void> {
    const process = await this.fork();
    if (this.state.name === 'stopped') return process.kill();
    this.port = process.port;
    this.become({ name: 'up', process });
    void process.exited.then(() => this.handleExit(process));
  }

  /** Asks for a message; it exists once `published` has told so. */
  publish(n: number): boolean {
    if (!('process' in this.state)) return false;
    this.state.process.publish(n);
    return true;
  }

  /** Starts the next process beside this one, lets the clients move, and ends this one. */
  async restart(): Promise<void> {
    if (this.state.name !== 'up') return;
    const { process } = this.state;
    this.become({ name: 'moving', process });
    try {
      await this.start();
      this.retiring.add(process);
      await process.retire();
      this.retiring.delete(process);
    } catch (error) {
      this.events.warned(`The next server process could not be started: ${text(error)}`);
      const { phase } = this;
      if (phase === 'moving') this.become({ name: 'up', process });
      else if (phase === 'starting') this.recover();
    }
  }

  kill(): void {
    if ('process' in this.state) this.state.process.kill();
    for (const process of this.retiring) process.kill();
  }

  stop(): void {
    clearTimeout(this.restartTimer);
    this.kill();
    this.state = { name: 'stopped' };
  }

  private fork(): Promise<ServerProcess> {
    return ServerProcess.start(this.options, this.events.published);
  }

  private handleExit(process: ServerProcess): void {
    // An old process that has moved its clients away, or the one in use?
    if (!('process' in this.state) || this.state.process !== process) return;
    // When it dies while the next one is being started, that one takes over.
    if (this.state.name === 'moving') return this.become({ name: 'starting' });
    this.recover();
  }

  private recover(): void {
    this.become({ name: 'down' });
    this.restartTimer = setTimeout(() => {
      this.become({ name: 'starting' });
      this.start().catch((error: unknown) => {
        this.events.warned(text(error));
        if (this.state.name === 'starting') this.recover();
      });
    }, RESTART_AFTER_MS);
  }

  private become(state: State): void {
    this.state = state;
    this.events.changed();
  }
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
