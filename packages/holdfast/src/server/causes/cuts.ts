import { likeOthers } from './clusters.ts';
import { idleLimits, lifetimeLimits, namesOf, type KnownLimit } from './intermediaries.ts';
import type { Cut, Evidence, Suspicion } from './verdict.ts';

type Timing = Omit<Cut, 'isExplained'>;

/** Below this a silence is everyday life, and no limit. */
const LIMIT_MS_MIN = 1_000;
const RARE_MS_MIN = 45_000;
/** Cut in the same second. */
const TOGETHER_MS = 1_000;
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
    return { atMs: endedMs, openMs: client.openMs, quietMs, isExact: true };
  }
  if (server?.endedBy !== 'peer' || server.reason !== 1006) return undefined;
  const quietMs = Math.min(server.silentInMs, server.silentOutMs);
  return { atMs: server.endedAtMs, openMs: server.openMs, quietMs, isExact: false };
}

/** A limit on silence. */
export function idleCut(evidence: Evidence): Suspicion | undefined {
  const cut = cutOf(evidence);
  if (!cut) return undefined;
  const early = cut.isExact ? 150 : 1_100;
  const late = cut.isExact ? 700 : 1_100;
  const found = limitOf(cut, (other) => other.quietMs, idleLimits, early, late, evidence.around.cuts);
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
      `Let the server show itself more often: heartbeat: { intervalMs: ${Math.floor(found.seconds / 2) * 1_000 || 500} }` +
      ' in createServer, or raise the limit of what stands in between.',
    seconds: found.seconds,
  };
}

/** A limit on age, however busy the connection is. */
export function lifetimeCut(evidence: Evidence): Suspicion | undefined {
  const cut = cutOf(evidence);
  if (!cut) return undefined;
  const found = limitOf(cut, (other) => other.openMs, lifetimeLimits, 1_000, 1_000, evidence.around.cuts);
  if (!found) return undefined;
  if (cut.quietMs > cut.openMs * 0.9 || (found.count > 0 && !found.othersDiffer((other) => other.quietMs))) {
    return undefined;
  }
  return {
    id: 'lifetime-cut-by-intermediary',
    confidence: found.confidence,
    because: `It was cut at an age of ${inSeconds(cut.openMs)}, in the midst of traffic: ${found.because}.`,
    fix: 'Raise the limit on the age of connections, or leave it: clients come back by themselves and miss nothing.',
    seconds: found.seconds,
  };
}

interface FoundLimit {
  confidence: number;
  because: string;
  seconds: number;
  count: number;
  /** Whether those that had this value in common differed in another, so that this one is what they share. */
  othersDiffer(other: (cut: Timing) => number): boolean;
}

function limitOf(
  cut: Timing,
  valueOf: (cut: Timing) => number,
  known: readonly KnownLimit[],
  earlyMs: number,
  lateMs: number,
  cuts: readonly Cut[],
): FoundLimit | undefined {
  const valueMs = valueOf(cut);
  if (valueMs < LIMIT_MS_MIN) return undefined;
  const toleranceMs = toleranceOf(cut, valueMs);
  const comparable = cuts.filter((other) => other.isExact || !cut.isExact);
  const isAlike = (other: Cut): boolean => Math.abs(valueOf(other) - valueMs) <= toleranceMs;
  const { count, chance } = likeOthers(
    { valueMs, atMs: cut.atMs },
    comparable.map((other) => ({ valueMs: valueOf(other), atMs: other.atMs })),
    toleranceMs,
  );
  const names = namesOf(known, valueMs, earlyMs, lateMs);
  let confidence = byChance(count, chance, names.length > 0);
  // A silence that every heartbeat would have broken is rare by itself.
  if (names.length > 0) confidence = Math.max(confidence, cut.isExact && valueMs >= RARE_MS_MIN ? 0.7 : 0.45);
  // A restart of a proxy cuts whatever there is; a limit cuts only what has reached it.
  const together = comparable.filter(({ atMs }) => Math.abs(atMs - cut.atMs) < TOGETHER_MS);
  const strays = together.filter((other) => !other.isExplained && !isAlike(other)).length;
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
    count,
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
function byChance(count: number, chance: number, isKnown: boolean): number {
  if (count >= 3 && chance <= 0.0001) return 0.93;
  if (isKnown && count >= 2 && chance <= 0.001) return 0.9;
  if (count >= 2 && chance <= 0.01) return 0.7;
  return 0;
}

export function inSeconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
