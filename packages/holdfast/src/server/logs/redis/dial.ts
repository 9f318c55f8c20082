import { createClient } from '@redis/client';
import { HoldfastError } from '../../../protocol/error-codes.ts';
import { explain } from './failures.ts';
import type { Address, ResolvedRedisOptions } from './options.ts';

const CONNECT_TIMEOUT_MS = 5_000;

export type Client = ReturnType<typeof makeClient>;

/** Connects once, and does what must be done before anybody else uses the connection. */
export async function dial(
  address: Address,
  options: ResolvedRedisOptions,
  prepare: (client: Client) => Promise<void>,
): Promise<Client> {
  const client = makeClient(address, options);
  let failed: (error: unknown) => void = () => {};
  const failure = new Promise<never>((_, reject) => (failed = reject));
  // The client’s own timeout ends with the TCP connection; a process that was stopped still accepts those.
  const timer = setTimeout(() => failed(new Error('Timeout: no answer')), CONNECT_TIMEOUT_MS);
  client.on('error', failed);
  try {
    await Promise.race([client.connect().then(() => prepare(client)), failure]);
    return client;
  } catch (error) {
    client.destroy();
    throw error;
  } finally {
    clearTimeout(timer);
    client.removeListener('error', failed);
  }
}

/** The first address that works, in their order. Rejects with what is wrong with each. */
export async function firstOf<T>(
  addresses: readonly Address[],
  attempt: (address: Address) => Promise<T>,
): Promise<T> {
  const failures: string[] = [];
  for (const address of addresses) {
    try {
      return await attempt(address);
    } catch (error) {
      failures.push(`${address.text}: ${explain(error)}`);
    }
  }
  throw new HoldfastError('log-unavailable', `redisLog can’t use Redis at ${failures.join(' At ')}`);
}

/** Never connected: to make a client anew takes many times as long as to copy one. */
let template: ReturnType<typeof createTemplate> | undefined;

function createTemplate() {
  return createClient({ RESP: 2 });
}

function makeClient({ host, port }: Address, options: ResolvedRedisOptions) {
  const { username, password, database, tls } = options;
  const socket = {
    host,
    port,
    connectTimeout: CONNECT_TIMEOUT_MS,
    // Whether and when to return is decided where it is known what must happen before.
    reconnectStrategy: false as const,
  };
  template ??= createTemplate();
  const client = template.duplicate({
    RESP: 2,
    disableOfflineQueue: true,
    database,
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    socket: tls === undefined ? socket : { ...tls, ...socket, tls: true },
  });
  // An error without a listener would end the process.
  client.on('error', () => {});
  return client;
}
