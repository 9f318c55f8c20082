import type { ProbeConnection } from '../probe/connection.ts';
import type { Way } from '../way.ts';

/** A path that forgot a connection shows nothing; some seconds tell it from one lost packet. */
const PROBE_MS_MAX = 5_000;

/** Asks a silent connection whether it lives: a ping, which every WebSocket has to answer (RFC 6455, 5.5.2). */
export async function probe(connection: ProbeConnection, way: Way): Promise<boolean> {
  const rttMs = await connection.ping(Math.min(PROBE_MS_MAX, way.settings.timeoutMs));
  return rttMs !== null;
}
