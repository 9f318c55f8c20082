import type { Status } from 'holdfast/client';
import type { Hole } from './ledger.ts';

/** How a state looks: all is well, something is being tried, or nothing is. */
export type Tone = 'good' | 'trying' | 'bad';

/** A connection's state in words: a short one for the band, a sentence for people. */
export interface StateWords {
  readonly tone: Tone;
  readonly label: string;
  readonly sentence: string;
}

export type PlainPhase = 'connecting' | 'open' | 'waiting';

const plainWords: Record<PlainPhase, StateWords> = {
  connecting: { tone: 'trying', label: 'connecting', sentence: 'Connecting' },
  open: { tone: 'good', label: 'open', sentence: 'Open, as far as it knows' },
  waiting: { tone: 'bad', label: 'closed', sentence: 'Closed' },
};

const holdfastWords: Record<Status['phase'], StateWords> = {
  connecting: { tone: 'trying', label: 'connecting', sentence: 'Connecting' },
  live: { tone: 'good', label: 'live', sentence: 'Live' },
  suspect: { tone: 'trying', label: 'no answer', sentence: 'No answer; tries a second connection' },
  waiting: { tone: 'bad', label: 'waiting', sentence: 'Not connected' },
  offline: { tone: 'bad', label: 'offline', sentence: 'This device says that it is offline' },
  draining: { tone: 'good', label: 'moving', sentence: 'Moves to a new connection' },
  closed: { tone: 'bad', label: 'closed', sentence: 'Closed for good' },
  failed: { tone: 'bad', label: 'failed', sentence: 'Gave up, because no retry would help' },
};

export function wordsOfPlain(phase: PlainPhase): StateWords {
  return plainWords[phase];
}

export function wordsOfHoldfast(phase: Status['phase']): StateWords {
  return holdfastWords[phase];
}

/** SPEC CAUSE-3's names, in words. */
const verdicts: Record<string, string> = {
  'client-closed': 'This page closed it',
  'server-drain': 'The server was being replaced',
  'server-crash': 'The server process died',
  'server-closed': 'The server closed it',
  'auth-expired': 'The credential had expired',
  'idle-cut-by-intermediary': 'Something in between cuts idle connections',
  'lifetime-cut-by-intermediary': 'Something in between cuts old connections',
  'network-lost': 'The network was lost',
  'network-changed': 'The network changed',
  'half-open': 'The connection was dead, and nobody had said so',
  'device-slept': 'The device slept',
  'tab-frozen': 'The browser had frozen the tab',
  'too-big': 'A message was too big',
  'protocol-error': 'What arrived made no sense',
  overload: 'The server had too much to do',
  superseded: 'Another connection took its place',
  unknown: 'No verdict: the evidence does not tell',
  pending: 'Lost; the verdict comes with the next connection',
};

export function nameOfVerdict(id: string): string {
  return verdicts[id] ?? id;
}

/** From 80 % up, a verdict may be acted upon without a look at the evidence. */
export function sureness(confidence: number): string {
  return `${Math.round(confidence * 100)} % sure`;
}

/** On the timeline, where there is little room. */
export function labelOfHole(hole: Pick<Hole, 'reason' | 'count'>): string {
  return hole.reason === undefined ? `${hole.count} lost` : wordsOfHole(hole);
}

/** How long until the next attempt, or nothing when none is due. */
export function untilRetry(retryAtMs: number | undefined, nowMs: number): string {
  if (retryAtMs === undefined || retryAtMs <= nowMs) return '';
  return `next try in ${seconds(retryAtMs - nowMs)}`;
}

export function wordsOfHole({ reason, count }: Pick<Hole, 'reason' | 'count'>): string {
  const messages = count === 1 ? '1 message' : `${count} messages`;
  return reason === undefined ? `${messages} lost, unannounced` : `gap: ${messages}, ${reason}`;
}

const reasons: Record<string, string> = {
  epoch: 'the server’s memory of the topic is gone',
  retention: 'the topic keeps no messages that old',
  conflated: 'older messages were skipped for newer ones',
  'not-authorized': 'the right to read was taken away',
};

export function explainHole({ reason, count }: Pick<Hole, 'reason' | 'count'>): string {
  if (reason === undefined) return 'The code on this page was never told.';
  const why = reasons[reason] ?? reason;
  return count === 0 ? `Told, because ${why}; nothing was missing.` : `Told, because ${why}.`;
}

const logs: Record<string, string> = {
  memory: 'Its log is its memory',
  lmdb: 'Its log is on the disk (LMDB)',
  redis: 'Its log is in Redis',
  nats: 'Its log is in NATS JetStream',
};

export function wordsOfLog(kind: string): string {
  return logs[kind] ?? '';
}

/** 0.4 s, 3.2 s, 12 s. */
export function seconds(ms: number): string {
  return ms < 9_950 ? `${(ms / 1_000).toFixed(1)} s` : `${Math.round(ms / 1_000)} s`;
}
