import type { Ending } from './probe/connection.ts';
import type { Opened, Refusal } from './probe/handshake.ts';
import type { TlsFacts } from './probe/line.ts';
import type { LadderResult } from './idle/ladder.ts';

/**
 * Everything that a run saw, as plain data: the verdict is a pure function of it, and `--json` prints it.
 * Times are milliseconds. A part that is absent was not tested.
 */
export interface Measurements {
  readonly public: WayMeasurements;
  /** The bare way to the server, when one was given. */
  readonly direct: WayMeasurements | null;
  readonly asked: Asked;
}

/** What the user asked for, as far as a verdict depends on it. */
export interface Asked {
  readonly subprotocols: readonly string[];
  readonly expect: string | null;
  readonly heartbeatMs: number | null;
}

/** One way, filled step by step. */
export interface WayMeasurements {
  readonly url: string;
  readonly secure: boolean;
  forwardProxy?: ForwardProxyMeasured;
  names?: NamesMeasured;
  tcp?: TcpMeasured;
  tls?: TlsMeasured;
  answerer?: AnswererMeasured;
  upgrade?: UpgradeMeasured;
  subprotocol?: { readonly requested: readonly string[]; readonly selected: string | null };
  origin?: { readonly foreignOrigin: 'accepted' | 'refused' | 'unknown' };
  http2?: Http2Measured;
  compression?: CompressionMeasured;
  ping?: PingMeasured;
  echo?: EchoMeasured;
  roundTrips?: RoundTripsMeasured;
  sizes?: SizesMeasured;
  connections?: ConnectionsMeasured;
  idle?: IdleMeasured;
  /** Handshakes that failed after one had already worked. */
  readonly refusals: LaterRefusal[];
}

interface ForwardProxyMeasured {
  readonly address: string;
  readonly outcome: 'tunnel' | 'refused' | 'unreachable';
  /** Its answer to CONNECT; null when none came. */
  readonly status: number | null;
  /** The system's code when it could not be reached. */
  readonly code: string | null;
  readonly ms: number;
}

interface NamesMeasured {
  readonly addresses: readonly { readonly address: string; readonly family: 4 | 6 }[];
  /** The resolver's code when the name was not found. */
  readonly error: string | null;
  readonly ms: number;
}

export type TcpOutcome = 'connected' | 'refused' | 'timed-out' | 'unreachable';

interface TcpMeasured {
  readonly attempts: readonly {
    readonly address: string;
    readonly outcome: TcpOutcome;
    readonly ms: number;
  }[];
}

export type TlsMeasured =
  | ({ readonly kind: 'handshake'; readonly ms: number } & TlsFacts)
  | { readonly kind: 'failed'; readonly code: string; readonly message: string };

interface AnswererMeasured {
  /** Ids of the facts, strongest sign first. */
  readonly products: readonly { readonly id: string; readonly strength: 'strong' | 'weak' }[];
  /** A bare Node server answered by itself, so nothing that reads HTTP stands before it. */
  readonly bareNode: boolean;
  /** The status of each malformed request; null when nothing came. */
  readonly statuses: readonly (number | null)[];
}

export interface UpgradeAttempt {
  readonly origin: string | null;
  readonly outcome: Opened | Refusal;
  readonly ms: number;
}

export interface UpgradeMeasured {
  /** First as a browser does it, then without Origin when that was refused. */
  readonly attempts: readonly UpgradeAttempt[];
  /** Ids of products whose own error page came back. */
  readonly ownPageOf: readonly string[];
  /** The status of a plain GET of the same address, asked when the upgrade was refused. */
  readonly plainStatus: number | null;
}

interface Http2Measured {
  readonly negotiated: boolean;
  /** SETTINGS_ENABLE_CONNECT_PROTOCOL (RFC 8441, section 3). */
  readonly offersWebSocket: boolean;
  /** The status of the extended CONNECT; null when it was not tried or nothing came. */
  readonly status: number | null;
}

interface CompressionMeasured {
  readonly negotiated: boolean;
  readonly extensions: string | null;
  readonly pongMs: number | null;
  readonly ending: Ending | null;
}

interface PingMeasured {
  readonly pongMs: number | null;
  /** It was still open after the pause before the ping. */
  readonly pinged: boolean;
  readonly ending: Ending | null;
  readonly endedAfterMs: number | null;
  /** The server showed another sign of life, so only its pong is missing. */
  readonly alive: boolean;
}

interface EchoMeasured {
  readonly answered: boolean;
  /** The very text came back, so longer texts can be sent. */
  readonly echoes: boolean;
  readonly matchesExpected: boolean | null;
  readonly ending: Ending | null;
  /** From the message to the end. */
  readonly endedAfterMs: number | null;
  readonly ms: number | null;
}

interface RoundTripsMeasured {
  readonly windowMs: number;
  readonly sent: number;
  readonly answered: number;
  readonly medianMs: number;
  readonly p95Ms: number;
  readonly maxMs: number;
  readonly jitterMs: number;
  /** Answers that came more than `stallMs` later than the fastest tenth. */
  readonly stalls: number;
  readonly stallMs: number;
  /** Answers that were left out because this process was busy itself. */
  readonly discarded: number;
  readonly ending: Ending | null;
}

export interface SizesMeasured {
  readonly limitBytes: number;
  readonly largestBytes: number;
  readonly failed: {
    readonly bytes: number;
    readonly ending: Ending | null;
    readonly truncated: boolean;
  } | null;
}

interface LaterRefusal {
  readonly step: string;
  readonly outcome: Refusal;
  /** Connections that this run held open at that moment. */
  readonly held: number;
  /** A second try after a pause, with as many held. */
  readonly retry: 'opened' | 'refused' | 'not-tried';
}

export interface ConnectionsMeasured {
  readonly wanted: number;
  readonly opened: number;
  readonly refusal: Refusal | null;
  /** With the same number held, a slower pace got in: the rate is bounded, not the number. */
  readonly openedSlowly: boolean | null;
  /** After all were closed, tries one after another: which were let in. Empty when nothing was refused. */
  readonly openedAlone: readonly boolean[];
  readonly endedWhileHeld: number;
}

export interface Trial {
  readonly gapMs: number;
  readonly outcome: 'lived' | 'died' | 'cancelled' | 'not-opened';
  readonly openedAtMs: number;
  readonly endedAtMs: number;
  /** How long nothing had gone either way when it ended or was probed. */
  readonly silentMs: number;
  /** `probe`: it looked open until something was sent. */
  readonly noticed: 'during' | 'probe' | null;
  /** Null with `probe` means that the probe stayed unanswered. */
  readonly ending: Ending | null;
}

export type ActivityKind = 'silent' | 'ping' | 'pong' | 'data' | 'tcp-keepalive';

export interface Activity {
  readonly kind: ActivityKind;
  readonly intervalMs: number;
  readonly wantedMs: number;
  readonly livedMs: number;
  readonly outcome: 'lived' | 'died' | 'not-opened';
  readonly ending: Ending | null;
}

export interface IdleMeasured {
  readonly idleMaxMs: number;
  readonly result: LadderResult;
  readonly trials: readonly Trial[];
  /** A connection that was busy all the time. */
  readonly busy: {
    readonly intervalMs: number;
    readonly openedAtMs: number;
    readonly endedAtMs: number | null;
    readonly ending: Ending | null;
  } | null;
  readonly activities: readonly Activity[];
  /** The shortest pause between frames that the server sent by itself on a silent connection. */
  readonly serverSpeaksEveryMs: number | null;
}
