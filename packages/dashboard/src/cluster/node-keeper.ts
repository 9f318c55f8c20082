import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { NODE_BACK_MS, type FromNode, type NodeFigures, type NodeName, type NodeState } from './events.ts';

const program = fileURLToPath(new URL('node/main.ts', import.meta.url));
const START_WITHIN_MS = 20_000;
const nothing: NodeFigures = { connections: 0, nodes: 0, trouble: '' };

export interface NodeOptions {
  readonly name: NodeName;
  readonly origins: readonly string[];
  /** The address of the log, as this node sees it. */
  readonly log: string;
  /** The token of the one who may publish. */
  readonly publisherToken: string;
}

/**
 *   starting ──listens──▶ up ──dies──▶ down ──NODE_BACK_MS──▶ starting
 *       └────────────── dies ───────────▲
 */
type Phase = NodeState['phase'];

/** Keeps one node running, through every death of it, on one port. */
export class NodeKeeper {
  /** Where it listens, or did: nginx knows it by that. */
  port = 0;
  private phase: Phase = 'starting';
  private figures = nothing;
  private child: ChildProcess | undefined;
  private timer: NodeJS.Timeout | undefined;
  private isStopped = false;
  private readonly options: NodeOptions;
  private readonly changed: () => void;

  constructor(options: NodeOptions, changed: () => void) {
    this.options = options;
    this.changed = changed;
  }

  get state(): Omit<NodeState, 'cutOffUntilMs'> {
    const processId = this.phase === 'up' ? this.child?.pid : undefined;
    return { name: this.options.name, phase: this.phase, processId, ...this.figures };
  }

  /** Starts the first process. Rejects when that ends before it listens. */
  start(): Promise<void> {
    return new Promise((resolve, reject) => {
      const child = this.fork();
      child.once('exit', () => {
        reject(new Error(`Node ${this.options.name} ended before it listened.`));
        this.handleExit();
      });
      child.on('message', (message: FromNode) => {
        if (message.type === 'listening') resolve();
        this.handle(message);
      });
    });
  }

  /** kill -9; false when there is nothing to kill. */
  kill(): boolean {
    return this.phase === 'up' && this.child!.kill('SIGKILL');
  }

  stop(): void {
    this.isStopped = true;
    clearTimeout(this.timer);
    this.child?.kill('SIGKILL');
  }

  private fork(): ChildProcess {
    const { name, origins, log, publisherToken } = this.options;
    const env = {
      ...process.env,
      HOLDFAST_NODE: name,
      HOLDFAST_PORT: String(this.port),
      HOLDFAST_ORIGINS: origins.join(','),
      HOLDFAST_LOG: log,
      HOLDFAST_PUBLISHER: publisherToken,
    };
    const execArgv = [...process.execArgv, '--import', import.meta.resolve('tsx')];
    const child = fork(program, { execArgv, env });
    child.on('error', () => {});
    // One that can't reach its log waits for it; one that hangs is replaced.
    this.timer = setTimeout(() => child.kill('SIGKILL'), START_WITHIN_MS);
    this.child = child;
    return child;
  }

  private handle(message: FromNode): void {
    if (message.type === 'listening') {
      clearTimeout(this.timer);
      this.port = message.port;
      this.phase = 'up';
    } else {
      const { connections, nodes, trouble } = message;
      const figures = { connections, nodes, trouble };
      if (JSON.stringify(figures) === JSON.stringify(this.figures)) return;
      this.figures = figures;
    }
    this.changed();
  }

  private handleExit(): void {
    clearTimeout(this.timer);
    this.figures = nothing;
    this.phase = 'down';
    this.changed();
    if (this.isStopped) return;
    this.timer = setTimeout(() => {
      this.phase = 'starting';
      this.changed();
      // Its end is told by its exit, which comes back here.
      this.start().catch(() => {});
    }, NODE_BACK_MS);
  }
}
