import { connect, type Client } from 'holdfast/client';
import { HOLDFAST_PATH, LATENCY_MS, NOTES_TOPIC, TICKS_TOPIC, type Numbered } from '../events.ts';
import type { Lane } from './lane.ts';
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

/** The Holdfast lane. The library does the rest; what is here only shows what it says. */
export function runHoldfastLane(
  lane: Lane,
  proxy: string,
  onMessage: (message: Numbered) => void,
): Client<LaneContract> {
  const client = connect<LaneContract>(`${proxy}${HOLDFAST_PATH}`, {
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
    backoff: { capMs: RETRY_MAX_MS },
  });
  const showStatus = (): void => {
    const { phase, cause, rttMs, queued, unacknowledged, retryAt } = client.status;
    lane.enter(wordsOfHoldfast(phase), Date.now());
    if (cause) lane.facts.lastDisconnect = cause.text;
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
