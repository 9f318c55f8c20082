import type { EndpointScore } from 'holdfast/client';
import { LINES_LATENCY_MS } from '../events.ts';
import { part } from './part.ts';

const names = ['Line A', 'Line B', 'Line C'];

/** The client's endpoints with their scores, the one in use marked; nothing while there is only one. */
export class LinesView {
  private readonly list = part('holdfast-lines');
  private shown = '';

  show(endpoints: readonly EndpointScore[], linePorts: readonly number[]): void {
    const lines = endpoints.length > 1 ? endpoints : [];
    const key = JSON.stringify(lines);
    if (key === this.shown) return;
    this.shown = key;
    this.list.hidden = lines.length === 0;
    this.list.replaceChildren(...lines.map((line) => item(line, indexOf(line, linePorts))));
  }
}

function indexOf({ url }: EndpointScore, linePorts: readonly number[]): number {
  return linePorts.indexOf(Number(new URL(url).port));
}

function item({ current, score, rttMs }: EndpointScore, index: number): HTMLElement {
  const made = document.createElement('li');
  made.dataset['testid'] = 'line';
  made.dataset['line'] = 'ABC'[index] ?? '';
  made.dataset['current'] = String(current);
  const name = document.createElement('b');
  name.textContent = names[index] ?? '';
  const about = document.createElement('span');
  about.textContent = index === 0 ? 'the one that is broken' : `+${LINES_LATENCY_MS[index]} ms each way`;
  const measured = document.createElement('span');
  const roundTrip = rttMs === undefined ? 'not measured yet' : `round trip ${Math.round(rttMs)} ms`;
  measured.textContent = `score ${score}, ${roundTrip}`;
  const use = document.createElement('em');
  use.textContent = current ? 'in use' : '';
  made.append(name, about, measured, use);
  return made;
}
