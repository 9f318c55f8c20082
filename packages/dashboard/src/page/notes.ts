import type { Client } from 'holdfast/client';
import { NOTES_TOPIC } from '../events.ts';
import type { LaneContract } from './holdfast-lane.ts';
import { part } from './part.ts';
import { seconds } from './wording.ts';

const NOTES_SHOWN = 5;

type NoteState =
  | { readonly name: 'waiting' }
  | { readonly name: 'acknowledged'; readonly offset: number; readonly afterMs: number }
  | { readonly name: 'refused'; readonly text: string };

interface SentNote {
  readonly text: string;
  readonly item: HTMLElement;
  state: NoteState;
  /** How often it came back from the topic. */
  seen: number;
}

/** The form that sends a message through Holdfast, however broken the network is, and shows what became of it. */
export function runNotes(client: Client<LaneContract>): void {
  const form = part<HTMLFormElement>('note-form');
  const input = part<HTMLInputElement>('note-text');
  const list = part('notes');
  const sent = new Map<string, SentNote>();

  client.subscribe(NOTES_TOPIC, ({ id }) => {
    const note = sent.get(id);
    if (!note) return;
    note.seen++;
    show(note);
  });

  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const text = input.value.trim();
    if (text === '') return;
    const note: SentNote = {
      text,
      item: document.createElement('li'),
      state: { name: 'waiting' },
      seen: 0,
    };
    const id = crypto.randomUUID();
    sent.set(id, note);
    list.prepend(note.item);
    for (const [oldId, old] of [...sent].slice(0, -NOTES_SHOWN)) {
      sent.delete(oldId);
      old.item.remove();
    }
    show(note);
    void publish(client, id, note);
    input.value = nextText(text);
    input.select();
  });
}

async function publish(client: Client<LaneContract>, id: string, note: SentNote): Promise<void> {
  const startMs = Date.now();
  try {
    const { offset } = await client.publish(NOTES_TOPIC, { id, text: note.text });
    note.state = { name: 'acknowledged', offset, afterMs: Date.now() - startMs };
  } catch (error) {
    note.state = { name: 'refused', text: error instanceof Error ? error.message : String(error) };
  }
  show(note);
}

function show({ item, text, state, seen }: SentNote): void {
  item.dataset['testid'] = 'note';
  item.dataset['state'] = state.name;
  item.dataset['seen'] = String(seen);
  const words = document.createElement('b');
  words.textContent = text;
  const fate = document.createElement('span');
  fate.textContent = wordsOf(state, seen);
  item.replaceChildren(words, fate);
}

function wordsOf(state: NoteState, seen: number): string {
  switch (state.name) {
    case 'waiting':
      return 'kept until it is acknowledged';
    case 'acknowledged': {
      const back = seen === 0 ? 'not seen in the topic yet' : `in the topic ${times(seen)}`;
      return `acknowledged after ${seconds(state.afterMs)} at offset ${state.offset}, ${back}`;
    }
    case 'refused':
      return state.text;
  }
}

function times(count: number): string {
  return count === 1 ? 'exactly once' : `${count} times`;
}

/** "Hello 1" becomes "Hello 2", so that one can press Enter again and again. */
function nextText(text: string): string {
  const [, words, number] = /^(.*?)(\d{1,6})$/.exec(text) ?? [];
  return number === undefined ? text : `${words}${Number(number) + 1}`;
}
