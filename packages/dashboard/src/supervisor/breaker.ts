import type { ChaosProxy } from '@holdfast/chaos';
import {
  BLACK_HOLE_MS,
  IDLE_CUT_MS,
  LATENCY_MS,
  type Command,
  type LastingFault,
  type Mark,
  type PanelState,
} from '../events.ts';
import type { Publisher } from './publisher.ts';
import type { ServerKeeper } from './server-keeper.ts';

export interface BreakerParts {
  proxy: ChaosProxy;
  keeper: ServerKeeper;
  publisher: Publisher;
  changed(): void;
  marked(mark: Mark): void;
}

const labels: Record<LastingFault, string> = {
  'black-hole': 'black hole',
  latency: '2 s latency',
  'idle-cut': 'idle cut',
};

/** Does what the buttons say, to both lanes alike: they share one proxy and one server process. */
export class Breaker {
  private readonly parts: BreakerParts;
  private readonly lasting = new Map<LastingFault, number | null>();
  private blackHoleTimer: NodeJS.Timeout | undefined;

  constructor(parts: BreakerParts) {
    this.parts = parts;
  }

  get faults(): PanelState['faults'] {
    return Object.fromEntries(this.lasting);
  }

  /** Carries a command out; a text says why it can't be now. */
  handle(command: Command): string | undefined {
    const { proxy, keeper } = this.parts;
    switch (command.action) {
      case 'cut':
        this.mark('cut');
        proxy.cut();
        return undefined;
      case 'clear':
        for (const fault of this.lasting.keys()) this.setLasting(fault, false);
        return undefined;
      case 'restart':
        if (keeper.phase !== 'up') return 'The server process is not up, so it can’t be restarted now.';
        this.mark('restart');
        void keeper.restart();
        return undefined;
      case 'kill':
        if (keeper.processId === undefined)
          return 'The server process is dead already; it comes back by itself.';
        this.mark('kill -9');
        keeper.kill();
        return undefined;
      default:
        this.setLasting(command.action, command.on);
        return undefined;
    }
  }

  stop(): void {
    clearTimeout(this.blackHoleTimer);
  }

  private setLasting(fault: LastingFault, on: boolean): void {
    if (on === this.lasting.has(fault)) return;
    if (on) this.lasting.set(fault, fault === 'black-hole' ? Date.now() + BLACK_HOLE_MS : null);
    else this.lasting.delete(fault);
    this.mark(on ? labels[fault] : `${labels[fault]} ends`);
    this.apply(fault, on);
    this.parts.changed();
  }

  private apply(fault: LastingFault, on: boolean): void {
    const { proxy, publisher } = this.parts;
    switch (fault) {
      case 'black-hole':
        clearTimeout(this.blackHoleTimer);
        if (on) this.blackHoleTimer = setTimeout(() => this.setLasting(fault, false), BLACK_HOLE_MS);
        return void proxy.set({ blackHole: on ? 'both' : undefined });
      case 'latency':
        return void proxy.set({ latencyMs: on ? LATENCY_MS : undefined });
      case 'idle-cut':
        publisher.start(on ? 'sparse' : 'steady');
        return void proxy.set({ idleCutMs: on ? IDLE_CUT_MS : undefined });
    }
  }

  private mark(label: string): void {
    this.parts.marked({ label, atMs: Date.now() });
  }
}
