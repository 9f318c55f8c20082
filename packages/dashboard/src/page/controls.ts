import { lastingFaults, strikes, type Command, type LastingFault, type PanelState } from '../events.ts';
import { part, setText } from './part.ts';
import { sendCommand } from './send-command.ts';

/** The buttons that break things, and the line that says how the server process fares. */
export class Controls {
  private state: PanelState | undefined;

  constructor() {
    for (const action of strikes) {
      part(`break-${action}`).addEventListener('click', () => void send({ action }));
    }
    for (const action of lastingFaults) {
      part(`break-${action}`).addEventListener('click', () => {
        void send({ action, on: !this.isOn(action) });
      });
    }
  }

  update(state: PanelState): void {
    this.state = state;
    for (const fault of lastingFaults) part(`break-${fault}`).ariaPressed = String(this.isOn(fault));
    const isUp = state.server === 'up';
    // Not `disabled`, which would take the keyboard's focus away from the button just pressed.
    part('break-restart').ariaDisabled = String(!isUp);
    part('break-kill').ariaDisabled = String(state.processId === undefined);
    part('break-clear').ariaDisabled = String(Object.keys(state.faults).length === 0);
    const line = part('server-state');
    line.dataset['state'] = state.server;
    setText(line, wordsOfServer(state));
  }

  /** The time that a fault has left, on its own button. */
  show(nowMs: number): void {
    for (const fault of lastingFaults) {
      const untilMs = this.state?.faults[fault];
      const left = untilMs ? `${Math.max(0, Math.ceil((untilMs - nowMs) / 1_000))} s left` : 'on';
      setText(part(`left-${fault}`), this.isOn(fault) ? left : '');
    }
  }

  private isOn(fault: LastingFault): boolean {
    return this.state?.faults[fault] !== undefined;
  }
}

function wordsOfServer({ server, processId }: PanelState): string {
  switch (server) {
    case 'up':
      return `Server process ${processId} runs`;
    case 'moving':
      return `Process ${processId} hands over`;
    case 'starting':
      return 'A server process starts';
    case 'down':
      return 'The server process is dead';
  }
}

const send = (command: Command): Promise<void> => sendCommand(command, 'npm start');
