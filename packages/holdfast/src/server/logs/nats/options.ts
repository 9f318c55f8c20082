import type { TlsOptions } from '@nats-io/transport-node';
import { HoldfastError } from '../../../protocol/error-codes.ts';
import { checkSecret, secretInUrl } from '../../option-checks.ts';

const CALL = 'natsLog';

export interface NatsLogOptions {
  /** `nats://host:port`, or `tls://`; `user:password@` or `token@` before the host is optional. Several name one cluster. */
  url: string | readonly string[];
  /** Instead of those in the address. */
  username?: string;
  password?: string;
  token?: string;
  /** The content of a `.creds` file, for servers with accounts of their own. */
  credentials?: string;
  /** Certificates and the like. */
  tls?: TlsOptions;
  /** What all subjects begin with; with `_` for its dots it names the stream. Default `holdfast`. */
  prefix?: string;
  /** A name that all nodes of a deployment share; another's on the same prefix is refused. Default `default`. */
  deployment?: string;
  /**
   * On how many servers each message is kept: 1 to 5, of a cluster that has as many. Default: as the stream has it,
   * and 1 for a new one.
   */
  replicas?: number;
  /** Where NATS keeps the messages. Default `file`. */
  storage?: 'file' | 'memory';
  /** How large the stream may become; beyond it, publishes fail. Default: as large as the account may. */
  bytesMax?: number;
  /** How long appends and reads wait for a NATS that does not answer before they fail. Default 30,000. */
  deadlineMs?: number;
}

/** Where one server listens. `text` is how it is named in errors: without any secret. */
interface Address {
  text: string;
  tls: boolean;
  username: string | undefined;
  password: string | undefined;
}

export interface ResolvedNatsOptions {
  addresses: readonly string[];
  username: string | undefined;
  password: string | undefined;
  token: string | undefined;
  credentials: string | undefined;
  tls: TlsOptions | undefined;
  prefix: string;
  deployment: string;
  replicas: number | undefined;
  storage: 'file' | 'memory';
  bytesMax: number;
  deadlineMs: number;
}

const names = {
  url: true,
  username: true,
  password: true,
  token: true,
  credentials: true,
  tls: true,
  prefix: true,
  deployment: true,
  replicas: true,
  storage: true,
  bytesMax: true,
  deadlineMs: true,
} satisfies Record<keyof NatsLogOptions, true>;

/** Throws `invalid-option` with what was wrong and what was expected; never with what may hold a secret. */
export function resolveNatsOptions(given: string | NatsLogOptions): ResolvedNatsOptions {
  const options = typeof given === 'string' ? { url: given } : given;
  if (typeof options !== 'object' || options === null)
    return invalid('needs an address, such as natsLog("nats://127.0.0.1:4222")');
  for (const name of Object.keys(options)) {
    if (!(name in names)) invalid(`"${name}" is not an option; there are: ${Object.keys(names).join(', ')}`);
  }
  const urls = typeof options.url === 'string' ? options.url.split(',') : options.url;
  if (!Array.isArray(urls) || urls.length === 0)
    return invalid('"url" must be an address, or a list of them');
  const addresses = urls.map(parseUrl);
  const first = addresses[0]!;
  if (addresses.some(({ tls }) => tls !== first.tls))
    return invalid('all addresses must have the same scheme');
  const { storage = 'file' } = options;
  if (storage !== 'file' && storage !== 'memory') return invalid('"storage" must be "file" or "memory"');
  const alone = first.password === undefined ? first.username : undefined;
  return {
    addresses: addresses.map(({ text }) => text),
    username:
      checkSecret('username', options.username, CALL) ?? (alone === undefined ? first.username : undefined),
    password: checkSecret('password', options.password, CALL) ?? first.password,
    token: checkSecret('token', options.token, CALL) ?? (options.username === undefined ? alone : undefined),
    credentials: checkSecret('credentials', options.credentials, CALL),
    tls: first.tls ? (options.tls ?? {}) : options.tls,
    prefix: checkPrefix(options.prefix ?? 'holdfast'),
    deployment: checkDeployment(options.deployment ?? 'default'),
    replicas: options.replicas === undefined ? undefined : checkWhole('replicas', options.replicas, 5),
    storage,
    bytesMax: options.bytesMax === undefined ? -1 : checkWhole('bytesMax', options.bytesMax, 2 ** 53 - 1),
    deadlineMs: checkWhole('deadlineMs', options.deadlineMs ?? 30_000, 2 ** 31 - 1),
  };
}

function parseUrl(given: unknown): Address {
  const text = typeof given === 'string' ? given.trim() : '';
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^(nats|tls):$/.test(url.protocol) || url.hostname === '')
    return invalid('an address is not of the form nats://user:password@host:port (tls:// for TLS)');
  return {
    text: `${url.hostname}:${url.port || '4222'}`,
    tls: url.protocol === 'tls:',
    username: secretInUrl(url.username, CALL),
    password: secretInUrl(url.password, CALL),
  };
}

function checkPrefix(value: unknown): string {
  if (typeof value === 'string' && value.length <= 64 && /^[\w-]+(\.[\w-]+)*$/.test(value)) return value;
  return invalid('"prefix" must be up to 64 letters, digits, _ or -, with single dots between them');
}

function checkDeployment(value: unknown): string {
  if (typeof value === 'string' && /^[\w.:/-]{1,64}$/.test(value)) return value;
  return invalid('"deployment" must be 1 to 64 letters, digits or any of . : / _ -');
}

function checkWhole(name: string, value: unknown, max: number): number {
  if (Number.isSafeInteger(value) && (value as number) > 0 && (value as number) <= max)
    return value as number;
  return invalid(`"${name}" is ${String(value)}; it must be a whole number from 1 to ${max}`);
}

function invalid(text: string): never {
  throw new HoldfastError('invalid-option', `${CALL}: ${text}.`);
}
