import { connect, type Client } from 'holdfast/client';
import { HOLDFAST_PATH, LATENCY_MS, NOTES_TOPIC, TICKS_TOPIC, type Numbered } from '../events.ts';
import type { Lane } from './lane.ts';
import type { Verdicts } from './verdicts.ts';
import { wordsOfHoldfast } from './wording.ts';

/** A message that somebody sent from the page. */
export interface Note {
  readonly id: string;
  readonly text: string;
}

export type LaneContract = { topics: { [TICKS_TOPIC]: Numbered; [NOTES_TOPIC]: Note } };

const RTT_EVERY_MS = 4_000;
/** Upgrade and welcome take two round trips, and under the latency button each of them takes twice the latency. */
const CONNECT_TIMEOUT_MS = 2 * 2 * LATENCY_MS + 4_000;
/** Whoever presses "cut" again and again should not wait half a minute, as a client on a bad day would. */
const RETRY_MAX_MS = 3_000;

/** Better lines are looked for every few seconds (default: ten minutes), because people wait for it here. */
const LINES = { checkMs: 8_000, confirmMs: 1_000, moveMs: 8_000 };

/** The Holdfast lane. The library does the rest; what is here only shows what it says. */
export function runHoldfastLane(
  lane: Lane,
  endpoints: () => readonly string[],
  verdicts: Verdicts,
  onMessage: (message: Numbered) => void,
): Client<LaneContract> {
  const urls = (): string[] => endpoints().map((endpoint) => `${endpoint}${HOLDFAST_PATH}`);
  const client = connect<LaneContract>(urls, {
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
    backoff: { capMs: RETRY_MAX_MS },
    lines: LINES,
  });
  const showStatus = (): void => {
    const { phase, cause, rttMs, queued, unacknowledged, retryAt } = client.status;
    lane.enter(wordsOfHoldfast(phase), Date.now());
    verdicts.note(client.status, Date.now());
    // In the client's own words, while there are any: the verdict has a card of its own.
    if (cause && (cause.confidence === undefined || !lane.facts.lastDisconnect))
      lane.facts.lastDisconnect = cause.text;
    // The status has a smoothed figure; a probe's own answer shows at once what the latency button does.
    if (phase === 'live') lane.facts.rttMs ??= rttMs;
    else if (phase === 'connecting') lane.facts.rttMs = undefined;
    Object.assign(lane.facts, { queued, unacknowledged, retryAtMs: retryAt });
  };
  client.onStatus(showStatus);
  showStatus();
  client.subscribe(TICKS_TOPIC, onMessage, { from: 'now' }).on('gap', ({ reason }) => {
    lane.ledger.noteGap(reason);
  });
  setInterval(() => {
    if (client.status.phase !== 'live' || document.hidden) return;
    // An answer that does not come is the state's business, which shows it.
    client.probe().then(
      ({ rttMs }) => (lane.facts.rttMs = rttMs),
      () => {},
    );
  }, RTT_EVERY_MS);
  return client;
}
