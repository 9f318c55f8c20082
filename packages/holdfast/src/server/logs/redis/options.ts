import type { ConnectionOptions as TlsOptions } from 'node:tls';
import { HoldfastError } from '../../../protocol/error-codes.ts';
import { checkSecret, secretInUrl } from '../../option-checks.ts';

const CALL = 'redisLog';

export interface RedisLogOptions {
  /**
   * `redis://host:port`, with TLS `rediss://`; `user:password@` before the host and `/database` behind the port are
   * optional. Several name the members of a replicated Redis, of which the primary is used, or nodes of a cluster.
   */
  url: string | readonly string[];
  /**
   * The addresses are those of Sentinels, which are asked for the primary that they watch under this name. User and
   * password here are the Sentinels’ own; the others are those of Redis.
   */
  sentinel?: string | Sentinel;
  /** Instead of those in the address. */
  username?: string;
  password?: string;
  /** For `rediss://`: certificates and the like, as `node:tls` takes them. */
  tls?: TlsOptions;
  /** What all keys and channels begin with. Default `holdfast`. */
  prefix?: string;
  /** A name that all nodes of a deployment share; another's on the same prefix is refused. Default `default`. */
  deployment?: string;
  /** How long appends and reads wait for a Redis that does not answer before they fail. Default 30,000. */
  deadlineMs?: number;
  /** A Redis connection that has not answered for this long is given up for a new one. Default 10,000. */
  answerTimeoutMs?: number;
  /** How often a node checks that it still hears what is published. Default 5,000. */
  probeIntervalMs?: number;
  /** What may wait for Redis in this process's memory, in bytes; beyond it appends fail at once. Default 64 MiB. */
  pendingBytesMax?: number;
}

export interface Sentinel {
  name: string;
  username?: string;
  password?: string;
}

/** Where one Redis process listens. `text` is how it is named in errors: without any secret. */
export interface Address {
  host: string;
  port: number;
  text: string;
}

export interface ResolvedRedisOptions {
  addresses: readonly Address[];
  sentinel: Sentinel | undefined;
  username: string | undefined;
  password: string | undefined;
  database: number;
  tls: TlsOptions | undefined;
  prefix: string;
  deployment: string;
  deadlineMs: number;
  answerTimeoutMs: number;
  probeIntervalMs: number;
  pendingBytesMax: number;
}

/** Throws `invalid-option` with what was wrong and what was expected; never with what may hold a password. */
export function resolveRedisOptions(given: string | RedisLogOptions): ResolvedRedisOptions {
  const options = typeof given === 'string' ? { url: given } : given;
  if (typeof options !== 'object' || options === null)
    return invalid('needs an address, such as redisLog("redis://127.0.0.1:6379")');
  for (const name of Object.keys(options)) {
    if (!names.has(name)) invalid(`"${name}" is not an option; there are: ${[...names].join(', ')}`);
  }
  const urls = typeof options.url === 'string' ? [options.url] : options.url;
  if (!Array.isArray(urls) || urls.length === 0)
    return invalid('"url" must be an address, or a list of them');
  const parsed = urls.map(parseUrl);
  const first = parsed[0]!;
  if (parsed.some(({ tls, database }) => tls !== first.tls || database !== first.database))
    return invalid('all addresses must have the same scheme and the same database');
  return {
    addresses: parsed.map(({ address }) => address),
    sentinel: checkSentinel(options.sentinel),
    username: checkSecret('username', options.username, CALL) ?? first.username,
    password: checkSecret('password', options.password, CALL) ?? first.password,
    database: first.database,
    tls: first.tls ? (options.tls ?? {}) : undefined,
    prefix: checkName('prefix', options.prefix ?? 'holdfast'),
    deployment: checkName('deployment', options.deployment ?? 'default'),
    deadlineMs: checkPositive('deadlineMs', options.deadlineMs ?? 30_000),
    answerTimeoutMs: checkPositive('answerTimeoutMs', options.answerTimeoutMs ?? 10_000),
    probeIntervalMs: checkPositive('probeIntervalMs', options.probeIntervalMs ?? 5_000),
    pendingBytesMax: checkPositive('pendingBytesMax', options.pendingBytesMax ?? 64 * 1_048_576),
  };
}

const names: ReadonlySet<string> = new Set([
  'url',
  'sentinel',
  'username',
  'password',
  'tls',
  'prefix',
  'deployment',
  'deadlineMs',
  'answerTimeoutMs',
  'probeIntervalMs',
  'pendingBytesMax',
] satisfies (keyof RedisLogOptions)[]);

interface ParsedUrl {
  address: Address;
  tls: boolean;
  database: number;
  username: string | undefined;
  password: string | undefined;
}

function parseUrl(text: unknown): ParsedUrl {
  const url = typeof text === 'string' ? parse(text) : undefined;
  if (!url || !/^rediss?:$/.test(url.protocol) || url.hostname === '') {
    return invalid('an address is not of the form redis://user:password@host:port (rediss:// for TLS)');
  }
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const port = url.port === '' ? 6_379 : Number(url.port);
  const database = url.pathname.length <= 1 ? 0 : Number(url.pathname.slice(1));
  if (!Number.isSafeInteger(database) || database < 0)
    return invalid(`the database of ${host}:${port} must be a number, as in redis://${host}:${port}/0`);
  return {
    address: addressOf(host, port),
    tls: url.protocol === 'rediss:',
    database,
    username: secretInUrl(url.username, CALL),
    password: secretInUrl(url.password, CALL),
  };
}

export function addressOf(host: string, port: number): Address {
  return { host, port, text: host.includes(':') ? `[${host}]:${port}` : `${host}:${port}` };
}

/** `new URL` would throw an error that holds the whole address. */
function parse(text: string): URL | undefined {
  return URL.canParse(text) ? new URL(text) : undefined;
}

function checkSentinel(value: unknown): Sentinel | undefined {
  if (value === undefined) return undefined;
  const sentinel = (typeof value === 'string' ? { name: value } : value) as Sentinel | null;
  if (typeof sentinel?.name !== 'string' || sentinel.name === '')
    return invalid('"sentinel" must be the name of a primary, or { name, username, password }');
  checkSecret('sentinel.username', sentinel.username, CALL);
  checkSecret('sentinel.password', sentinel.password, CALL);
  return sentinel;
}

/** Braces would be taken for a cluster’s hash tags. */
function checkName(name: string, value: unknown): string {
  if (typeof value === 'string' && /^[\w.:/-]{1,64}$/.test(value)) return value;
  return invalid(`"${name}" must be 1 to 64 letters, digits or any of . : / _ -`);
}

function checkPositive(name: string, value: unknown): number {
  if (typeof value === 'number' && value > 0 && value <= 2 ** 31 - 1) return value;
  return invalid(`"${name}" is ${String(value)}; it must be a number above 0 and below 2³¹`);
}

function invalid(text: string): never {
  throw new HoldfastError('invalid-option', `${CALL}: ${text}.`);
}
