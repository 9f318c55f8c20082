import { HoldfastError } from '../../../protocol/error-codes.ts';
import type { Client } from './client.ts';
import type { Connection } from './connection.ts';
import { dial, firstOf } from './dial.ts';
import { type Address, addressOf, type ResolvedRedisOptions } from './options.ts';

/** What kind of Redis stands there. */
export interface Survey {
  clustered: boolean;
  /** Whether channels belong to slots (SPUBLISH). */
  sharded: boolean;
}

export interface SlotRange {
  from: number;
  to: number;
  primary: Address;
}

/** Looks at the first Redis that answers. Rejects where this log could not keep its promises. */
export function survey(options: ResolvedRedisOptions): Promise<Survey> {
  return visit(options.addresses, options, async (client, { text }) => {
    const info = (await client.send<Buffer>(['INFO'])).toString();
    // Valkey calls it otherwise.
    const mode = fieldOf(info, 'redis_mode') ?? fieldOf(info, 'server_mode');
    const version = fieldOf(info, 'redis_version') ?? '';
    const [major = 0, minor = 0] = version.split('.').map(Number);
    if (mode === 'sentinel')
      refuse(
        `${text} is a Sentinel, which keeps no data. Give redisLog() \`sentinel\`, the name under which it watches the primary.`,
      );
    if (major < 6 || (major === 6 && minor < 2))
      refuse(`Redis at ${text} is version ${version || 'unknown'}; 6.2 is the oldest that will do.`);
    const clustered = mode === 'cluster' || fieldOf(info, 'cluster_enabled') === '1';
    if (clustered && options.database !== 0)
      refuse(`Redis at ${text} is a cluster, which has database 0 only.`);
    return { clustered, sharded: clustered && major >= 7 };
  });
}

/** Which primary serves which slots of a cluster. */
export function askSlots(addresses: readonly Address[], options: ResolvedRedisOptions): Promise<SlotRange[]> {
  return visit(addresses, options, async (client, asked) => {
    const rows = await client.send<[number, number, [Buffer | null, number]][]>(['CLUSTER', 'SLOTS']);
    if (rows.length === 0)
      throw new Error('CLUSTERDOWN The cluster serves no slots yet; finish setting it up');
    return rows.map(([from, to, [name, port]]) => {
      // A node that does not know its own name answers without one.
      const host = name?.toString() || asked.host;
      return { from, to, primary: addressOf(host, port) };
    });
  });
}

/** A Redis that makes room by itself loses messages, and the memory of publishes, without a word. */
export async function checkEviction(connection: Connection, name: string): Promise<void> {
  const info = (await connection.send<Buffer>(['INFO', 'memory'])).toString();
  const policy = fieldOf(info, 'maxmemory_policy') ?? 'noeviction';
  if (policy === 'noeviction' || fieldOf(info, 'maxmemory') === '0') return;
  refuse(
    `Redis at ${name} evicts keys when it is full (maxmemory-policy ${policy}), which would lose messages unnoticed. ` +
      'Set maxmemory-policy to noeviction, or use a Redis that is no cache.',
  );
}

async function visit<T>(
  addresses: readonly Address[],
  options: ResolvedRedisOptions,
  ask: (client: Client, address: Address) => Promise<T>,
): Promise<T> {
  return firstOf(addresses, async (address) => {
    let answer: { value: T } | undefined;
    const client = await dial(address, options, async (dialled) => {
      answer = { value: await ask(dialled, address) };
    });
    client.destroy(new Error('It has been asked'));
    return answer!.value;
  });
}

function fieldOf(info: string, name: string): string | undefined {
  return new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1];
}

function refuse(text: string): never {
  throw new HoldfastError('invalid-option', `redisLog: ${text}`);
}
