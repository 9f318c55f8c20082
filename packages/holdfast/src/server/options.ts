import { defaultLimits, FIRST_WINDOW, type Limits } from '../protocol/limits.ts';
import { checkedCodec, type PayloadCodec } from '../protocol/payload.ts';
import type { Handshake } from './engine.ts';
import { nodeJsonCodec } from './json-codec.ts';
import type { MessageLog } from './message-log.ts';
import {
  checkBound,
  checkCodec,
  checkEntries,
  checkFunction,
  checkKeys,
  checkMethods,
  checkPath,
  checkPresenceCodec,
  checkPositive,
  checkWhole,
  invalid,
  shown,
} from './option-checks.ts';
import { forwardedHeaders, networksOf, type ForwardedHeader } from './admission/client-address.ts';
import { defaultWatermarks, type Watermarks } from './resources/pressure.ts';
import { topicPolicyNames, type TopicOptions } from './topic-options.ts';

/** Who a session belongs to. Sessions are resumed by the same identity only. */
export interface Identity {
  /** The user's name, the same in all their sessions and never empty. `server.sendToUser` takes it. */
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

/** What `authorize` is asked about: a topic, or for `request` a method. */
export type Action = 'subscribe' | 'publish' | 'signal' | 'request';

export interface Logger {
  info(text: string): void;
  warn(text: string): void;
}

export interface ServerOptions {
  /**
   * Says who a connection is: an identity, or nothing when the credential is no good. Called for every
   * connection, resumed or not, and again when a token is refreshed. Without it everybody is `anonymous`.
   * When it throws, the credential is not refused, but could not be checked, and the client comes back later;
   * a HoldfastError `unauthorized` refuses, and its text goes into the log.
   */
  authenticate?: (request: AuthenticateRequest) => Identity | undefined | PromiseLike<Identity | undefined>;
  /**
   * Says whether an identity may do `action` on a topic (or, for `request`, a method). Without it, all may. When it
   * throws, nothing is refused, but could not be checked: the client comes back later, and a request fails.
   */
  authorize?: (identity: Identity, action: Action, name: string) => boolean | PromiseLike<boolean>;
  /** The exact origins of pages that may connect, such as `https://app.example`. Without it, all may. */
  origins?: readonly string[];
  /** Where topics live. Default: this process's memory. */
  log?: MessageLog;
  /** Policies by topic name; a name that ends in `*` covers all that begin so. The longest match wins. */
  topics?: Readonly<Record<string, TopicOptions>>;
  /** What a client may ask for, what is kept for it, and how long each waits. Defaults: docs/limits.md. */
  limits?: Partial<Limits>;
  /** In milliseconds. The interval belongs well below the idle limit of every proxy in front: 25 s suits 60 s. */
  heartbeat?: {
    /** The server shows itself at least this often. Default 25,000. */
    intervalMs?: number;
    /** A peer may be silent this long beyond the interval. Default 20,000. */
    graceMs?: number;
  };
  /**
   * Connections that this server welcomes in a second: it asks clients to spread their return accordingly, and
   * gives those that exceed it a slot of their own. Default 1,250, about half of what one core can do.
   */
  handshakesPerSecond?: number;
  /** Proxies whose word on the client's address is taken, such as `['10.0.0.0/8', '::1']`. Default: none. */
  trustedProxies?: readonly string[];
  /** The header to which they append it, read from the right. Default `x-forwarded-for`. */
  forwardedHeader?: ForwardedHeader;
  /** Shares of the process's limits, and a delay, at which it begins to spare itself. `false` never does. */
  watermarks?: Partial<Watermarks> | false;
  /** The path of WebSocket upgrades on `listen`. Default: any. */
  path?: string;
  /** How values become bytes. Must be the same at the client. Default: JSON. */
  codec?: PayloadCodec;
  /** Default: the console. `false` for silence. */
  logger?: Logger | false;
}

/** The options with every default filled in. */
export interface ResolvedOptions extends Omit<
  ServerOptions,
  'limits' | 'logger' | 'log' | 'heartbeat' | 'watermarks'
> {
  limits: Limits;
  heartbeatMs: number;
  graceMs: number;
  handshakesPerSecond: number;
  forwardedHeader: ForwardedHeader;
  /** Undefined when nothing is watched. */
  watermarks: Watermarks | undefined;
  codec: PayloadCodec;
  logger: Logger;
}

const names = [
  'authenticate',
  'authorize',
  'origins',
  'log',
  'topics',
  'limits',
  'heartbeat',
  'handshakesPerSecond',
  'trustedProxies',
  'forwardedHeader',
  'watermarks',
  'path',
  'codec',
  'logger',
] as const satisfies (keyof ServerOptions)[];

const logMethods = ['open', 'append', 'read', 'top', 'before', 'follow', 'broadcast', 'trim', 'key', 'close'];

/** Fills in defaults. Throws `invalid-option` with what was wrong and what was expected. */
export function resolveOptions(given: ServerOptions): ResolvedOptions {
  const options = definedOf(given);
  const { authenticate, authorize, log, path, codec = nodeJsonCodec, logger = console } = options;
  if (authenticate !== undefined) checkFunction('authenticate', authenticate);
  if (authorize !== undefined) checkFunction('authorize', authorize);
  if (log !== undefined) checkMethods('log', log, logMethods);
  checkCodec(codec);
  if (logger !== false) checkMethods('logger', logger, ['info', 'warn']);
  if (path !== undefined) checkPath(path);
  checkOrigins(options.origins ?? []);
  checkProxies(options.trustedProxies ?? []);
  const forwardedHeader = options.forwardedHeader ?? 'x-forwarded-for';
  if (!forwardedHeaders.includes(forwardedHeader)) {
    invalid(
      'forwardedHeader',
      `is ${shown(forwardedHeader)}; it must be one of ${forwardedHeaders.join(', ')}`,
    );
  }
  checkTopics(options.topics ?? {});
  if (Object.values(options.topics ?? {}).some(({ presence }) => presence)) checkPresenceCodec(codec);
  const heartbeat = checkKeys('heartbeat', options.heartbeat ?? {}, ['intervalMs', 'graceMs']);
  const heartbeatMs = checkWhole('heartbeat.intervalMs', heartbeat.intervalMs ?? 25_000);
  const graceMs = checkWhole('heartbeat.graceMs', heartbeat.graceMs ?? 20_000);
  // The server's time moves in steps of a second: with less, a peer could be closed before its first ping.
  if (heartbeatMs < 1_000) invalid('heartbeat.intervalMs', `is ${heartbeatMs}; it must be 1,000 at least`);
  if (graceMs < 2_000) invalid('heartbeat.graceMs', `is ${graceMs}; it must be 2,000 at least`);
  return {
    ...options,
    limits: resolveLimits(options.limits ?? {}),
    heartbeatMs,
    graceMs,
    handshakesPerSecond: checkPositive('handshakesPerSecond', options.handshakesPerSecond ?? 1_250),
    forwardedHeader,
    watermarks: options.watermarks === false ? undefined : resolveWatermarks(options.watermarks ?? {}),
    codec: checkedCodec(codec),
    logger: logger === false ? silent : logger,
  };
}

const silent: Logger = { info() {}, warn() {} };

/** What looks like an option and is an argument of a method. */
const elsewhere: Readonly<Record<string, string>> = {
  port: 'give it to server.listen(port)',
  host: 'give it to server.listen(port, host)',
  server: 'give an HTTP server to server.attach(httpServer)',
};

function definedOf(options: ServerOptions): ServerOptions {
  const entries = checkEntries('options', options);
  for (const [name] of entries) {
    if (!(names as readonly string[]).includes(name)) {
      invalid(name, `is not an option; ${elsewhere[name] ?? `there are: ${names.join(', ')}`}`);
    }
  }
  return Object.fromEntries(entries);
}

function resolveLimits(given: Partial<Limits>): Limits {
  const limits: Limits = { ...defaultLimits, ...checkKeys('limits', given, Object.keys(defaultLimits)) };
  for (const [name, value] of Object.entries(limits)) checkWhole(`limits.${name}`, value);
  if (limits.windowMax < FIRST_WINDOW) {
    const text = `must be ${FIRST_WINDOW} at least: clients begin with that before they are told`;
    invalid('limits.windowMax', text);
  }
  if (limits.pageBytesMax > limits.messageBytesMax) {
    invalid('limits.pageBytesMax', `must not exceed limits.messageBytesMax (${limits.messageBytesMax})`);
  }
  return limits;
}

function resolveWatermarks(given: Partial<Watermarks>): Watermarks {
  const names = Object.keys(defaultWatermarks);
  const marks: Watermarks = { ...defaultWatermarks, ...checkKeys('watermarks', given, names) };
  for (const [name, value] of Object.entries(marks)) {
    checkPositive(`watermarks.${name}`, value);
    if (name !== 'eventLoopDelayMs' && value > 1)
      invalid(`watermarks.${name}`, `is ${value}; it is a share, 1 at most`);
  }
  return marks;
}

function checkProxies(proxies: readonly string[]): void {
  if (!Array.isArray(proxies))
    invalid('trustedProxies', `is ${shown(proxies)}; it must be a list of networks`);
  for (const entry of proxies) {
    if (typeof entry === 'string' && networksOf([entry])) continue;
    invalid(
      'trustedProxies',
      `holds ${shown(entry)}; write addresses and networks, such as 10.0.0.0/8 or ::1`,
    );
  }
}

function checkOrigins(origins: readonly string[]): void {
  if (!Array.isArray(origins)) invalid('origins', `is ${shown(origins)}; it must be a list of origins`);
  for (const origin of origins) {
    if (typeof origin === 'string' && URL.canParse(origin) && new URL(origin).origin === origin) continue;
    const text = `holds ${shown(origin)}, which is no origin; write scheme, host and port only, such as https://app.example`;
    invalid('origins', text);
  }
}

function checkTopics(topics: NonNullable<ServerOptions['topics']>): void {
  for (const [topic, options] of checkEntries('topics', topics)) {
    const name = `topics.${topic}`;
    const keys = ['policy', 'retention', 'presence'];
    const { policy, retention, presence } = checkKeys(name, options as TopicOptions, keys);
    if (presence !== undefined && typeof presence !== 'boolean')
      invalid(`${name}.presence`, `is ${shown(presence)}; it must be true or false`);
    if (policy !== undefined && !topicPolicyNames.includes(policy)) {
      invalid(`${name}.policy`, `is ${shown(policy)}; it must be one of ${topicPolicyNames.join(', ')}`);
    }
    const bounds = checkKeys(`${name}.retention`, retention ?? {}, ['countMax', 'bytesMax', 'ageMaxMs']);
    for (const [bound, value] of Object.entries(bounds)) checkBound(`${name}.retention.${bound}`, value);
  }
}
