import { likeOthers } from './clusters.ts';
import { idleLimits, lifetimeLimits, namesOf, type KnownLimit } from './intermediaries.ts';
import type { Cut, Evidence, LimitId, Suspicion } from './verdict.ts';

type Timing = Omit<Cut, 'limit'>;

/** Below this a silence is everyday life, and no limit. */
const LIMIT_MS_MIN = 1_000;
const RARE_MS_MIN = 45_000;
/** The server counts in seconds, and leaves out those in which it did not run. */
const SILENCE_APART_MS_MAX = 3_000;
/** What is cut together is cut within that. */
const TOGETHER_MS = 300;
/** A client that was back this soon may have overtaken the news of its own connection's end. */
const OVERTAKEN_MS = 2_000;

/** The connection as one that something in between may have cut, while neither side wanted it; else undefined. */
export function cutOf({ client, server, around }: Evidence): Timing | undefined {
  if (client) {
    if (client.endedBy !== 'peer') return undefined;
    const endedMs = around.nowMs - client.agoMs;
    // Whoever cuts one end cuts the other.
    if (server?.endedBy === 'server') return undefined;
    if (server?.endedBy === 'nobody' && client.agoMs > OVERTAKEN_MS) return undefined;
    if (server?.endedBy === 'peer' && Math.abs(server.endedAtMs - endedMs) > OVERTAKEN_MS) return undefined;
    const quietMs = Math.min(client.silentInMs, client.silentOutMs);
    // Each side sees it open a little after whoever stands in between does.
    const openMs = Math.max(client.openMs, server?.openMs ?? 0);
    return { atMs: endedMs, openMs, quietMs, isExact: true };
  }
  if (server?.endedBy !== 'peer' || server.reason !== 1006) return undefined;
  const quietMs = Math.min(server.silentInMs, server.silentOutMs);
  return { atMs: server.endedAtMs, openMs: server.openMs, quietMs, isExact: false };
}

/** A limit on silence. */
export function idleCut(evidence: Evidence): Suspicion | undefined {
  const cut = cutOf(evidence);
  if (!cut || !agreeOnSilence(cut, evidence)) return undefined;
  const early = cut.isExact ? 150 : 1_100;
  const late = cut.isExact ? 700 : 1_100;
  const found = limitOf('idle-cut-by-intermediary', cut, idleLimits, early, late, evidence.around.cuts);
  if (!found) return undefined;
  // What was idle from the start had its silence and its age end together.
  const isAmbiguous = cut.quietMs > cut.openMs * 0.9 && !found.othersDiffer((other) => other.openMs);
  return {
    id: 'idle-cut-by-intermediary',
    confidence: Math.min(found.confidence, isAmbiguous ? 0.7 : 1),
    because:
      `It was cut after ${inSeconds(cut.quietMs)} without a byte: ${found.because}.` +
      (isAmbiguous ? ' It had been idle from the start, so a limit on its age can’t be excluded.' : ''),
    fix:
      `Let the server show itself more often: heartbeat: { intervalMs: ${Math.max(1, Math.floor(found.seconds / 2)) * 1_000} }` +
      ' in createServer, or raise the limit of what stands in between.',
    seconds: found.seconds,
  };
}

/** What one side sent last and the other never got was not cut for silence; and a client may make one up. */
function agreeOnSilence({ quietMs }: Timing, { server }: Evidence): boolean {
  if (server?.endedBy !== 'peer') return true;
  return Math.abs(Math.min(server.silentInMs, server.silentOutMs) - quietMs) <= SILENCE_APART_MS_MAX;
}

/** A limit on age, however busy the connection is. */
export function lifetimeCut(evidence: Evidence): Suspicion | undefined {
  const cut = cutOf(evidence);
  if (!cut) return undefined;
  const found = limitOf(
    'lifetime-cut-by-intermediary',
    cut,
    lifetimeLimits,
    1_000,
    1_000,
    evidence.around.cuts,
  );
  if (!found) return undefined;
  // Where silence and age ended together in all of them, the silence is the likelier reason.
  const couldBeIdle = cut.quietMs >= LIMIT_MS_MIN && !found.othersDiffer((other) => other.quietMs);
  if (cut.quietMs > cut.openMs * 0.9 || couldBeIdle) return undefined;
  // What was silent for most of its life may as well have been cut for that.
  const isBusy = cut.quietMs <= cut.openMs / 2;
  return {
    id: 'lifetime-cut-by-intermediary',
    confidence: Math.min(found.confidence, isBusy ? 1 : 0.7),
    because: `It was cut at an age of ${inSeconds(cut.openMs)}${isBusy ? ', in the midst of traffic' : ''}: ${found.because}.`,
    fix: 'Raise the limit on the age of connections, or leave it: clients come back by themselves and miss nothing.',
    seconds: found.seconds,
  };
}

