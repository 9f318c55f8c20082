/** The connection's state at one moment, as `holdfast/client` has it; times are milliseconds since 1970. */
export interface SocketStatus {
  readonly phase: 'connecting' | 'live' | 'waiting' | 'offline' | 'closed' | 'failed';
  readonly since: number;
  /** Losses since the connection was last stable. */
  readonly attempt: number;
  readonly retryAt: number | undefined;
  readonly rttMs: number | undefined;
  readonly endpoint: string | undefined;
  /** Messages that wait for a connection. */
  readonly queued: number;
  readonly unacknowledged: 0;
  readonly cause: { readonly code: string; readonly text: string } | undefined;
}

/** Why a connection was lost: RFC 6455 §7.4.1 and the IANA registry of close codes. */
export const causes: Record<number, string> = {
  1001: 'gone',
  1008: 'policy-violation',
  1009: 'too-big',
  1011: 'internal-error',
  1012: 'going-away',
  1013: 'overloaded',
};
