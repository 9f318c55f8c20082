/**
 * Every setting of the standalone server, as data: the file, the environment, the flags, the help and the checks
 * are all made of this table, so they can't disagree.
 */
export interface Setting {
  /** Its place in the file, dots between. The flag is `--` and the same with dashes; the variable `HOLDFAST_…`. */
  readonly path: string;
  readonly kind: 'text' | 'port' | 'count' | 'texts' | 'table';
  readonly help: string;
  /** Never shown, not even where it is wrong. */
  readonly isSecret?: boolean;
  /** A table is only written in the file. */
  readonly fileOnly?: boolean;
}

const setting = (
  path: string,
  kind: Setting['kind'],
  help: string,
  more: Partial<Setting> = {},
): Setting => ({
  path,
  kind,
  help,
  ...more,
});

export const settings: readonly Setting[] = [
  setting('port', 'port', 'the port for WebSocket clients, /healthz and /readyz; default 8080'),
  setting('host', 'text', 'the address to listen on; default all'),
  setting('path', 'text', 'the path of WebSocket upgrades; default any'),
  setting(
    'log',
    'text',
    'where topics live: memory, lmdb:FOLDER, redis://…, nats://…, or with TLS rediss://… or tls://…; default memory',
  ),
  setting(
    'workers',
    'count',
    'processes that share the port; more than 1 want a log other than memory; default 1',
  ),
  setting('origins', 'texts', 'exact origins of pages that may connect; default all'),
  setting('trustedProxies', 'texts', 'networks whose X-Forwarded-For is believed, such as 10.0.0.0/8'),
  setting('handshakesPerSecond', 'count', 'connections to welcome in a second; default 1,250'),
  setting('heartbeat.intervalMs', 'count', 'how often the server shows itself; default 25,000'),
  setting('heartbeat.graceMs', 'count', 'how long a peer may be silent beyond that; default 20,000'),
  setting(
    'drain.deadlineMs',
    'count',
    'how long clients may take to move when a worker ends; default 25,000',
  ),
  setting('jwt.secret', 'text', 'a shared secret (HS256)', { isSecret: true }),
  setting('jwt.secretFile', 'text', 'a file that holds it'),
  setting('jwt.publicKeyFile', 'text', 'a public key in PEM (RS256, ES256)'),
  setting('jwt.jwksFile', 'text', 'a key set in a file (RFC 7517), read again when it has changed'),
  setting('jwt.jwksUrl', 'text', 'the address of a key set; keys may rotate'),
  setting('jwt.issuer', 'text', 'the issuer that tokens must name'),
  setting('jwt.audience', 'text', 'the audience that tokens must name'),
  setting(
    'jwt.algorithms',
    'texts',
    'accepted algorithms; default HS256 for a secret, RS256 and ES256 for keys',
  ),
  setting('jwt.idClaim', 'text', 'the claim that names the user; default sub'),
  setting('jwt.rightsClaim', 'text', 'the claim that holds topic rights; default holdfast'),
  setting(
    'rights.subscribe',
    'texts',
    'topics that everybody may read; a * at the end covers all that begin so',
  ),
  setting('rights.publish', 'texts', 'topics that everybody may publish to'),
  setting('rights.signal', 'texts', 'topics on which everybody may signal'),
  setting('api.port', 'port', 'the port of the HTTP API for backends; none without it'),
  setting('api.host', 'text', 'its address; default 127.0.0.1'),
  setting('api.key', 'text', 'the key that callers give as a bearer token', { isSecret: true }),
  setting('api.keyFile', 'text', 'a file that holds it'),
  setting('webhooks.authorize', 'text', 'an address that is asked what the claims do not allow'),
  setting('webhooks.events', 'text', 'an address that is told of connects and disconnects'),
  setting('webhooks.secret', 'text', 'signs the bodies (HMAC-SHA256, header holdfast-signature)', {
    isSecret: true,
  }),
  setting('webhooks.secretFile', 'text', 'a file that holds it'),
  setting('webhooks.timeoutMs', 'count', 'how long an answer may take; default 5,000'),
  setting('topics', 'table', 'policies by topic, as createServer takes them', { fileOnly: true }),
  setting('limits', 'table', 'limits by name, as createServer takes them', { fileOnly: true }),
];

export const settingOf = new Map(settings.map((each) => [each.path, each]));

/** `heartbeat.intervalMs` is `--heartbeat-interval-ms` as a flag. */
export function flagOf(path: string): string {
  return `--${dashed(path)}`;
}

/** … and `HOLDFAST_HEARTBEAT_INTERVAL_MS` in the environment. */
export function variableOf(path: string): string {
  return `HOLDFAST_${dashed(path).replaceAll('-', '_').toUpperCase()}`;
}

function dashed(path: string): string {
  return path.replaceAll('.', '-').replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
