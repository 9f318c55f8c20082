/** `npm run demo:cluster [-- --log redis|nats]`: two nodes, one log, and a page to break them, until Ctrl-C. */
import { parseArgs } from 'node:util';
import { fail, runInForeground } from '../foreground.ts';
import { startCluster } from './cluster.ts';
import type { LogKind } from './events.ts';

const log = parseLog();
await runInForeground('npm run demo:cluster', (port) => startCluster(port, log));

function parseLog(): LogKind {
  let given: string | undefined;
  try {
    given = parseArgs({ options: { log: { type: 'string' } } }).values.log;
  } catch (error) {
    return fail((error as Error).message);
  }
  if (given === undefined || given === 'redis' || given === 'nats') return given ?? 'redis';
  return fail(`--log is "${given}"; it must be redis or nats, which are started for the demo.`);
}
