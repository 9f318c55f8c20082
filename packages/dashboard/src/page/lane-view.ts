import type { Lane } from './lane.ts';
import type { Counts, Hole } from './ledger.ts';
import { part, setText } from './part.ts';
import { explainHole, seconds, untilRetry, wordsOfHole } from './wording.ts';

const HOLES_SHOWN = 3;
const countNames = ['published', 'arrived', 'late', 'lost', 'twice'] as const;
const partNames = [
  'state',
  'since',
  ...countNames,
  'late-max',
  'last-disconnect',
  'rtt',
  'queued',
  'unacknowledged',
  'gaps',
] as const;
type PartName = (typeof partNames)[number];

const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });

/** Makes a lane's part of the page from the template that both lanes share. */
export function makeLaneElement(lane: Lane, title: string, caption: string): HTMLCanvasElement {
  const template = part('lane-template') as HTMLTemplateElement;
  const article = (template.content.cloneNode(true) as DocumentFragment).firstElementChild as HTMLElement;
  article.dataset['testid'] = `lane-${lane.name}`;
  article.ariaLabel = title;
  for (const element of article.querySelectorAll<HTMLElement>('[data-part]')) {
    element.dataset['testid'] = `${lane.name}-${element.dataset['part']}`;
  }
  part('lanes').append(article);
  setText(part(`${lane.name}-title`), title);
  setText(part(`${lane.name}-caption`), caption);
  const canvas = part<HTMLCanvasElement>(`${lane.name}-timeline`);
  canvas.ariaLabel = `Timeline of the lane “${title}”; the counts below say the same in numbers.`;
  // The sentences about a connection have room on a wide screen; on a phone the timelines come first.
  if (matchMedia('(min-width: 800px)').matches) part<HTMLDetailsElement>(`${lane.name}-details`).open = true;
  return canvas;
}

/** The words and numbers of one lane. */
export class LaneView {
  private readonly lane: Lane;
  private readonly parts: Record<PartName, HTMLElement>;
  private holesShown = '';

  constructor(lane: Lane) {
    this.lane = lane;
    const found = partNames.map((name) => [name, part(`${lane.name}-${name}`)]);
    this.parts = Object.fromEntries(found) as Record<PartName, HTMLElement>;
  }

  show(nowMs: number): void {
    const { parts, lane } = this;
    const { state, facts, ledger } = lane;
    if (state) {
      setText(parts.state, state.words.sentence);
      parts.state.dataset['tone'] = state.words.tone;
      parts.state.dataset['state'] = state.words.label;
      const forTime = `for ${seconds(nowMs - state.sinceMs)}`;
      setText(parts.since, untilRetry(facts.retryAtMs, nowMs) || forTime);
    }
    this.showCounts(ledger.counts);
    this.showHoles(ledger.holes);
    setText(parts['last-disconnect'], facts.lastDisconnect ?? 'none yet');
    setText(parts.rtt, facts.rttMs === undefined ? 'not measured' : `${Math.round(facts.rttMs)} ms`);
    setText(parts.queued, String(facts.queued ?? 'keeps none'));
    setText(parts.unacknowledged, String(facts.unacknowledged ?? 'not known'));
  }

  private showCounts(counts: Counts): void {
    for (const name of countNames) {
      setText(this.parts[name], String(counts[name]));
      this.parts[name].dataset['none'] = String(counts[name] === 0);
    }
    setText(this.parts['late-max'], counts.late > 0 ? `up to ${seconds(counts.lateMaxMs)}` : '');
  }

  private showHoles(holes: readonly Hole[]): void {
    const newest = holes.slice(-HOLES_SHOWN).toReversed();
    const key = newest.map((hole) => `${hole.before}:${hole.count}`).join();
    if (key === this.holesShown) return;
    this.holesShown = key;
    this.parts.gaps.replaceChildren(...newest.map(holeElement));
  }
}

function holeElement(hole: Hole): HTMLElement {
  const item = document.createElement('li');
  item.dataset['reason'] = hole.reason ?? 'none';
  item.dataset['count'] = String(hole.count);
  const time = document.createElement('time');
  time.textContent = clock.format(hole.atMs);
  const words = document.createElement('b');
  words.textContent = wordsOfHole(hole);
  item.append(time, ' ', words, ` ${explainHole(hole)}`);
  return item;
}
