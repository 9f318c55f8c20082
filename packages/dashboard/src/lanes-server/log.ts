import type { MessageLog } from 'holdfast/server';

/** What the page's topics begin with where a log is shared, so that a deployment on it is left alone. */
const PREFIX = 'holdfast-page';

/**
 * The log that an address names: `memory` (undefined: the server's own), `lmdb:FOLDER`, `redis://…`, `rediss://…`
 * or `nats://…`. Only that one is loaded.
 */
export async function openLog(text: string): Promise<MessageLog | undefined> {
  const [, kind, rest] = /^([a-z]+):(.+)$/s.exec(text) ?? [];
  switch (kind) {
    case 'lmdb':
      return (await import('holdfast/logs/lmdb')).lmdbLog(rest!.replace(/^\/\//, ''));
    case 'redis':
    case 'rediss':
      return (await import('holdfast/logs/redis')).redisLog({ url: text, prefix: PREFIX });
    case 'nats':
      return (await import('holdfast/logs/nats')).natsLog({ url: text, prefix: PREFIX });
    default:
      if (text === 'memory') return undefined;
      throw new Error(
        'The log must be memory, lmdb:FOLDER, redis://HOST:PORT, rediss://… or nats://HOST:PORT.',
      );
  }
}
