import { inSeconds } from './cuts.ts';
import type { ClientFlight, Evidence, Suspicion } from './verdict.ts';

/** The way and the authentication of a hello make an end look this much later than it was. */
const CLOSE_MS = 1_000;
/** A process that starts this long after a loss is not its reason: somebody would have come back to the old one. */
const RESTART_MS_MAX = 10 * 60_000;
/** A node's beats come a fifth earlier or later than they are due. */
const BEAT_SPREAD = 1.2;
const crashFix =
  'Look into the old process’s log and the system’s (out of memory, kill); end servers with server.drain().';

/** The process on the other end was gone. */
export function serverCrash(evidence: Evidence): Suspicion | undefined {
  const { client, server, around } = evidence;
  if (!client || server || client.endedBy === 'move' || client.endedBy === 'error') return undefined;
  const endedMs = around.nowMs - client.agoMs;
  switch (around.node.state) {
    case 'here':
    case 'left':
    case 'alive':
      return undefined;
    case 'unheard':
      return replaced(client, around.startedAtMs - endedMs);
    case 'ended':
      if (around.node.heardAtMs > endedMs + CLOSE_MS) return undefined;
      return crash(
        client.endedBy === 'peer' ? 0.95 : 0.7,
        'it is no more on this machine, and said no goodbye.',
      );
    case 'silent':
      return fellSilent(client, endedMs - around.node.heardAtMs, around.node.everyMs);
  }
}

/**
 * A node that was killed is silent from the moment on at which its connections end. One that is only cut off from
 * its log is silent, too, but keeps them; when something cuts one all the same, that is mostly at another time.
 */
function fellSilent({ endedBy }: ClientFlight, silentMs: number, everyMs: number): Suspicion | undefined {
  if (silentMs < -CLOSE_MS || silentMs > everyMs * BEAT_SPREAD + CLOSE_MS) return undefined;
  const heard = `this node heard it last ${inSeconds(Math.abs(silentMs))} ${silentMs < 0 ? 'after' : 'before'} the connection was lost`;
  // Something told the client that it was over: a machine without power or network would not have.
  if (endedBy === 'peer') return crash(0.75, `${heard}, and never again.`);
  return crash(0.45, `${heard}, and never again. It may have hung, or lost its network.`);
}

/** This process is in its place. */
function replaced({ attempts, endedBy }: ClientFlight, lateMs: number): Suspicion | undefined {
  if (lateMs <= -CLOSE_MS) return undefined;
  // Where nobody was ever turned away, a new node may have come beside an old one that still stands.
  let confidence = attempts > 0 ? (endedBy === 'peer' ? 0.9 : 0.8) : 0.7;
  if (lateMs > RESTART_MS_MAX) confidence = 0.5;
  return crash(
    confidence,
    `this one started ${inSeconds(Math.max(0, lateMs))} after the connection was lost.`,
  );
}

function crash(confidence: number, because: string): Suspicion {
  return {
    id: 'server-crash',
    confidence,
    because: `The server’s process ended without a word: ${because}`,
    fix: crashFix,
  };
}

/** The node that the connection was to may be dead, and nobody can know it yet (SPEC CAUSE-6). */
export function awaitsFate({ client, server, around: { nowMs, node } }: Evidence): boolean {
  if (!client || server || node.state !== 'alive') return false;
  if (client.endedBy !== 'peer' && client.endedBy !== 'timeout') return false;
  return node.heardAtMs <= nowMs - client.agoMs + CLOSE_MS;
}
