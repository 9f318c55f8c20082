import { HoldfastError } from '../protocol/error-codes.ts';
import type { BackoffOptions } from '../session/backoff.ts';

/** What a WebSocket sends. */
export type Data = string | ArrayBufferLike | Blob | ArrayBufferView;

/** A value, or a function that gives it before each attempt; one that rejects or hangs costs that attempt. */
type Provided<T> = T | (() => T | Promise<T>);
export type UrlProvider = Provided<string | URL>;
export type ProtocolsProvider = Provided<string | string[] | null | undefined>;

export interface HeartbeatOptions {
  /** What is sent, such as `'ping'`; a function is called each time. */
  message: Data | (() => Data);
  /** Default 25,000: below the 30 s that any proxy on the way allows (RFC 6202 §5.5). */
  intervalMs?: number;
  /** Whatever comes within this time is an answer; else the connection is given up. Default 5,000. */
  timeoutMs?: number;
  /** Tells answers from the application's messages: they are not handed on, and their time is `status.rttMs`. */
  isAnswer?: (data: unknown) => boolean;
}

export interface HoldfastWebSocketOptions {
  /** The constructor that dials. Default: the global one. In Node before 22, give that of `ws`. */
  WebSocket?: new (url: string, protocols?: string | string[]) => object;
  /** For the address, and again for the connection. Default 8,000: browsers themselves wait up to 240 s. */
  connectTimeoutMs?: number;
  /** Waits grow from `baseMs` (1,000) to `capMs` (30,000), and begin anew after a life of `stableMs` (5,000). */
  backoff?: Partial<BackoffOptions>;
  /** The first attempt after a loss comes at random within this time, so that not all clients come at once. Default 1,000. */
  returnWindowMs?: number;
  /** Attempts in a row to come back after which it gives up. Default: never. */
  retriesMax?: number;
  /** What may wait to be sent while there is no connection. Default 1,000 messages and 1 MiB. */
  buffer?: { countMax?: number; bytesMax?: number };
  heartbeat?: HeartbeatOptions;
  /** Whether to come back after this close. Default: always. */
  shouldReconnect?: (event: CloseEvent) => boolean;
  /** Does not dial until `reconnect()` is called. */
  startClosed?: boolean;
}

export type SocketConstructor = new (url: string, protocols?: string | string[]) => WebSocket;

export interface ResolvedOptions {
  WebSocket: SocketConstructor;
  connectTimeoutMs: number;
  backoff: BackoffOptions;
  returnWindowMs: number;
  retriesMax: number;
  buffer: { countMax: number; bytesMax: number };
  heartbeat: (HeartbeatOptions & { intervalMs: number; timeoutMs: number }) | undefined;
  shouldReconnect: (event: CloseEvent) => boolean;
  startClosed: boolean | undefined;
}

export function resolveOptions({
  WebSocket = globalThis.WebSocket,
  connectTimeoutMs = 8_000,
  backoff,
  returnWindowMs = 1_000,
  retriesMax = Infinity,
  buffer,
  heartbeat,
  shouldReconnect = () => true,
  startClosed,
  ...unknown
}: HoldfastWebSocketOptions): ResolvedOptions {
  for (const name in unknown) invalid(`"${name}" is not an option`);
  if (!WebSocket) invalid('there is no WebSocket here; give that of "ws" as the option "WebSocket"');
  if (heartbeat && !heartbeat.message) invalid('"heartbeat" needs a message that the server answers');
  const { intervalMs, timeoutMs } = { intervalMs: 25_000, timeoutMs: 5_000, ...heartbeat };
  const options = {
    WebSocket: WebSocket as SocketConstructor,
    connectTimeoutMs,
    backoff: { baseMs: 1_000, capMs: 30_000, stableMs: 5_000, ...backoff },
    returnWindowMs,
    retriesMax,
    buffer: { countMax: 1_000, bytesMax: 1_048_576, ...buffer },
    heartbeat: heartbeat && { ...heartbeat, intervalMs, timeoutMs },
    shouldReconnect,
    startClosed,
  };
  for (const [name, value] of Object.entries({ ...options.backoff, intervalMs, timeoutMs, connectTimeoutMs }))
    if (!(value > 0)) invalid(`"${name}" is ${value}; it must be a number above 0`);
  for (const [name, value] of Object.entries({ ...options.buffer, returnWindowMs, retriesMax }))
    if (!(value >= 0)) invalid(`"${name}" is ${value}; it must be a number from 0 up`);
  return options;
}

export function invalid(text: string): never {
  throw new HoldfastError('invalid-option', `HoldfastWebSocket: ${text}.`);
}
