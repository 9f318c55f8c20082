import { hintNames, type HintName } from '../../protocol/schema.ts';
import { isElsewhere } from './address-mark.ts';
import { inSeconds } from './cuts.ts';
import type { ClientFlight, Evidence, Suspicion } from './verdict.ts';

/** Timers of a hidden page may come once a minute: such a jump of its clock is no sleep. */
const HIDDEN_JUMP_MS_MAX = 70_000;
const LONG_SLEEP_MS = 30_000;
/** A first packet that was lost is sent again after a second (RFC 6298 §2): a dial that took less met no loss. */
const PROMPT_DIAL_MS_MAX = 900;
/** With several round trips and names to look up a dial may take longer, but not so long without loss. */
const SLOW_DIAL_MS_MAX = 4_000;
/** A client takes a silent connection for suspect after at most so long (SPEC LIVE-4). */
const ANSWER_MS_MAX = 5_000;

export function noticed(client: ClientFlight | undefined, ...names: HintName[]): boolean {
  return names.some((name) => ((client?.hints ?? 0) >> hintNames.indexOf(name)) & 1);
}

/** The server learned of the end when the client did, so something told both: the line itself worked. */
function bothWereTold({ client, server, around }: Evidence): boolean {
  if (!client || server?.endedBy !== 'peer') return false;
  return Math.abs(around.nowMs - client.agoMs - server.endedAtMs) < 2_000;
}

/** From the server's side the connection just went silent, or still stood when the client came back. */
function wentSilent({ server }: Evidence): boolean {
  if (server?.endedBy === 'nobody' || server?.reason === 'heartbeat-timeout') return true;
  return server?.endedBy === 'server' && server.reason === 'superseded';
}

function bothHeardNothing({ client, server }: Evidence): boolean {
  return server?.reason === 'heartbeat-timeout' && client!.silentInMs >= server.silentInMs / 2;
}

/** The device or the page did not run. */
export function asleep(evidence: Evidence): Suspicion | undefined {
  const { client, server } = evidence;
  if (!client) return undefined;
  const { sleptMs } = client;
  // A nap that is shorter than what anybody waits for ends no connection.
  const missedMs = server?.reason === 'heartbeat-timeout' ? server.silentInMs / 2 : LONG_SLEEP_MS;
  const wasMissed = sleptMs >= missedMs;
  const silent = wentSilent(evidence);
  const wasFrozen = noticed(client, 'frozen', 'restored');
  if (wasFrozen) {
    const confidence = wasMissed ? 0.92 : silent || client.endedBy === 'timeout' ? 0.85 : 0.6;
    const what = noticed(client, 'restored')
      ? 'came back from the back/forward cache'
      : 'was frozen by the browser';
    return {
      id: 'tab-frozen',
      confidence,
      because: `The page ${what} in the connection’s last silence.`,
      fix: 'Nothing: a page that is frozen can’t answer. It has caught up since.',
    };
  }
  if (!noticed(client, 'slept') || sleptMs < 1_000) return undefined;
  let confidence = wasMissed ? (silent ? 0.92 : 0.85) : 0.5;
  if (noticed(client, 'hidden') && sleptMs < HIDDEN_JUMP_MS_MAX) confidence = Math.min(confidence, 0.5);
  return {
    id: 'device-slept',
    confidence,
    because: `The client’s clock jumped by ${inSeconds(sleptMs)} in the connection’s last silence.`,
    fix: 'Nothing: a device that sleeps can’t answer. It has caught up since.',
  };
}

/**
 * The client has another network now. That its interfaces changed says little by itself: machines with containers
 * gain and lose some all day. That it comes from elsewhere may be a load balancer's doing.
 */
