// One of several tabs that share a connection, and a record of all that it saw and did.
import type { Gap, Phase } from 'holdfast/client';
import { connectTabs } from 'holdfast/tabs';
import type { Numbered } from '../support/ledger.ts';

const parameters = new URLSearchParams(location.search);
const name = parameters.get('name')!;

/** The WebSockets that this tab has opened itself: only a leader has any. */
const sockets: WebSocket[] = [];
globalThis.WebSocket = class extends WebSocket {
  constructor(url: string | URL, protocols?: string | string[]) {
    super(url, protocols);
    sockets.push(this);
  }
};

const client = connectTabs(parameters.get('endpoint')!, {
  backoff: { baseMs: 50, capMs: 300 },
  tabs: { pingMs: 1_000 },
});
const messages: Numbered[] = [];
const gaps: Gap[] = [];
const phases: Phase[] = [];
client.onStatus(({ phase }) => {
  if (phases.at(-1) !== phase) phases.push(phase);
});
client
  .subscribe('news', ({ publisher, n }: Numbered) => void messages.push({ publisher, n }), { from: 'start' })
  .on('gap', (gap) => gaps.push(gap));

let made = 0;
let acknowledged = 0;
const failures: string[] = [];

/** Publishes this tab's next numbers, a few at a time; resolves once all are answered. */
async function publish(count: number): Promise<void> {
  const one = async (): Promise<void> => {
    try {
      await client.publish('news', { publisher: name, n: ++made });
      acknowledged++;
    } catch (error) {
      failures.push(String(error));
    }
  };
  for (let left = count; left > 0; left -= 5) {
    await Promise.all(Array.from({ length: Math.min(5, left) }, one));
  }
}

/** Does nothing but this for a while, as a page that hangs. */
function hang(durationMs: number): void {
  const endMs = performance.now() + durationMs;
  while (performance.now() < endMs);
}

const tab = {
  name,
  client,
  messages,
  gaps,
  phases,
  failures,
  publish,
  counts: () => ({ made, acknowledged }),
  leads: () => sockets.some(({ readyState }) => readyState === WebSocket.OPEN),
  hang,
  /** As a browser freezes a page: it is told, then nothing of it runs for a while. */
  freeze(durationMs: number): void {
    document.dispatchEvent(new Event('freeze'));
    hang(durationMs);
    document.dispatchEvent(new Event('resume'));
  },
};
declare global {
  interface Window {
    tab: typeof tab;
  }
}
window.tab = tab;