const valueOf = {
  'idle-cut-by-intermediary': ({ quietMs }: Timing) => quietMs,
  'lifetime-cut-by-intermediary': ({ openMs }: Timing) => openMs,
} as const satisfies Record<LimitId, (cut: Timing) => number>;

/** Once a limit has a name, it was the reason for those before it that had the same value, too. */
export function claimAlike(id: LimitId, cut: Timing, cuts: readonly Cut[]): void {
  const valueMs = valueOf[id](cut);
  const toleranceMs = toleranceOf(cut, valueMs);
  for (const other of cuts) {
    if (Math.abs(valueOf[id](other) - valueMs) <= toleranceMs) other.limit ??= id;
  }
}

interface FoundLimit {
  confidence: number;
  because: string;
  seconds: number;
  /** Whether those that had this value in common differed in another, so that this one is what they share. */
  othersDiffer(other: (cut: Timing) => number): boolean;
}

function limitOf(
  id: LimitId,
  cut: Timing,
  known: readonly KnownLimit[],
  earlyMs: number,
  lateMs: number,
  cuts: readonly Cut[],
): FoundLimit | undefined {
  const valueMs = valueOf[id](cut);
  if (valueMs < LIMIT_MS_MIN) return undefined;
  // What was cut for another reason speaks neither for this one nor against it.
  const comparable = cuts.filter(({ isExact, limit }) => (isExact || !cut.isExact) && (limit ?? id) === id);
  const { count, chance, toleranceMs } = likeOthers(
    { valueMs, atMs: cut.atMs },
    comparable.map((other) => ({ valueMs: valueOf[id](other), atMs: other.atMs })),
    toleranceOf(cut, valueMs),
  );
  const isAlike = (other: Cut): boolean => Math.abs(valueOf[id](other) - valueMs) <= toleranceMs;
  const names = namesOf(known, valueMs, earlyMs, lateMs);
  // A silence that every heartbeat would have broken is rare by itself, and more so at a known limit.
  const isTelling = names.length > 0 && cut.isExact && known === idleLimits && valueMs >= RARE_MS_MIN;
  let confidence = byChance(count, chance, isTelling);
  if (names.length > 0) confidence = Math.max(confidence, isTelling ? 0.7 : 0.45);
  // A restart of a proxy cuts whatever there is; a limit cuts only what has reached it.
  const together = comparable.filter(({ atMs }) => Math.abs(atMs - cut.atMs) < TOGETHER_MS);
  const strays = together.filter((other) => other.limit === undefined && !isAlike(other)).length;
  if (strays >= 2 && strays > together.length / 2) confidence /= 2;
  if (confidence === 0) return undefined;
  const because = [
    ...(count > 0 ? [`so were ${count} other${count > 1 ? 's' : ''} lately, each at a time of its own`] : []),
    ...(names.length > 0 ? [`that is ${names.join(', or ')}`] : []),
  ];
  return {
    confidence: Math.min(confidence, 0.95),
    because: because.join('; '),
    seconds: names.length > 0 ? Math.round(valueMs / 1_000) : Math.round(valueMs / 100) / 10,
    othersDiffer: (other) =>
      comparable.some(
        (one) => isAlike(one) && Math.abs(other(one) - other(cut)) > 3 * toleranceOf(cut, other(cut)),
      ),
  };
}

/** How far apart values of one limit may be: timers are exact, the way of the last bytes varies. */
function toleranceOf({ isExact }: Timing, valueMs: number): number {
  return isExact ? Math.max(60, valueMs * 0.005) : 1_100;
}

/**
 * Everything is asked of each cut, so what happens once in a hundred happens all the time: a limit is worth a name
 * when several others speak for it, and certain when chance is out of the question.
 */
function byChance(count: number, chance: number, isTelling: boolean): number {
  if (count >= 3 && chance <= 0.000_01) return 0.93;
  if (isTelling && count >= 2 && chance <= 0.001) return 0.9;
  if (count >= 2 && chance <= 0.01) return 0.7;
  return 0;
}

export function inSeconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
