import { checkedCodec, jsonCodec, type PayloadCodec } from '../protocol/payload.ts';
import { defaultBackoff, type BackoffOptions } from '../session/backoff.ts';
import { checkNames, checkNumbers, fill, invalid } from './arguments.ts';
import { defaultLines, type LinesOptions } from './lines.ts';

/** Web Storage (`localStorage`, `sessionStorage`), or anything of its shape. */
export interface ClientStorage {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
}

/** Gives the address, or the addresses, to dial; asked before each attempt. */
export type Endpoints =
  | string
  | readonly string[]
  | (() => string | readonly string[] | Promise<string | readonly string[]>);

export interface ClientOptions {
  /**
   * The credential for the server's `authenticate`, or a function that fetches one; `rejected` is true when the last was
   * refused. It may throw: it is asked again, unless it was a HoldfastError `unauthorized`, which ends all attempts.
   */
  token?: string | ((request: { rejected: boolean }) => string | Promise<string>);
  /** Keeps positions, outbox and session across reloads. One client at a time may use a storage key. */
  storage?: ClientStorage;
  /** Default: `holdfast:` and the first address; without one where `endpoints` is a function. */
  storageKey?: string;
  /** What may wait to be sent or acknowledged. Default 1,000 publishes or requests and 4 MiB. */
  outbox?: { countMax?: number; bytesMax?: number };
  /** How long to wait between attempts. Default `{ baseMs: 500, capMs: 15_000, stableMs: 5_000 }`. */
  backoff?: Partial<BackoffOptions>;
  /** For opening a connection, and again for its welcome. Default 8,000: browsers themselves wait up to 240 s. */
  connectTimeoutMs?: number;
  /** Default 30,000. */
  requestTimeoutMs?: number;
  /**
   * How often the server shows itself. `balanced` (default): as it is configured, more often on a path that cuts
   * silence short. `battery`: ever more rarely, as far as the path bears it. Or an interval of your own, 5,000 to
   * 240,000 unless the server's `limits` say otherwise.
   */
  heartbeat?: 'balanced' | 'battery' | { intervalMs: number };
  /** When a better one of several endpoints is looked for, and moved to. */
  lines?: Partial<LinesOptions>;
  /** How values become bytes. Must be the same at the server. Default: JSON. */
  codec?: PayloadCodec;
}

export interface ResolvedClientOptions extends Omit<ClientOptions, 'outbox' | 'backoff' | 'lines'> {
  lines: LinesOptions;
  outbox: { countMax: number; bytesMax: number };
  backoff: BackoffOptions;
  connectTimeoutMs: number;
  requestTimeoutMs: number;
  codec: PayloadCodec;
}

/** All of `ClientOptions`, for who writes JavaScript. */
const names: readonly (keyof ClientOptions)[] = [
  'token',
  'storage',
  'storageKey',
  'outbox',
  'backoff',
  'heartbeat',
  'lines',
  'codec',
  'connectTimeoutMs',
  'requestTimeoutMs',
];

export function resolveClientOptions(options: ClientOptions): ResolvedClientOptions {
  const { connectTimeoutMs = 8_000, requestTimeoutMs = 30_000, codec = jsonCodec, heartbeat } = options;
  checkNames(options, names);
  checkNumbers({ connectTimeoutMs, requestTimeoutMs });
  if (Object(heartbeat) === heartbeat) fill({ intervalMs: undefined }, heartbeat as object);
  else if (![undefined, 'balanced', 'battery'].includes(heartbeat as string))
    invalid('"heartbeat" must be "balanced", "battery" or { intervalMs }');
  return {
    ...options,
    outbox: fill({ countMax: 1_000, bytesMax: 4_194_304 }, options.outbox),
    backoff: fill(defaultBackoff, options.backoff),
    lines: fill(defaultLines, options.lines),
    connectTimeoutMs,
    requestTimeoutMs,
    codec: checkedCodec(codec),
  };
}

/** An address as a WebSocket takes it; `http` and `https` are read as `ws` and `wss`. */
export function checkEndpoint(given: string | URL): string {
  const address = String(given);
  if (/^(ws|http)s?:\/\/([^\s/?#@:]+|\[[^\s/]+])(:\d+)?([/?][^\s#]*)?$/.test(address))
    return address.replace(/^http/, 'ws');
  // Credentials in an address end up in logs, so they are refused, too.
  invalid(
    `"${address.replace(/\/[^/]*@/, '/…@')}" must be like wss://host/path; credentials go into "token"`,
  );
}
