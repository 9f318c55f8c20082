/**
 * The closed list of reasons for which a connection ends (RFC 6455 §7.4; ours are in the private range).
 * `retry` tells a client what to do: come back after `backoff`, come back with a new `token`, or `never`.
 * SPEC CLOSE-2 holds the same table with what a user can do, and a test compares them.
 */
export const closeCodes = {
  /** Both sides are done; the session ends. */
  closed: { code: 1000, retry: 'never' },
  /** A page or process goes away without ending its session. */
  gone: { code: 1001, retry: 'backoff' },
  /** What `ws` says of a message in thousands of tiny fragments. */
  'policy-violation': { code: 1008, retry: 'backoff' },
  /** A WebSocket message over `messageBytesMax`. */
  'too-big': { code: 1009, retry: 'backoff' },
  'internal-error': { code: 1011, retry: 'backoff' },
  'protocol-error': { code: 4000, retry: 'backoff' },
  'unsupported-version': { code: 4001, retry: 'never' },
  unauthorized: { code: 4002, retry: 'token' },
  'token-expired': { code: 4003, retry: 'token' },
  /** Another connection took the session over. */
  superseded: { code: 4004, retry: 'never' },
  'ended-by-server': { code: 4005, retry: 'never' },
  overloaded: { code: 4006, retry: 'backoff' },
  'heartbeat-timeout': { code: 4007, retry: 'backoff' },
  'hello-timeout': { code: 4008, retry: 'backoff' },
  'log-unavailable': { code: 4009, retry: 'backoff' },
  /** The server drains: its `go-away` said when to come back. */
  'going-away': { code: 4010, retry: 'backoff' },
  /** Nobody could say whose connection it is, which refuses nobody. */
  'auth-unavailable': { code: 4011, retry: 'backoff' },
} as const satisfies Record<string, { code: number; retry: 'backoff' | 'token' | 'never' }>;

export type CloseName = keyof typeof closeCodes;

const closeNames = Object.keys(closeCodes) as CloseName[];

/** The name of a close code, or undefined for one that is not ours (1006 and what proxies send). */
export function closeNameOf(code: number): CloseName | undefined {
  return closeNames.find((name) => closeCodes[name].code === code);
}
