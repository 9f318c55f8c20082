import { HoldfastError, type MessageLog } from 'holdfast/server';
import { BadInput } from '../bad-input.ts';
import type { Configuration } from './configuration.ts';

interface Kind {
  readonly package?: string;
  open(text: string): Promise<MessageLog>;
}

const nats: Kind = {
  package: '@nats-io/transport-node @nats-io/jetstream',
  open: async (text) => (await import('holdfast/logs/nats')).natsLog(text),
};

const kinds: Readonly<Record<string, Kind>> = {
  lmdb: {
    package: 'lmdb',
    open: async (text) => (await import('holdfast/logs/lmdb')).lmdbLog(text.replace(/^lmdb:(\/\/)?/, '')),
  },
  redis: {
    open: async (text) => (await import('holdfast/logs/redis')).redisLog(text),
  },
  rediss: {
    open: async (text) => (await import('holdfast/logs/redis')).redisLog(text),
  },
  nats,
  tls: nats,
};

/** The log that `log` names; undefined for this process's memory. Each is loaded only where it is used. */
export async function openLog(configuration: Configuration): Promise<MessageLog | undefined> {
  const text = configuration.text('log') ?? 'memory';
  if (text === 'memory') return undefined;
  const kind = kinds[text.split(':', 1)[0]!];
  if (!kind || !/:./.test(text) || text === 'lmdb://')
    return configuration.fail(
      'log',
      'must be memory, lmdb:FOLDER, redis://HOST:PORT, nats://HOST:PORT, or with TLS rediss://… or tls://…',
    );
  try {
    return await kind.open(text);
  } catch (error) {
    if (kind.package && (error as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND')
      return configuration.fail('log', `wants a package that is not installed: npm install ${kind.package}`);
    if (error instanceof HoldfastError) throw new BadInput(`${configuration.placeOf('log')}${error.message}`);
    throw error;
  }
}
