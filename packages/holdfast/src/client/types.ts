import type { Position } from '../protocol/position.ts';
import type { GapReason } from '../protocol/schema.ts';
import type { Cause } from '../session/link.ts';

/**
 * What flows between client and server, for the compiler: `connect<{ topics: { news: News }, methods:
 * { sum(numbers: number[]): number } }>(url)`. Left out, everything is `any`.
 */
export interface Contract {
  topics?: object;
  methods?: object;
}

// `any` on purpose: without a contract, the application knows better than the compiler.
// oxlint-disable-next-line typescript/no-explicit-any
type Unknown = any;
type Topics<C extends Contract> = C extends { topics: infer T extends object } ? T : Record<string, Unknown>;
type Methods<C extends Contract> = C extends { methods: infer M extends object }
  ? M
  : Record<string, Unknown>;
/** The server's own, which every contract has: what they carry is the server's to say. */
type ServerTopic = '$inbox' | '$user' | `$presence:${string}`;
type ServerMethod = '$presence';

export type TopicName<C extends Contract> = (keyof Topics<C> & string) | ServerTopic;
export type TopicData<C extends Contract, N> = N extends keyof Topics<C> ? Topics<C>[N] : Unknown;
export type MethodName<C extends Contract> = (keyof Methods<C> & string) | ServerMethod;
type Signature<C extends Contract, N> = N extends keyof Methods<C> ? Methods<C>[N] : Unknown;
export type MethodArguments<C extends Contract, N> =
  Signature<C, N> extends (data: infer A) => unknown ? A : Unknown;
export type MethodResult<C extends Contract, N> =
  Signature<C, N> extends (data: never) => infer R ? Awaited<R> : Unknown;

/** `suspect`: no answer, a second connection is being tried. `draining`: the server asked to move. */
export type Phase =
  | 'connecting'
  | 'live'
  | 'suspect'
  | 'waiting'
  | 'offline'
  | 'draining'
  | 'closed'
  | 'failed';

/** The connection's state at one moment; a new object for each change. Times are milliseconds since 1970. */
export interface Status {
  readonly phase: Phase;
  /** When the phase began. */
  readonly since: number;
  /** Attempts since the connection was last stable. */
  readonly attempt: number;
  /** When the next attempt is due; undefined when none is. */
  readonly retryAt: number | undefined;
  /** The round trip, smoothed over the last ones, in milliseconds; undefined while none was measured. */
  readonly rttMs: number | undefined;
  /** The address in use, or tried last; undefined before the first attempt. */
  readonly endpoint: string | undefined;
  /** Publishes and requests that have not been sent on this connection. */
  readonly queued: number;
  /** Those that were, and are not answered. */
  readonly unacknowledged: number;
  /** Why it is not live; while it is live, why it last was not. */
  readonly cause: Cause | undefined;
}

/** What a handler is told beside a message's data. */
export interface Message {
  readonly topic: string;
  /** Where it stands in the topic: what `from` takes, to go on after it. */
  readonly position: Position;
}

/**
 * Messages after `from`, up to and including `to`, can't be delivered. `reason` is `retention` (the topic keeps none
 * that old), `epoch` (its log was lost or rolled back), `conflated` (its policy skips for whoever is slow), or
 * `not-authorized`.
 */
export interface Gap {
  readonly from: Position;
  readonly to: Position;
  readonly reason: GapReason;
}

/** Where a subscription begins: with what comes next, all that is kept, the last few, or after a position. */
export type Start = 'now' | 'start' | { readonly last: number } | Position;

export interface SubscribeOptions {
  /** Default `now`; for `$inbox` and `$user`, `start`. A stored position goes before. */
  from?: Start;
  /**
   * Names the stored position, where one client subscribes to a topic more than once. Default: the topic. With `''`
   * none is stored: each life begins at `from`.
   */
  name?: string;
}

/** May be asynchronous: the next message waits until it is done. */
export type Handler<T> = (data: T, message: Message) => unknown;
