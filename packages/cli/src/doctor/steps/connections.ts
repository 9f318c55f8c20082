import { setTimeout as pause } from 'node:timers/promises';
import type { Refusal } from '../probe/handshake.ts';
import { RETRY_PAUSE_MS } from '../way.ts';
import { describeOutcome } from './describe.ts';
import { ok, problem, type Step } from './step.ts';

/** Time for the server and the proxies to notice that connections were closed. */
const RELEASE_MS = 500;
/** Enough turns to meet each of a few servers behind a balancer. */
const ALONE_TRIES = 4;

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
    const openedAlone = refusal === null ? [] : await dialAlone(refusal);
    way.measured.connections = {
      wanted,
      opened: held.length,
      refusal,
      openedSlowly,
      openedAlone,
      endedWhileHeld,
    };
    if (refusal === null) return ok(`${wanted} of ${wanted}`);
    return problem(`${held.length} of ${wanted}; the others: ${describeOutcome(refusal)}`);

    /** One after another with none held, slow enough for any limit of rate: which of them are let in? */
    async function dialAlone(refusal: Refusal): Promise<readonly boolean[]> {
      const opened = [await opensAfter(RELEASE_MS)];
      // Who refuses by silence makes each further try as long as the first.
      while (opened.length < ALONE_TRIES && refusal.kind !== 'silent')
        opened.push(await opensAfter(RETRY_PAUSE_MS));
      return opened;
    }

    async function opensAfter(pauseMs: number): Promise<boolean> {
      await pause(pauseMs, undefined, { signal: way.signal });
      const { connection } = await way.dial();
      await connection?.close();
      return connection !== null;
    }
  },
};
