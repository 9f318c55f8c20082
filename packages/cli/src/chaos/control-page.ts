/** Runs in the browser: shows the state of the proxy twice a second, and sends what is clicked. */
import type { FaultDescription } from '@holdfast/chaos';
import type { ChaosState } from './control.ts';

declare const pageData: { readonly faultDescriptions: Readonly<Record<string, FaultDescription>> };

const POLL_MS = 500;
const fields = new Map<string, HTMLInputElement | HTMLSelectElement>();

function byId<E extends HTMLElement = HTMLElement>(id: string): E {
  return document.getElementById(id) as E;
}

function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Partial<HTMLElementTagNameMap[K]> = {},
): HTMLElementTagNameMap[K] {
  return Object.assign(document.createElement(tag), properties);
}

function fieldOf(description: FaultDescription): HTMLInputElement | HTMLSelectElement {
  switch (description.kind) {
    case 'number':
      return element('input', {
        type: 'number',
        min: String(description.min),
        placeholder: description.unit,
      });
    case 'flag':
      return element('input', { type: 'checkbox' });
    case 'choice': {
      const select = element('select');
      for (const choice of ['', ...description.choices]) {
        select.append(element('option', { value: choice, textContent: choice || 'none' }));
      }
      return select;
    }
  }
}

function valueOf(field: HTMLInputElement | HTMLSelectElement): number | string | true | null {
  if (field instanceof HTMLInputElement && field.type === 'checkbox') return field.checked ? true : null;
  if (field.value === '') return null;
  return field instanceof HTMLInputElement ? Number(field.value) : field.value;
}

function showValue(field: HTMLInputElement | HTMLSelectElement, value: unknown): void {
  // What somebody is typing is not overwritten.
  if (document.activeElement === field && field instanceof HTMLInputElement && field.type === 'number')
    return;
  if (field instanceof HTMLInputElement && field.type === 'checkbox') field.checked = value === true;
  else field.value = value === undefined ? '' : String(value);
}

async function call(path: string, body?: unknown): Promise<void> {
  try {
    const post = {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
    };
    const answer = await fetch(path, body === undefined ? {} : post);
    if (answer.ok) show((await answer.json()) as ChaosState);
    // What was wrong stays until something is changed, not until the next look at the state.
    if (body !== undefined || !answer.ok)
      byId('complaint').textContent = answer.ok ? '' : await answer.text();
  } catch {
    byId('complaint').textContent = 'The proxy does not answer: it was ended.';
  }
}

function show({ url, target, faults, connections, connectionsOpen, ended }: ChaosState): void {
  byId('url').textContent = url;
  byId('target').textContent = target;
  for (const [name, field] of fields) {
    const value = (faults as Readonly<Record<string, unknown>>)[name];
    showValue(field, value);
    document.querySelector(`label[for="${name}"]`)?.classList.toggle('on', value !== undefined);
  }
  byId('open').textContent = String(connectionsOpen);
  rows('connections', ['number', 'open for', 'up', 'down', ''], connections, (connection) => [
    String(connection.id),
    age(Date.now() - connection.openedAtMs),
    size(connection.bytesUp),
    size(connection.bytesDown),
    strikeButtons(connection.id),
  ]);
  rows('ended', ['number', 'lived', 'up', 'down', 'why'], ended, (end) => [
    String(end.id),
    age(end.livedMs),
    size(end.bytesUp),
    size(end.bytesDown),
    end.cause,
  ]);
}

function rows<T>(
  id: string,
  heads: readonly string[],
  items: readonly T[],
  cells: (item: T) => (string | Node)[],
): void {
  // A click that has begun on a button must find it again.
  if (byId(id).matches(':active')) return;
  const head = element('tr');
  head.append(...heads.map((textContent) => element('th', { textContent })));
  const lines = items.map((item) => {
    const line = element('tr');
    for (const cell of cells(item)) {
      const place = element('td');
      place.append(cell);
      line.append(place);
    }
    return line;
  });
  const focused = document.activeElement?.id ?? '';
  byId(id).replaceChildren(...(lines.length > 0 ? [head, ...lines] : []));
  // Who works with the keyboard stays where they are.
  if (focused !== '') document.getElementById(focused)?.focus();
}

function strikeButtons(id: number): Node {
  const buttons = document.createDocumentFragment();
  for (const [fault, textContent] of [
    ['cut', 'close'],
    ['reset', 'break'],
  ] as const) {
    const button = element('button', { type: 'button', id: `${fault}-${id}`, textContent });
    button.addEventListener('click', () => void call('/strike', { fault, id }));
    buttons.append(button);
  }
  return buttons;
}

function age(ms: number): string {
  return ms < 10_000 ? `${(ms / 1_000).toFixed(1)} s` : `${Math.round(ms / 1_000)} s`;
}

function size(bytes: number): string {
  return bytes < 10_000 ? `${bytes} B` : `${Math.round(bytes / 1_000).toLocaleString('en')} kB`;
}

for (const [name, description] of Object.entries(pageData.faultDescriptions)) {
  const field = Object.assign(fieldOf(description), { id: name });
  field.addEventListener('change', () => void call('/faults', { [name]: valueOf(field) }));
  fields.set(name, field);
  const label = element('label', { htmlFor: name, textContent: name });
  byId('faults').append(label, field, element('span', { className: 'muted', textContent: description.does }));
}
byId('faults').addEventListener('submit', (event) => event.preventDefault());
byId('clear').addEventListener('click', () => void call('/clear', {}));
for (const button of document.querySelectorAll<HTMLElement>('[data-strike]')) {
  button.addEventListener('click', () => void call('/strike', { fault: button.dataset['strike'] }));
}
setInterval(() => void call('/state'), POLL_MS);
void call('/state');
