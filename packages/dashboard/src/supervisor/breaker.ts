import type { ChaosProxy } from '@holdfast/chaos';
import type { Command, LastingFault, Mark, PanelState } from '../events.ts';
import { pageFaults, rivalsOf, without } from './faults.ts';
import type { Publisher } from './publisher.ts';
import type { ServerKeeper } from './server-keeper.ts';

export interface BreakerParts {
  /** The line that both lanes share. */
  proxy: ChaosProxy;
  keeper: ServerKeeper;
  publisher: Publisher;
  changed(): void;
  marked(mark: Mark): void;
  warned(text: string): void;
}

/** Does what the buttons say, to both lanes alike: they share one proxy and one server process. */
export class Breaker {
  private readonly parts: BreakerParts;
  private readonly lasting = new Map<LastingFault, number | null>();
  private readonly timers = new Map<LastingFault, NodeJS.Timeout>();

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
      case 'reset':
        this.mark('reset');
        proxy.reset();
        return undefined;
      case 'cut-mid-frame':
        this.mark('cut mid-frame');
        proxy.cutMidFrame();
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
    for (const timer of this.timers.values()) clearTimeout(timer);
  }

  private setLasting(fault: LastingFault, on: boolean): void {
    if (on === this.lasting.has(fault)) return;
    const { label, faults, lastsMs } = pageFaults[fault];
    clearTimeout(this.timers.get(fault));
    if (on) {
      for (const rival of rivalsOf(fault)) this.setLasting(rival, false);
      this.lasting.set(fault, lastsMs === undefined ? null : Date.now() + lastsMs);
      if (lastsMs !== undefined)
        this.timers.set(
          fault,
          setTimeout(() => this.setLasting(fault, false), lastsMs),
        );
    } else this.lasting.delete(fault);
    this.mark(on ? label : `${label} ends`);
    this.parts.proxy.set(on ? faults : without(faults)).then(
      () => this.handleListening(),
      (error: Error) => this.handleStuck(error),
    );
    // There must be silence long enough to be cut in.
    if (fault === 'idle-cut') this.parts.publisher.start(on ? 'sparse' : 'steady');
    this.parts.changed();
  }

  /** The port is asked for with each change, so any button may have got it back from another program. */
  private handleListening(): void {
    if (!this.lasting.has('refuse') || this.parts.proxy.faults.refuse) return;
    this.lasting.delete('refuse');
    this.mark(`${pageFaults.refuse.label} ends`);
    this.parts.changed();
  }

  /** Whatever was pressed, only the port can fail: so the line is still refused, and the button ends it later. */
  private handleStuck({ message }: Error): void {
    this.lasting.set('refuse', null);
    this.mark(`${pageFaults.refuse.label} goes on`);
    this.parts.warned(`The line’s port can’t be had again (${message}). Press the button once more.`);
    this.parts.changed();
  }

  private mark(label: string): void {
    this.parts.marked({ label, atMs: Date.now() });
  }
}
