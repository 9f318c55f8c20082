import { HoldfastError } from '../protocol/error-codes.ts';
import { defaultLimits, FIRST_WINDOW, type Limits } from '../protocol/limits.ts';
import type { PayloadCodec } from '../protocol/payload.ts';
import type { Handshake } from './engine.ts';
import { nodeJsonCodec } from './json-codec.ts';
import type { MessageLog } from './message-log.ts';
import type { TopicOptions } from './topic-options.ts';

/** Who a session belongs to. Sessions are resumed by the same identity only. */
export interface Identity {
  readonly id: string;
  /** When the credential expires, in milliseconds since 1970; the client is asked for a new one before. */
  readonly expiresAtMs?: number | undefined;
  /** Whatever the application wants to know of its user later. */
  readonly claims?: unknown;
}

export interface AuthenticateRequest extends Handshake {
  /** The credential that the client gave as `token`, or an empty string. */
  readonly token: string;
}

export type Action = 'subscribe' | 'publish' | 'signal' | 'request';

export interface Logger {
  info(text: string): void;
  warn(text: string): void;
}

export interface ServerOptions {
  /**
   * Says who a connection is: an identity, or nothing when the credential is no good. Called for every
   * connection, resumed or not, and again when a token is refreshed. Without it everybody is `anonymous`.
   */
  authenticate?: (request: AuthenticateRequest) => Identity | undefined | Promise<Identity | undefined>;
  /** Says whether an identity may do `action` on a topic (or, for `request`, a method). Without it, all may. */
  authorize?: (identity: Identity, action: Action, name: string) => boolean | Promise<boolean>;
  /** The exact origins of pages that may connect, such as `https://app.example`. Without it, all may. */
  origins?: readonly string[];
  /** Where topics live. Default: this process's memory. */
  log?: MessageLog;
  /** Policies by topic name; a name that ends in `*` covers all that begin so. The longest match wins. */
  topics?: Readonly<Record<string, TopicOptions>>;
  limits?: Partial<Limits>;
  heartbeat?: {
    /** The server shows itself at least this often. Default 25,000. */
    intervalMs?: number;
    /** A peer may be silent this long beyond the interval. Default 20,000. */
    graceMs?: number;
  };
  /** Connections that this server can welcome in a second; spreads returns after an outage. Default 1,000. */
  handshakesPerSecond?: number;
  /** The path of WebSocket upgrades on `listen`. Default: any. */
  path?: string;
  /** How values become bytes. Must be the same at the client. Default: JSON. */
  codec?: PayloadCodec;
  /** Default: the console. `false` for silence. */
  logger?: Logger | false;
}

/** The options with every default filled in. */
export interface ResolvedOptions extends Omit<ServerOptions, 'limits' | 'logger' | 'log' | 'heartbeat'> {
  limits: Limits;
  heartbeatMs: number;
  graceMs: number;
  handshakesPerSecond: number;
  codec: PayloadCodec;
  logger: Logger;
}

const known = new Set<string>([
  'authenticate',
  'authorize',
  'origins',
  'log',
  'topics',
  'limits',
  'heartbeat',
  'handshakesPerSecond',
  'path',
  'codec',
  'logger',
]);

/** Fills in defaults. Throws `invalid-option` with what was wrong and what was expected. */
export function resolveOptions(options: ServerOptions): ResolvedOptions {
  for (const name of Object.keys(options)) {
    if (!known.has(name)) invalid(name, `is not an option; there are: ${[...known].join(', ')}`);
  }
  for (const name of Object.keys(options.limits ?? {})) {
    if (!(name in defaultLimits))
      invalid(`limits.${name}`, `is not a limit; there are: ${Object.keys(defaultLimits).join(', ')}`);
  }
  const limits: Limits = { ...defaultLimits, ...options.limits };
  for (const [name, value] of Object.entries(limits)) positive(`limits.${name}`, value);
  if (limits.windowMax < FIRST_WINDOW)
    invalid(
      'limits.windowMax',
      `must be ${FIRST_WINDOW} at least: clients begin with that before they are told`,
    );
  const heartbeatMs = positive('heartbeat.intervalMs', options.heartbeat?.intervalMs ?? 25_000);
  const graceMs = positive('heartbeat.graceMs', options.heartbeat?.graceMs ?? 20_000);
  const handshakesPerSecond = positive('handshakesPerSecond', options.handshakesPerSecond ?? 1_000);
  if (limits.pageBytesMax > limits.messageBytesMax) {
    invalid('limits.pageBytesMax', `must not exceed limits.messageBytesMax (${limits.messageBytesMax})`);
  }
  for (const origin of options.origins ?? []) {
    if (!URL.canParse(origin) || new URL(origin).origin !== origin) {
      invalid(
        'origins',
        `holds "${origin}", which is no origin; write scheme, host and port only, such as https://app.example`,
      );
    }
  }
  if (options.path !== undefined && !options.path.startsWith('/')) invalid('path', 'must begin with /');
  const logger = options.logger === false ? silent : (options.logger ?? console);
  return {
    ...options,
    limits,
    heartbeatMs,
    graceMs,
    handshakesPerSecond,
    codec: options.codec ?? nodeJsonCodec,
    logger,
  };
}

const silent: Logger = { info() {}, warn() {} };

function positive(name: string, value: number): number {
  if (!(typeof value === 'number' && value > 0))
    invalid(name, `is ${String(value)}; it must be a number above 0`);
  return value;
}

function invalid(name: string, text: string): never {
  throw new HoldfastError('invalid-option', `createServer: "${name}" ${text}.`);
}
