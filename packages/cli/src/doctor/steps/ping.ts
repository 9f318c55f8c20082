import { setTimeout as pause } from 'node:timers/promises';
import { describeEnding } from './describe.ts';
import { ms, ok, problem, REFUSED_AGAIN, seconds, type Step } from './step.ts';

/** Servers that check a session after the handshake close within this time. */
const AFTERMATH_MS = 500;

export const ping: Step = {
  name: 'ping',
  title: 'Ping and pong',
  async run(way) {
    const connection = await way.open('ping');
    if (!connection) return problem(REFUSED_AGAIN);
    // First without a word, so that a server that minds the ping is told from one that minds the client.
    await Promise.race([connection.ended, pause(AFTERMATH_MS, undefined, { signal: way.signal })]);
    const pinged = connection.ending === null;
    const pongMs = await connection.ping(way.settings.timeoutMs);
    const { ending, endedAtMs, openedAtMs } = connection;
    const endedAfterMs = endedAtMs === null ? null : endedAtMs - openedAtMs;
    const alive = (await connection.close()) || pongMs !== null;
    way.measured.ping = { pongMs, pinged, ending, endedAfterMs, alive };
    if (ending && pinged && pongMs === null) return problem(`ended by a ping: ${describeEnding(ending)}`);
    if (ending) return problem(`${describeEnding(ending)} after ${seconds(endedAfterMs ?? 0)}`);
    return pongMs === null ? problem('the server does not answer pings') : ok(`pong after ${ms(pongMs)}`);
  },
};
