import { HoldfastError } from '../../../protocol/error-codes.ts';
import { Client } from './client.ts';
import { explain } from './failures.ts';
import { type Address, addressOf, type ResolvedRedisOptions, type Sentinel } from './options.ts';

const CONNECT_TIMEOUT_MS = 5_000;

/** Connects once, and does what must be done before anybody else uses the connection. */
export async function dial(
  address: Address,
  options: ResolvedRedisOptions,
  prepare: (client: Client) => Promise<void>,
): Promise<Client> {
  const { sentinel, username, password, database } = options;
  const primary = sentinel ? await askSentinel(address, options, sentinel) : address;
  const { client } = await connect(primary, options, async (connected) => {
    await logIn(connected, username, password);
    if (database !== 0) await connected.send(['SELECT', String(database)]);
    await prepare(connected);
  });
  return client;
}

/** Where the primary is. A Sentinel knows it before a primary that was cut off and replaced does. */
async function askSentinel(
  address: Address,
  options: ResolvedRedisOptions,
  { name, username, password }: Sentinel,
): Promise<Address> {
  const { client, result } = await connect(address, options, async (connected) => {
    await logIn(connected, username, password);
    return connected.send<[Buffer, Buffer] | null>(['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', name]);
  });
  client.destroy(new Error('It has been asked'));
  if (!result) throw new Error(`This Sentinel watches no primary named "${name}"`);
  const [host, port] = result;
  return addressOf(host.toString(), Number(port));
}

async function connect<T>(
  address: Address,
  options: ResolvedRedisOptions,
  prepare: (client: Client) => Promise<T>,
): Promise<{ client: Client; result: T }> {
  const client = new Client(address, options);
  // A process that was stopped still accepts connections.
  const timer = setTimeout(() => client.destroy(new Error('Timeout: no answer')), CONNECT_TIMEOUT_MS);
  try {
    return { client, result: await prepare(client) };
  } catch (error) {
    client.destroy(error);
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

async function logIn(
  client: Client,
  username: string | undefined,
  password: string | undefined,
): Promise<void> {
  if (username !== undefined) await client.send(['AUTH', username, password ?? '']);
  else if (password !== undefined) await client.send(['AUTH', password]);
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
