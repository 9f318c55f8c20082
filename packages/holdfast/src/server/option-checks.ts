import { HoldfastError } from '../protocol/error-codes.ts';
import { NAME_BYTES_MAX } from '../protocol/limits.ts';
import type { PayloadCodec } from '../protocol/payload.ts';
import type { Position } from '../protocol/position.ts';

/** What values of options may be. Each check throws `invalid-option` with the option's name and what was expected. */

export function invalid(name: string, text: string, call = 'createServer'): never {
  throw new HoldfastError('invalid-option', `${call}: "${name}" ${text}.`);
}

/** A number above 0 that ends somewhere: what is waited for, sent or divided by can't be endless. */
export function checkPositive(name: string, value: unknown, call?: string): number {
  if (typeof value === 'number' && value > 0 && Number.isFinite(value)) return value;
  return invalid(name, `is ${shown(value)}; it must be a finite number above 0`, call);
}

/** The same, without fractions: it goes over the wire. */
export function checkWhole(name: string, value: unknown): number {
  if (Number.isSafeInteger(value) && (value as number) > 0) return value as number;
  return invalid(name, `is ${shown(value)}; it must be a whole number above 0`);
}

/** A bound that may be Infinity. */
export function checkBound(name: string, value: unknown, call?: string): void {
  if (typeof value === 'number' && value >= 0) return;
  invalid(name, `is ${shown(value)}; it must be a number from 0, or Infinity for no bound`, call);
}

export function checkFunction(name: string, value: unknown, call?: string): void {
  if (typeof value !== 'function') invalid(name, `is ${shown(value)}; it must be a function`, call);
}

/** A user’s name, password or token, if any, which errors never show. Digits alone are a number in many a configuration file. */
export function checkSecret(name: string, value: unknown, call: string): string | undefined {
  if (typeof value === 'string' || value === undefined || value === null) return value ?? undefined;
  return invalid(name, `is of type ${typeof value}; it must be a text`, call);
}

/** A user’s name or password, if any, as it stands in an address. */
export function secretInUrl(text: string, call: string): string | undefined {
  if (text === '') return undefined;
  try {
    return decodeURIComponent(text);
  } catch {
    return invalid('url', 'holds a user or password that is not percent-encoded; write a % as %25', call);
  }
}

/** What a client may ask for by it; names that begin with $ are the server's own. */
export function checkMethodName(name: unknown): void {
  if (typeof name === 'string' && name !== '' && name[0] !== '$' && Buffer.byteLength(name) <= NAME_BYTES_MAX)
    return;
  const text = `is ${shown(name)}; it must be a text of 1 to ${NAME_BYTES_MAX} bytes that does not begin with $`;
  invalid('name', text, 'method');
}

/** Where something stands in a topic. */
export function checkPosition(name: string, value: unknown, call: string): void {
  const { epoch, offset } = (value ?? {}) as Partial<Position>;
  if (Number.isSafeInteger(epoch) && epoch! >= 0 && Number.isSafeInteger(offset) && offset! >= 0) return;
  invalid(name, `is ${shown(value)}; it must be a position, { epoch, offset }, as messages have it`, call);
}

/** The path of an address, as requests have it. */
export function checkPath(value: unknown, call?: string): void {
  if (typeof value === 'string' && value.startsWith('/')) return;
  invalid('path', `is ${shown(value)}; it must begin with /`, call);
}

/** A port of TCP; as a text, too, because that is what the environment holds. */
export function checkPort(value: unknown): number {
  const port = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value;
  if (Number.isInteger(port) && (port as number) >= 0 && (port as number) <= 65_535) return port as number;
  return invalid('port', `is ${shown(value)}; it must be a whole number from 0 to 65,535`, 'listen');
}

/** Frameworks hand out many things that have a method `on`; only an HTTP server has upgrades to give away. */
export function checkHttpServer(value: unknown): void {
  if (typeof (value as { address?: unknown } | null | undefined)?.address === 'function') return;
  const text = `attach: this is ${shown(value)}; give the HTTP server: createServer(app) of node:http, what Express’s app.listen() or Hono’s serve() returns, or Fastify’s app.server.`;
  throw new HoldfastError('invalid-option', text);
}

/** An object with these methods. */
export function checkMethods(name: string, value: unknown, methods: readonly string[]): void {
  const has = (method: string): boolean => typeof (value as Record<string, unknown>)[method] === 'function';
  if (typeof value === 'object' && value !== null && methods.every(has)) return;
  invalid(name, `must be an object with the methods ${methods.join(', ')}`);
}

export function checkKnown(call: string, name: string, names: readonly string[]): void {
  if (!names.includes(name)) invalid(name, `does not exist; there are: ${names.join(', ')}`, call);
}

/** Text, as JSON.stringify gives it, would travel as as many bytes that say nothing. */
export function checkCodec(codec: unknown): void {
  checkMethods('codec', codec, ['encode', 'decode']);
  let bytes: unknown;
  try {
    bytes = (codec as { encode(value: unknown): unknown }).encode('');
  } catch {
    // It may know the application's own values only.
    return;
  }
  if (!(bytes instanceof Uint8Array))
    invalid('codec', `encodes to ${shown(bytes)}; it must encode to a Uint8Array`);
}

/** Who is on a topic is told by the server itself, in the application's encoding: it must not find out when somebody comes. */
export function checkPresenceCodec(codec: PayloadCodec): void {
  const present = [{ session: 'a', user: 'b' }];
  try {
    if (codec.encode({ count: 1, present, joined: present, left: present }) instanceof Uint8Array) return;
  } catch {
    // It is told below.
  }
  const text = 'can’t encode what `presence` tells, such as { count: 1, present: [{ session, user }] }';
  invalid('codec', text);
}

/** A plain object that holds nothing but these keys; gives those that are not undefined. */
export function checkKeys<T extends object>(
  name: string,
  value: T,
  keys: readonly string[],
  call?: string,
): T {
  const entries = checkEntries(name, value, call);
  for (const [key] of entries) {
    if (!keys.includes(key)) invalid(`${name}.${key}`, `does not exist; there are: ${keys.join(', ')}`, call);
  }
  return Object.fromEntries(entries) as T;
}

/** The entries of a plain object, without those that are undefined. */
export function checkEntries(name: string, value: object, call?: string): [key: string, value: unknown][] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return invalid(name, `is ${shown(value)}; it must be an object`, call);
  }
  return Object.entries(value).filter(([, entry]) => entry !== undefined);
}

/** A value as an error may show it: what it is, not all that it holds. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'a list' : 'an object';
  return typeof value === 'function' ? 'a function' : String(value);
}
