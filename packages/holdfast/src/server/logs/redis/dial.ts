import { HoldfastError } from '../../../protocol/error-codes.ts';
import { Client } from './client.ts';
import { explain } from './failures.ts';
import type { Address, ResolvedRedisOptions } from './options.ts';

const CONNECT_TIMEOUT_MS = 5_000;

/** Connects once, and does what must be done before anybody else uses the connection. */
export async function dial(
  address: Address,
  options: ResolvedRedisOptions,
  prepare: (client: Client) => Promise<void>,
): Promise<Client> {
  const client = new Client(address, options);
  // A process that was stopped still accepts connections.
  const timer = setTimeout(() => client.destroy(new Error('Timeout: no answer')), CONNECT_TIMEOUT_MS);
  try {
    await greet(client, options);
    await prepare(client);
    return client;
  } catch (error) {
    client.destroy(error);
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

async function greet(client: Client, { username, password, database }: ResolvedRedisOptions): Promise<void> {
  if (username !== undefined) await client.send(['AUTH', username, password ?? '']);
  else if (password !== undefined) await client.send(['AUTH', password]);
  if (database !== 0) await client.send(['SELECT', String(database)]);
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
