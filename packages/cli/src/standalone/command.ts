import cluster from 'node:cluster';
import { once } from 'node:events';
import { BadInput } from '../bad-input.ts';
import { EXIT_NOT_TESTED, EXIT_OK, type Io } from '../io.ts';
import { parseServeArguments, serveHelp, type ServeArguments } from './arguments.ts';
import { Configuration, readConfiguration, type GivenValues } from './configuration.ts';
import { Supervisor, type SupervisorMessage, type WorkerMessage } from './supervisor.ts';
import { checkWorker, startWorker } from './worker.ts';

/** `holdfast serve …`; resolves with the exit code once it was ended. */
export async function run(args: readonly string[], io: Io): Promise<number> {
  if (cluster.isWorker) return work(io);
  try {
    const given = parseServeArguments(args);
    if (given === null) {
      io.out(serveHelp);
      return EXIT_OK;
    }
    const read = (): Configuration => readConfiguration({ ...given, env: io.env, cwd: io.cwd });
    return await supervise(read, given, io);
  } catch (error) {
    if (!(error instanceof BadInput)) throw error;
    io.err(`holdfast serve: ${error.message}\n`);
    return EXIT_NOT_TESTED;
  }
}

async function supervise(read: () => Configuration, given: ServeArguments, io: Io): Promise<number> {
  const configuration = read();
  await check(configuration);
  if (given.checkOnly) {
    io.out(`${given.file ?? 'The configuration'} is in order.\n`);
    return EXIT_OK;
  }
  const supervisor = new Supervisor(configuration, (text) => io.err(`${text}\n`));
  const reload = async (): Promise<void> => {
    try {
      const fresh = read();
      await check(fresh);
      await supervisor.roll(fresh);
    } catch (error) {
      // What runs goes on as it is.
      io.err(`The new configuration is not used: ${(error as Error).message}\n`);
    }
  };
  const starting = supervisor.start();
  // One that comes early waits; without a listener it would end this process.
  process.on('SIGHUP', () => void starting.then(reload, () => {}));
  const { port, apiPort } = await starting.catch((error: Error) => {
    throw new BadInput(error.message);
  });
  io.out(`Holdfast listens on port ${port}${apiPort === undefined ? '' : `, its API on ${apiPort}`}.\n`);
  if (!io.signal.aborted) await once(io.signal, 'abort');
  io.out('Every client is asked to move …\n');
  await supervisor.end();
  return EXIT_OK;
}

/** What can be known to be wrong before a worker is started. */
async function check(configuration: Configuration): Promise<void> {
  const log = configuration.text('log') ?? 'memory';
  if (configuration.count('workers', 1) > 1 && log === 'memory')
    configuration.fail(
      'workers',
      'is above 1, which wants a log that processes can share: set log, such as lmdb:./data',
    );
  await checkWorker(configuration);
}

/** In a worker process: serves until the supervisor says that it is enough. */
async function work(io: Io): Promise<number> {
  const tell = (message: WorkerMessage): void => void process.send?.(message);
  const logger = {
    info: (text: string) => io.out(`${text}\n`),
    warn: (text: string) => io.err(`${text}\n`),
  };
  // The supervisor's matter, but a terminal sends it to the whole group, where it would end every connection.
  process.on('SIGHUP', () => {});
  const given = new Promise<GivenValues>((resolve) => {
    process.on('message', (message: SupervisorMessage) => message.type === 'serve' && resolve(message.given));
  });
  // It may be told before it is ready. Should the supervisor be gone, node:cluster ends this process.
  const isToEnd = new Promise<void>((resolve) => {
    process.on('message', ({ type }: SupervisorMessage) => type === 'drain' && resolve());
  });
  tell({ type: 'hears' });
  try {
    const worker = await startWorker(new Configuration(await given), logger);
    tell({ type: 'ready', port: worker.port, apiPort: worker.apiPort });
    await isToEnd;
    await worker.drain();
    return EXIT_OK;
  } catch (error) {
    tell({ type: 'failed', text: (error as Error).message });
    return EXIT_NOT_TESTED;
  } finally {
    process.disconnect?.();
  }
}
