import { part, setText } from '../../page/part.ts';
import { sendCommand } from '../../page/send-command.ts';
import type { Tone } from '../../page/wording.ts';
import {
  nodeNames,
  type ClusterCommand,
  type ClusterState,
  type LogKind,
  type NodeName,
  type NodeState,
} from '../events.ts';

/** The nodes and the log: how they fare, and the buttons that break them. */
export class Machines {
  private state: ClusterState | undefined;

  constructor() {
    for (const node of nodeNames) {
      part(`kill-${node}`).addEventListener('click', () => void send({ action: 'kill', node }));
      part(`cut-off-${node}`).addEventListener('click', () => {
        void send({ action: 'cut-off', node, on: this.untilMs(node) === undefined });
      });
    }
    part('pause-log').addEventListener('click', () => {
      void send({ action: 'pause-log', on: this.untilMs('log') === undefined });
    });
  }

  name(log: LogKind): void {
    setText(part('log-name'), log === 'redis' ? 'Redis' : 'NATS JetStream');
  }

  update(state: ClusterState): void {
    this.state = state;
    for (const node of state.nodes) showNode(node);
    setText(part('waiting'), String(state.waiting));
    const isPaused = state.logPausedUntilMs !== undefined;
    part('pause-log').ariaPressed = String(isPaused);
    setState(part('log-state'), isPaused ? 'Stands still' : 'Runs', isPaused ? 'bad' : 'good');
    part('log-state').dataset['paused'] = String(isPaused);
  }

  /** The time that each has left, on its own button. */
  show(nowMs: number): void {
    for (const what of [...nodeNames, 'log'] as const) {
      const untilMs = this.untilMs(what);
      const left = untilMs === undefined ? '' : `${Math.max(0, Math.ceil((untilMs - nowMs) / 1_000))} s left`;
      setText(part(`left-${what}`), left);
    }
  }

  private untilMs(what: NodeName | 'log'): number | undefined {
    if (what === 'log') return this.state?.logPausedUntilMs;
    return this.state?.nodes.find(({ name }) => name === what)?.cutOffUntilMs;
  }
}

function showNode(node: NodeState): void {
  const { name, phase, connections, nodes, trouble } = node;
  const [words, tone] = wordsOf(node);
  part(`node-${name}`).dataset['phase'] = phase;
  setState(part(`node-${name}-state`), words, tone);
  setText(part(`node-${name}-connections`), String(connections));
  setText(part(`node-${name}-nodes`), String(nodes));
  setText(part(`node-${name}-trouble`), trouble);
  part(`node-${name}-trouble`).title = trouble;
  // Not `disabled`, which would take the keyboard's focus away from the button just pressed.
  part(`kill-${name}`).ariaDisabled = String(phase !== 'up');
  part(`cut-off-${name}`).ariaPressed = String(node.cutOffUntilMs !== undefined);
}

function wordsOf({ phase, processId, cutOffUntilMs, trouble }: NodeState): [string, Tone] {
  if (phase === 'down') return ['Dead', 'bad'];
  if (phase === 'starting') return ['Starts', 'trying'];
  if (cutOffUntilMs !== undefined) return [`Process ${processId}, cut off from the log`, 'bad'];
  return trouble
    ? [`Process ${processId} waits for the log`, 'trying']
    : [`Process ${processId} runs`, 'good'];
}

function setState(element: HTMLElement, words: string, tone: Tone): void {
  setText(element, words);
  element.dataset['tone'] = tone;
}

const send = (command: ClusterCommand): Promise<void> => sendCommand(command, 'npm run demo:cluster');
