import type { Limits } from './probe/budget.ts';
import { connectRequest } from './probe/forward-proxy.ts';
import type { Settings } from './options.ts';
import { sizesUpTo } from './steps/message-sizes.ts';

/** What a run will do at most; the budget of the probes enforces all but the time. */
export interface Plan extends Limits {
  readonly durationMs: number;
}

/** Addresses, TLS, two malformed requests, the handshake and its repetitions, one per further step. */
const SINGLE_CONNECTIONS = 24;
/** After a refusal in the crowd: one while it is held, and some alone. */
const CROWD_TRIES = 5;
/** Rungs, bisection and activities of the idle step, one busy connection, and second tries. */
const IDLE_CONNECTIONS = 48;
const IDLE_CONCURRENT = 20;
const HANDSHAKE_BYTES = 2_048;
/** A masked ping or pong with the doctor's payload, with room for the server's own pings. */
const FRAME_BYTES = 160;
const SINGLE_STEPS_MS = 3_000;
const ROUND_TRIP_INTERVAL_MS = 20;
const BUSY_BEATS_PER_LADDER = 60;

export function planOf(settings: Settings): Plan {
  const ways = settings.direct === null ? 1 : 2;
  const connections = SINGLE_CONNECTIONS + settings.connectionsMax + CROWD_TRIES + IDLE_CONNECTIONS;
  const beats =
    (2 * settings.roundTripWindowMs) / ROUND_TRIP_INTERVAL_MS + BUSY_BEATS_PER_LADDER * IDLE_CONCURRENT;
  const sendBytes = Buffer.byteLength(settings.send ?? '');
  const sizes =
    settings.send === null
      ? 0
      : sizesUpTo(settings.messageBytesMax).reduce((sum, bytes) => sum + bytes + FRAME_BYTES, 0);
  const tunnelBytes = settings.proxy === null ? 0 : connectRequest(settings.target, settings.proxy).length;
  const ownHeaders = settings.headers.reduce(
    (sum, [name, value]) => sum + Buffer.byteLength(name + value) + 4,
    0,
  );
  // Some carry a token in their address.
  const addressBytes = Math.max(settings.target.resource.length, settings.direct?.resource.length ?? 0);
  const bytes =
    connections * (HANDSHAKE_BYTES + tunnelBytes + addressBytes + ownHeaders + sendBytes) +
    beats * (FRAME_BYTES + sendBytes) +
    sizes;
  return {
    durationMs: SINGLE_STEPS_MS + settings.roundTripWindowMs + settings.idleMaxMs,
    connections: connections * ways,
    concurrentConnections: Math.max(settings.connectionsMax + 2, IDLE_CONCURRENT) * ways,
    bytes: Math.ceil(bytes) * ways,
  };
}

/** When an idle limit is found, it is confirmed and narrowed: the same time again at most, and a bit. */
function longestDurationMs(plan: Plan, settings: Settings): number {
  return (
    plan.durationMs + settings.roundTripWindowMs + Math.ceil(settings.idleMaxMs * 1.4) + settings.timeoutMs
  );
}

export function planSentence(plan: Plan, settings: Settings): string {
  const usual = seconds(plan.durationMs);
  const longest = seconds(longestDurationMs(plan, settings));
  const kilobytes = Math.ceil(plan.bytes / 1_000);
  return (
    `This takes about ${usual} when all is well, up to ${longest} to pin down a limit; ` +
    `at most ${plan.connections} connections, ${plan.concurrentConnections} at once, and ${kilobytes} kB sent.`
  );
}

function seconds(ms: number): string {
  return ms < 120_000 ? `${Math.ceil(ms / 1_000)} s` : `${Math.ceil(ms / 60_000)} min`;
}
