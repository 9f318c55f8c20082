import { setTimeout as pause } from 'node:timers/promises';
import { RETRY_PAUSE_MS } from '../way.ts';
import { describeOutcome } from './describe.ts';
import { ok, problem, type Step } from './step.ts';

/** Time for the server and the proxies to notice that connections were closed. */
const RELEASE_MS = 500;

export const connections: Step = {
  name: 'connections',
  title: 'Connections at once',
  async run(way) {
    const wanted = way.settings.connectionsMax;
    const dialled = await Promise.all(Array.from({ length: wanted }, () => way.dial()));
    way.signal.throwIfAborted();
    const held = dialled.flatMap(({ connection }) => (connection ? [connection] : []));
    const refused = dialled.find(({ connection }) => connection === null);
    const refusal = refused && refused.connection === null ? refused.outcome : null;
    const openedSlowly = refusal === null ? null : await opensAfter(RETRY_PAUSE_MS);
    const endedWhileHeld = held.filter(({ ending }) => ending !== null).length;
    await Promise.all(held.map((connection) => connection.close()));
    const openedAfterRelease = refusal === null ? null : await opensAfter(RELEASE_MS);
    way.measured.connections = {
      wanted,
      opened: held.length,
      refusal,
      openedSlowly,
      openedAfterRelease,
      endedWhileHeld,
    };
    if (refusal === null) return ok(`${wanted} of ${wanted}`);
    return problem(`${held.length} of ${wanted}; the others: ${describeOutcome(refusal)}`);

    async function opensAfter(pauseMs: number): Promise<boolean> {
      await pause(pauseMs, undefined, { signal: way.signal });
      const { connection } = await way.dial();
      await connection?.close();
      return connection !== null;
    }
  },
};
