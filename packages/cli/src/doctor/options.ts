import { X509Certificate } from 'node:crypto';
import { intermediaryById } from '../facts/intermediaries.ts';
import { type ForwardProxy, parseForwardProxy } from './probe/forward-proxy.ts';
import { checkHeader } from './probe/handshake.ts';
import { BadInput } from '../bad-input.ts';
import { parseTarget, type Target } from './probe/target.ts';
import type { Progress } from './report/report.ts';

export type Depth = 'quick' | 'normal' | 'deep';

/** What `diagnose` takes. Times are milliseconds, sizes bytes. */
export interface DiagnoseOptions {
  /** The public address, ws:// or wss://. */
  readonly url: string;
  /** The bare way to the server, past every proxy: what fails on both ways is the server's. */
  readonly direct?: string | undefined;
  readonly headers?: readonly (readonly [name: string, value: string])[] | undefined;
  readonly subprotocols?: readonly string[] | undefined;
  /** A text that the server can bear; without it no message is sent, only pings. */
  readonly send?: string | undefined;
  /** What an answer to `send` must contain. */
  readonly expect?: string | undefined;
  /** The id of the product in the way, for the fix, when it does not show itself. */
  readonly via?: string | undefined;
  /** `quick` takes under 10 s, `normal` finds the 60 s of most proxies, `deep` looks past two minutes. */
  readonly depth?: Depth | undefined;
  /** The longest silence that is tried. */
  readonly idleMaxMs?: number | undefined;
  /** How many connections are opened at once at most. */
  readonly connectionsMax?: number | undefined;
  readonly messageBytesMax?: number | undefined;
  /** The heartbeat that the application has: an idle limit of twice that is no problem then. */
  readonly heartbeatMs?: number | undefined;
  /** How long any one answer may take. */
  readonly timeoutMs?: number | undefined;
  /** The forward proxy of the client's network, http://HOST:PORT; `direct` leads past it. */
  readonly proxy?: string | undefined;
  /** Certificates (PEM) to trust instead of the system's. */
  readonly ca?: string | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The options with every default filled in. */
export interface Settings {
  readonly target: Target;
  readonly direct: Target | null;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly subprotocols: readonly string[];
  readonly send: string | null;
  readonly expect: string | null;
  readonly via: string | null;
  readonly depth: Depth;
  readonly idleMaxMs: number;
  readonly connectionsMax: number;
  readonly messageBytesMax: number;
  readonly roundTripWindowMs: number;
  readonly heartbeatMs: number | null;
  readonly timeoutMs: number;
  readonly proxy: ForwardProxy | null;
  readonly ca: string | undefined;
}

const CONNECTIONS_DEFAULT = 20;
const CONNECTIONS_MAX = 500;
const SEND_BYTES_MAX = 4_096;
const IDLE_MS_MIN = 1_000;
const IDLE_MS_MAX = 4 * 3_600_000;
const TIMEOUT_MS_DEFAULT = 8_000;

/**
 * `normal` reaches past the 60 s that most proxies have, `deep` past the 100 s of the large edges.
 */
const byDepth: Record<Depth, Pick<Settings, 'idleMaxMs' | 'messageBytesMax' | 'roundTripWindowMs'>> = {
  quick: { idleMaxMs: 4_000, messageBytesMax: 64 * 1024, roundTripWindowMs: 2_000 },
  normal: { idleMaxMs: 75_000, messageBytesMax: 256 * 1024, roundTripWindowMs: 5_000 },
  deep: { idleMaxMs: 130_000, messageBytesMax: 1024 * 1024, roundTripWindowMs: 10_000 },
};

export function settle(options: DiagnoseOptions): Settings {
  const depth = options.depth ?? 'normal';
  if (!Object.hasOwn(byDepth, depth)) throw new BadInput(`There is no depth "${depth}".`);
  const defaults = byDepth[depth];
  for (const [name, value] of options.headers ?? []) checkHeader(name, value);
  for (const name of options.subprotocols ?? []) checkHeader(name, '');
  if (options.via !== undefined && !intermediaryById(options.via)) {
    throw new BadInput(`--via does not know "${options.via}"; nginx, haproxy, apache or caddy are examples.`);
  }
  if (options.send !== undefined && Buffer.byteLength(options.send) > SEND_BYTES_MAX) {
    throw new BadInput(`The text to send may have ${SEND_BYTES_MAX} bytes at most.`);
  }
  if (options.ca !== undefined) checkCertificates(options.ca);
  if (options.expect !== undefined && options.send === undefined) {
    throw new BadInput('--expect needs --send: no message is sent otherwise.');
  }
  return {
    target: parseTarget(options.url),
    direct: options.direct === undefined ? null : parseTarget(options.direct),
    headers: options.headers ?? [],
    subprotocols: options.subprotocols ?? [],
    send: options.send ?? null,
    expect: options.expect ?? null,
    via: options.via ?? null,
    depth,
    idleMaxMs: within('idle-max', options.idleMaxMs ?? defaults.idleMaxMs, IDLE_MS_MIN, IDLE_MS_MAX, ' ms'),
    connectionsMax: within('connections', options.connectionsMax ?? CONNECTIONS_DEFAULT, 1, CONNECTIONS_MAX),
    messageBytesMax: within(
      'message-max',
      options.messageBytesMax ?? defaults.messageBytesMax,
      1_024,
      2 ** 20,
      ' bytes',
    ),
    roundTripWindowMs: defaults.roundTripWindowMs,
    heartbeatMs:
      options.heartbeatMs === undefined
        ? null
        : within('heartbeat', options.heartbeatMs, 1, IDLE_MS_MAX, ' ms'),
    timeoutMs: within('timeout', options.timeoutMs ?? TIMEOUT_MS_DEFAULT, 500, 60_000, ' ms'),
    proxy: options.proxy === undefined ? null : parseForwardProxy(options.proxy),
    ca: options.ca,
  };
}

/** Node.js passes over what is none without a word, and then nobody would be trusted. */
function checkCertificates(text: string): void {
  const found = text.match(/-----BEGIN (TRUSTED |X509 )?CERTIFICATE-----[^-]*-----END [^-]*-----/g) ?? [];
  if (found.some(isCertificate)) return;
  throw new BadInput('--ca holds no certificate in PEM (-----BEGIN CERTIFICATE-----) that can be read.');
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).subject !== undefined;
  } catch {
    return false;
  }
}

function within(name: string, value: number, min: number, max: number, unit = ''): number {
  if (Number.isFinite(value) && value >= min && value <= max) return value;
  throw new BadInput(`--${name} must lie between ${min} and ${max}${unit}, but it is ${value}${unit}.`);
}
