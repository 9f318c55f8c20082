import type { Server } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import {
  createServer,
  HoldfastError,
  type HoldfastServer,
  type Logger,
  type ServerOptions,
} from 'holdfast/server';
import { BadInput } from '../bad-input.ts';
import { createApi, end, listen } from './api.ts';
import type { Configuration } from './configuration.ts';
import { credentials } from './credentials.ts';
import { openLog } from './log.ts';
import { RightsTable } from './rights.ts';
import { settings } from './settings.ts';
import { Webhooks } from './webhooks.ts';

/** For the last webhooks and calls of the API, beyond the deadline for clients: the backend may be what is gone. */
const SETTLE_MS = 5_000;
/** In which backends that call often are told that their connections end; closed at once, they would cross a call. */
const API_GRACE_MS = 1_000;

export interface RunningWorker {
  readonly port: number;
  readonly apiPort: number | undefined;
  /** Takes nobody new, lets every client move, then ends. */
  drain(): Promise<void>;
}

/** One process of the standalone server. Throws BadInput, or what the log said when it could not be opened. */
export async function startWorker(configuration: Configuration, logger: Logger): Promise<RunningWorker> {
  const webhooks = new Webhooks(configuration, (text) => logger.warn(text));
  const server = createServer(await optionsOf(configuration, webhooks, logger)) as HoldfastServer<Server>;
  if (webhooks.tells) tellEvents(server, webhooks);
  const key = apiKey(configuration);
  const apiPort = configuration.count('api.port');
  const api = apiPort === undefined ? undefined : createApi(server, key!, (text) => logger.warn(text));
  try {
    const { port } = await server.listen(configuration.count('port', 8_080), configuration.text('host'));
    const listening = api && (await listen(api, apiPort!, configuration.text('api.host') ?? '127.0.0.1'));
    const drain = async (): Promise<void> => {
      const deadlineMs = configuration.count('drain.deadlineMs', 25_000);
      await Promise.all([server.drain({ deadlineMs, stopListening: true }), api && delay(API_GRACE_MS)]);
      await Promise.all([webhooks.settled(SETTLE_MS), api && end(api, SETTLE_MS)]);
      await server.close();
    };
    return { port, apiPort: listening, drain };
  } catch (error) {
    api?.close();
    await server.close();
    throw withAdvice(error as NodeJS.ErrnoException & { port?: number });
  }
}

/** Finds what a worker would fail on, without serving anything. Throws BadInput. */
export async function checkWorker(configuration: Configuration): Promise<void> {
  apiKey(configuration);
  const silent: Logger = { info() {}, warn() {} };
  const webhooks = new Webhooks(configuration, silent.warn);
  const { log: _, ...options } = await optionsOf(configuration, webhooks, silent);
  try {
    await createServer(options).close();
  } catch (error) {
    const [, path, text] =
      (error instanceof HoldfastError && /^createServer: "([^"]+)" (.*)\.$/.exec(error.message)) || [];
    if (path === undefined) throw error;
    const setting = settings.find((each) => `${path}.`.startsWith(`${each.path}.`));
    throw new BadInput(`${configuration.placeOf(setting?.path ?? path)}${path} ${text}.`);
  }
}

function apiKey(configuration: Configuration): string | undefined {
  const key = configuration.secret('api.key');
  if (configuration.count('api.port') !== undefined && key === undefined)
    configuration.fail('api.port', 'wants api.key or api.keyFile, too');
  return key;
}

/** The system's errors name a port and a code; people want to know what to do. */
function withAdvice(error: NodeJS.ErrnoException & { address?: string; port?: number }): Error {
  if (error.code === 'EADDRNOTAVAIL')
    return new BadInput(`${error.address} is no address of this machine: set another host, or none.`);
  if (error.code === 'EADDRINUSE')
    return new BadInput(`port ${error.port} is taken: end what listens there (ss -ltnp), or set another.`);
  if (error.code === 'EACCES' && error.port !== undefined)
    return new BadInput(`port ${error.port} may not be used by this user: set one above 1023, or allow it.`);
  return error;
}

async function optionsOf(
  configuration: Configuration,
  webhooks: Webhooks,
  logger: Logger,
): Promise<ServerOptions> {
  const options: ServerOptions = { logger };
  const log = await openLog(configuration);
  if (log) options.log = log;
  const authenticate = await credentials(configuration, (text) => logger.warn(text));
  if (authenticate) options.authenticate = authenticate;
  options.authorize = authorizeOf(configuration, webhooks, authenticate !== undefined, logger);
  const [origins, trustedProxies, path] = [
    configuration.texts('origins'),
    configuration.texts('trustedProxies'),
    configuration.text('path'),
  ];
  if (origins) options.origins = origins;
  if (trustedProxies) options.trustedProxies = trustedProxies;
  if (path !== undefined) options.path = path;
  const [intervalMs, graceMs, handshakesPerSecond] = [
    configuration.count('heartbeat.intervalMs'),
    configuration.count('heartbeat.graceMs'),
    configuration.count('handshakesPerSecond'),
  ];
  options.heartbeat = {
    ...(intervalMs !== undefined && { intervalMs }),
    ...(graceMs !== undefined && { graceMs }),
  };
  if (handshakesPerSecond !== undefined) options.handshakesPerSecond = handshakesPerSecond;
  const [topics, limits] = [configuration.table('topics'), configuration.table('limits')];
  if (topics) options.topics = topics as NonNullable<ServerOptions['topics']>;
  if (limits) options.limits = limits as NonNullable<ServerOptions['limits']>;
  return options;
}

/** With tokens, rights or a backend to ask, nothing is allowed that none of them allows; without any, all is. */
function authorizeOf(
  configuration: Configuration,
  webhooks: Webhooks,
  hasTokens: boolean,
  logger: Logger,
): NonNullable<ServerOptions['authorize']> {
  const hasRights = ['subscribe', 'publish', 'signal'].some((action) =>
    configuration.texts(`rights.${action}`),
  );
  if (!hasTokens && !hasRights && !webhooks.asks) {
    logger.warn(
      'Holdfast: this server is open to all: anyone may connect, read and publish. ' +
        'Set jwt, rights or webhooks.authorize, and origins, before it faces the internet.',
    );
    return () => true;
  }
  const table = new RightsTable(configuration);
  return (identity, action, name) =>
    table.allows(identity, action, name) || (webhooks.asks && webhooks.allows(identity, action, name));
}

function tellEvents(server: HoldfastServer<Server>, webhooks: Webhooks): void {
  server.on('connect', ({ session, resumed }) =>
    webhooks.tell({
      type: 'connect',
      session: session.id,
      identity: session.identity.id,
      resumed,
      atMs: Date.now(),
    }),
  );
  server.on('disconnect', ({ session, reason, text }) =>
    webhooks.tell({
      type: 'disconnect',
      session: session.id,
      identity: session.identity.id,
      reason,
      text,
      atMs: Date.now(),
    }),
  );
}
