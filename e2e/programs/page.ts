// What the browser runs: a client and a record of all that it saw, for a test to read.
import { connect, type ClientOptions, type Gap, type Phase } from 'holdfast/client';
import type { Numbered } from '../support/ledger.ts';

const parameters = new URLSearchParams(location.search);
const options = JSON.parse(parameters.get('options') ?? '{}') as ClientOptions;
if (parameters.has('storage')) options.storage = localStorage;

const client = connect(parameters.get('endpoint')!.split(','), {
  backoff: { baseMs: 100, capMs: 500 },
  ...options,
});
const messages: Numbered[] = [];
const gaps: Gap[] = [];
const phases: Phase[] = [];
/** When each phase began, by the page's own clock. */
const phasesAtMs: number[] = [];
client.onStatus(({ phase }) => {
  if (phases.at(-1) === phase) return;
  phases.push(phase);
  phasesAtMs.push(performance.now());
});
const news = client.subscribe('news', ({ publisher, n }: Numbered) => void messages.push({ publisher, n }), {
  from: 'start',
});
news.on('gap', (gap) => gaps.push(gap));

/** Whether the attempt that is under way comes to something. */
function becomesLive(): Promise<boolean> {
  return new Promise((resolve) => {
    const look = (phase: Phase): void => {
      if (phase === 'live') resolve(true);
      if (phase === 'waiting') resolve(false);
    };
    look(client.status.phase);
    client.onStatus(({ phase }) => look(phase));
  });
}

const seen = { client, connect, messages, gaps, phases, phasesAtMs, becomesLive };
declare global {
  interface Window {
    seen: typeof seen;
  }
}
window.seen = seen;
