/** `npm start [-- --log ADDRESS]`: the page, until Ctrl-C. */
import { parseArgs } from 'node:util';
import { fail, runInForeground } from './foreground.ts';
import { startSupervisor } from './supervisor/supervisor.ts';

const log = parseLog();
await runInForeground('npm start', (port) => startSupervisor(port, log));

/** Where the server process keeps its topics: `--log`, else LOG, else its memory. */
function parseLog(): string {
  let given: string | undefined;
  try {
    given = parseArgs({ options: { log: { type: 'string' } } }).values.log;
  } catch (error) {
    return fail(`${(error as Error).message}. There is one option: npm start -- --log lmdb:./data`);
  }
  const text = given ?? (process.env['LOG'] || 'memory');
  if (text === 'memory' || /^(lmdb:.|rediss?:\/\/.|nats:\/\/.)/.test(text)) return text;
  return fail('The log must be memory, lmdb:FOLDER, redis://HOST:PORT, rediss://… or nats://HOST:PORT.');
}
