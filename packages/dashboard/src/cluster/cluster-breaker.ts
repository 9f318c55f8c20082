import type { ChaosProxy } from '@holdfast/chaos';
import type { Mark } from '../events.ts';
import {
  CUT_OFF_MS,
  PAUSE_MS,
  type ClusterCommand,
  type ClusterState,
  type LogKind,
  type NodeName,
} from './events.ts';
import type { NodeKeeper } from './node-keeper.ts';
import type { Program } from './programs.ts';

export interface ClusterParts {
  readonly nodes: ReadonlyMap<NodeName, NodeKeeper>;
  /** Each node's way to the log. */
  readonly ways: ReadonlyMap<NodeName, ChaosProxy>;
  readonly log: Program;
  readonly kind: LogKind;
  waiting(): number;
  changed(): void;
  marked(mark: Mark): void;
}

/** Something that is broken now, and ends by itself. */
interface Lasting {
  readonly untilMs: number;
  readonly timer: NodeJS.Timeout;
}

/** Does what the buttons say to the nodes, to the log, and to what lies between them. */
export class ClusterBreaker {
  private readonly parts: ClusterParts;
  private readonly lasting = new Map<NodeName | 'log', Lasting>();

  constructor(parts: ClusterParts) {
    this.parts = parts;
  }

  get state(): ClusterState {
    return {
      nodes: Array.from(this.parts.nodes, ([name, keeper]) => ({
        ...keeper.state,
        cutOffUntilMs: this.lasting.get(name)?.untilMs,
      })),
      waiting: this.parts.waiting(),
      logPausedUntilMs: this.lasting.get('log')?.untilMs,
    };
  }

  /** Carries a command out; a text says why it can't be now. */
  handle(command: ClusterCommand): string | undefined {
    const { nodes, kind } = this.parts;
    switch (command.action) {
      case 'kill':
        if (!nodes.get(command.node)!.kill()) return 'That node is dead already; it comes back by itself.';
        this.mark(`kill -9 ${command.node}`);
        return undefined;
      case 'cut-off':
        this.set(command.node, command.on, `${command.node} cut off`, CUT_OFF_MS);
        return undefined;
      case 'pause-log':
        this.set('log', command.on, `${kind === 'redis' ? 'Redis' : 'NATS'} paused`, PAUSE_MS);
        return undefined;
    }
  }

  stop(): void {
    for (const { timer } of this.lasting.values()) clearTimeout(timer);
  }

  private set(what: NodeName | 'log', on: boolean, label: string, lastsMs: number): void {
    const present = this.lasting.get(what);
    if (on === (present !== undefined)) return;
    clearTimeout(present?.timer);
    if (on) {
      const timer = setTimeout(() => this.set(what, false, label, lastsMs), lastsMs);
      this.lasting.set(what, { untilMs: Date.now() + lastsMs, timer });
    } else this.lasting.delete(what);
    if (what === 'log') this.parts.log.signal(on ? 'SIGSTOP' : 'SIGCONT');
    else void this.parts.ways.get(what)!.set({ blackHole: on ? 'both' : undefined });
    this.mark(on ? label : `${label}: over`);
    this.parts.changed();
  }

  private mark(label: string): void {
    this.parts.marked({ label, atMs: Date.now() });
  }
}