export function networkChanged(evidence: Evidence): Suspicion | undefined {
  const { client, server, around } = evidence;
  if (!client || client.endedBy === 'error') return undefined;
  const hinted = noticed(client, 'network-changed');
  const from = server?.address ?? 0;
  const moved = isElsewhere(from, around.address);
  if (!hinted && !moved) return undefined;
  const told = bothWereTold(evidence);
  const confidence =
    hinted && moved ? 0.95 : moved ? (wentSilent(evidence) ? 0.85 : 0.6) : from === 0 ? 0.7 : 0.55;
  return {
    id: 'network-changed',
    confidence: told ? confidence / 2 : confidence,
    because: [
      ...(moved ? ['The client came back from another address.'] : []),
      ...(hinted ? ['Its network interfaces changed in the connection’s last silence.'] : []),
    ].join(' '),
    fix: 'Nothing: connections don’t survive a change of network. The client has come back over the new one.',
  };
}

/** There was no network for a while. */
export function networkLost(evidence: Evidence): Suspicion | undefined {
  const { client, around } = evidence;
  if (!client || client.endedBy === 'error') return undefined;
  const silent = wentSilent(evidence);
  const fix =
    'Nothing on the server: the way between was gone for a while. The client came back as soon as it could.';
  if (noticed(client, 'offline')) {
    const because = 'The client’s system said that it was offline.';
    return {
      id: 'network-lost',
      confidence: silent ? 0.9 : bothWereTold(evidence) ? 0.55 : 0.7,
      because,
      fix,
    };
  }
  const { attempts, agoMs } = client;
  if (client.endedBy === 'peer' && bothHeardNothing(evidence)) {
    const because = 'Neither side had heard of the other any more when the server gave it up.';
    return { id: 'network-lost', confidence: 0.6, because, fix };
  }
  if (client.endedBy !== 'timeout') return undefined;
  if (attempts === 0 && agoMs < PROMPT_DIAL_MS_MAX) return undefined;
  // One attempt may fail for any reason.
  const isClear = attempts > 1 || agoMs >= SLOW_DIAL_MS_MAX;
  const because =
    attempts > 0
      ? `Nothing came any more, and ${attempts} attempt${attempts > 1 ? 's' : ''} to come back came to nothing.`
      : `Nothing came any more, and a new connection took ${inSeconds(agoMs)}.`;
  const confidence = silent && isClear ? 0.85 : around.node.state === 'here' ? 0.55 : 0.4;
  return { id: 'network-lost', confidence, because, fix };
}

/** The connection was dead while the network was not: something on the way had forgotten it. */
export function halfOpen(evidence: Evidence): Suspicion | undefined {
  const { client, server } = evidence;
  if (!client || !server || !wentSilent(evidence)) return undefined;
  if (noticed(client, 'offline', 'slept', 'frozen', 'restored')) return undefined;
  const fix =
    'Look for a NAT or firewall that forgets connections silently; a heartbeat below its limit keeps them alive.';
  if (client.endedBy === 'timeout' && client.attempts === 0 && client.agoMs < PROMPT_DIAL_MS_MAX) {
    const because = `Nothing came any more and nobody closed it, while a new connection took only ${Math.round(client.agoMs)} ms.`;
    return { id: 'half-open', confidence: 0.85, because, fix };
  }
  if (client.endedBy === 'peer' && server.reason === 'heartbeat-timeout' && !bothHeardNothing(evidence)) {
    const because = 'The client was awake, but nothing of what it sent arrived.';
    return { id: 'half-open', confidence: 0.6, because, fix };
  }
  return undefined;
}

/** This process had no time for its connections. */
export function stalled(evidence: Evidence): Suspicion | undefined {
  const { client, around } = evidence;
  if (!client || client.endedBy !== 'timeout' || !around.stall) return undefined;
  const endedMs = around.nowMs - client.agoMs;
  const { atMs, forMs } = around.stall;
  if (forMs < 1_000 || endedMs < atMs || endedMs > atMs + forMs + ANSWER_MS_MAX) return undefined;
  return {
    id: 'overload',
    confidence: 0.85,
    because: `This server did not run for ${inSeconds(forMs)} when the client waited for an answer.`,
    fix: 'Find what blocks the event loop (node --cpu-prof), or give the process a core of its own.',
  };
}
