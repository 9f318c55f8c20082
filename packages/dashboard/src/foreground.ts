/** What `npm start` and `npm run demo:cluster` share: a page on a port, until Ctrl-C. */

const DEFAULT_PORT = 8_080;

export interface Running {
  /** Where the page is. */
  readonly url: string;
  stop(): Promise<void>;
}

/** Starts a page on PORT, and ends it with this process. `command` is how people start it. */
export async function runInForeground(
  command: string,
  start: (port: number) => Promise<Running>,
): Promise<void> {
  const port = parsePort(process.env['PORT']);
  try {
    const running = await start(port);
    const end = (): void => void running.stop().then(() => process.exit());
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, end);
    if (process.env['npm_lifecycle_event'] !== undefined) watchParent(end);
    console.log(`\nOpen ${running.url} and break the connection. Ctrl-C ends it.`);
  } catch (error) {
    fail(explain(error as NodeJS.ErrnoException, port, command));
  }
}

export function fail(text: string): never {
  console.error(`\n${text}`);
  process.exit(1);
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

function explain(error: NodeJS.ErrnoException, wanted: number, command: string): string {
  switch (error.code) {
    case 'EADDRINUSE':
      return `Port ${wanted} is taken by another program. Choose another one: PORT=${wanted < 65_535 ? wanted + 1 : DEFAULT_PORT} ${command}`;
    case 'EACCES':
      return `Port ${wanted} may not be used by this user. Choose one above 1023: PORT=${DEFAULT_PORT} ${command}`;
    default:
      return `The page could not be started: ${error.message}`;
  }
}
