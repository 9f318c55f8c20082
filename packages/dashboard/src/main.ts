/** `npm start [-- --log ADDRESS]`: the page, until Ctrl-C. */
import { parseArgs } from 'node:util';
import { startSupervisor } from './supervisor/supervisor.ts';

const DEFAULT_PORT = 8_080;

const port = parsePort(process.env['PORT']);
const log = parseLog();
try {
  const supervisor = await startSupervisor(port, log);
  const end = (): void => void supervisor.stop().then(() => process.exit());
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, end);
  if (process.env['npm_lifecycle_event'] === 'start') watchParent(end);
  console.log(`\nOpen ${supervisor.url} and break the connection. Ctrl-C ends it.`);
} catch (error) {
  fail(explain(error as NodeJS.ErrnoException, port));
}

/** npm starts commands through a shell that passes no signal on, so that `kill` of npm would leave this behind. */
function watchParent(onGone: () => void): void {
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    onGone();
  }, 500);
}

function parsePort(text: string | undefined): number {
  if (text === undefined || text === '') return DEFAULT_PORT;
  const given = Number(text);
  if (/^\d+$/.test(text) && given < 65_536) return given;
  return fail(`PORT is "${text}"; it must be a number from 0 (any free port) to 65535.`);
}

/** Where the server process keeps its topics: `--log`, else LOG, else its memory. */
function parseLog(): string {
  let given: string | undefined;
  try {
    given = parseArgs({ options: { log: { type: 'string' } } }).values.log;
  } catch (error) {
    return fail(`${(error as Error).message} There is one option: npm start -- --log lmdb:./data`);
  }
  const text = given ?? (process.env['LOG'] || 'memory');
  if (text === 'memory' || /^(lmdb:.|rediss?:\/\/.|nats:\/\/.)/.test(text)) return text;
  return fail('The log must be memory, lmdb:FOLDER, redis://HOST:PORT, rediss://… or nats://HOST:PORT.');
}

function explain(error: NodeJS.ErrnoException, wanted: number): string {
  switch (error.code) {
    case 'EADDRINUSE':
      return `Port ${wanted} is taken by another program. Choose another one: PORT=${wanted < 65_535 ? wanted + 1 : DEFAULT_PORT} npm start`;
    case 'EACCES':
      return `Port ${wanted} may not be used by this user. Choose one above 1023: PORT=${DEFAULT_PORT} npm start`;
    default:
      return `The page could not be started: ${error.message}`;
  }
}

function fail(text: string): never {
  console.error(`\n${text}`);
  process.exit(1);
}
