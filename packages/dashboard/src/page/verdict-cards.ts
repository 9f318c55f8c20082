import { part } from './part.ts';
import type { Drop, Verdicts } from './verdicts.ts';
import { nameOfVerdict, sureness } from './wording.ts';

const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });

/** A card for each of the latest drops of a lane: what it was, on what evidence, how sure that is, what to do. */
export class VerdictCards {
  private readonly verdicts: Verdicts;
  private readonly list: HTMLElement;
  private shown = '';

  constructor(laneName: string, verdicts: Verdicts) {
    this.verdicts = verdicts;
    this.list = part(`${laneName}-verdicts`);
    this.list.hidden = false;
  }

  show(): void {
    const key = JSON.stringify(this.verdicts.drops);
    if (key === this.shown) return;
    this.shown = key;
    this.list.replaceChildren(...this.verdicts.drops.map(card));
  }
}

function card(drop: Drop): HTMLElement {
  const item = document.createElement('li');
  item.dataset['testid'] = 'verdict';
  item.dataset['id'] = drop.id ?? (drop.backAtMs !== undefined ? 'unknown' : 'pending');
  if (drop.confidence !== undefined) item.dataset['confidence'] = String(drop.confidence);
  const title = element('p', 'verdict-title', element('b', '', nameOfVerdict(item.dataset['id'])));
  if (drop.confidence !== undefined) title.append(' ', element('span', '', sureness(drop.confidence)));
  const time = element('time', '', clock.format(drop.atMs));
  time.setAttribute('datetime', new Date(drop.atMs).toISOString());
  title.append(' ', time);
  item.append(title);
  if (drop.text) item.append(element('p', 'evidence', drop.text));
  if (drop.fix) item.append(element('p', 'fix', element('b', '', 'What to do: '), drop.fix));
  return item;
}

function element(tag: string, className: string, ...children: (Node | string)[]): HTMLElement {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...children);
  return made;
}
