/**
 * The wire, as data: every record with its number and its fields. The codec walks this table, the
 * TypeScript types come out of it, and its hash guards the version (SPEC WIRE-1 … WIRE-6).
 *
 * Text is UTF-8, a uint is a little-endian base-128 varint below 2^53, bytes carry their length.
 * A position is `{epoch, offset}`, spread over two fields.
 */

import { NAME_BYTES_MAX, TOKEN_BYTES_MAX } from './limits.ts';

interface UintField {
  kind: 'uint';
}
interface FlagField {
  kind: 'flag';
}
interface TextField {
  kind: 'text';
  bytesMax: number;
}
interface BytesField {
  kind: 'bytes';
}
interface ChoiceField<C extends string> {
  kind: 'choice';
  of: readonly C[];
}
interface EntriesField {
  kind: 'entries';
}
interface TopsField {
  kind: 'tops';
}

export type Field =
  | UintField
  | FlagField
  | TextField
  | BytesField
  | ChoiceField<string>
  | EntriesField
  | TopsField;

/** One message of a run: `offset` rises strictly, and its `previous` is the entry before it. */
export interface Entry {
  offset: number;
  payload: Uint8Array;
}

/** The newest offset of a topic that a connection follows live, by its alias. */
export interface Top {
  alias: number;
  offset: number;
}

const uint: UintField = { kind: 'uint' };
const flag: FlagField = { kind: 'flag' };
const bytes: BytesField = { kind: 'bytes' };
const entries: EntriesField = { kind: 'entries' };
const tops: TopsField = { kind: 'tops' };
const text = (bytesMax: number): TextField => ({ kind: 'text', bytesMax });
const choice = <C extends string>(of: readonly C[]): ChoiceField<C> => ({ kind: 'choice', of });

const name = text(NAME_BYTES_MAX);
const token = text(TOKEN_BYTES_MAX);
const explanation = text(1_024);

/** How a subscriber wants to begin; `last` puts its count into `offset`. */
export const startChoices = ['now', 'start', 'last', 'position'] as const;

/** Why positions can't be delivered. */
export const gapReasons = ['retention', 'epoch', 'conflated', 'not-authorized'] as const;
export type GapReason = (typeof gapReasons)[number];

/** What a client asks for that is answered. */
export const operations = ['publish', 'request', 'subscribe'] as const;
export type Operation = (typeof operations)[number];

/**
 * Who ended a connection, as its client saw it: the other side or the network (`peer`), the client because nothing
 * came (`timeout`), the client because it moved to another connection (`move`), or an error of the client's own.
 */
export const endings = ['peer', 'timeout', 'move', 'error'] as const;
export type Ending = (typeof endings)[number];

/** What a client can notice of its surroundings. In `flight` the n-th of them is bit n of `hints`. */
export const hintNames = [
  'offline',
  'online',
  'hidden',
  'frozen',
  'restored',
  'network-changed',
  'slept',
] as const;
export type HintName = (typeof hintNames)[number];

export const schema = {
  // From the client.
  hello: [
    1,
    {
      /** Counts this session's connections: a hello that was overtaken on its way must not take the session back. */
      connection: uint,
      /** Empty for a new session. */
      resumeToken: token,
      /** The application's credential for `authenticate`; empty when it has none. */
      token,
      /** The node that the retried requests below were sent to. */
      node: name,
      /** Publishes up to this sequence may have reached an earlier connection. */
      sequenceSent: uint,
      /** Likewise requests. */
      requestSent: uint,
    },
  ],
  token: [2, { token }],
  subscribe: [3, { subscription: uint, topic: name, from: choice(startChoices), epoch: uint, offset: uint }],
  unsubscribe: [4, { subscription: uint }],
  publish: [5, { sequence: uint, topic: name, payload: bytes }],
  /** `finished`: the client has the replies of all requests below this id. */
  request: [6, { request: uint, finished: uint, method: name, payload: bytes }],
  signal: [7, { topic: name, payload: bytes }],
  /** How this session's last connection ended (SPEC CAUSE-1). Times are as of that end, but for `agoMs`. */
  flight: [
    10,
    {
      /** Its number, as in its hello. */
      connection: uint,
      openMs: uint,
      silentInMs: uint,
      silentOutMs: uint,
      endedBy: choice(endings),
      /** The WebSocket close code; 0 when it was given up without one. */
      code: uint,
      /** What was noticed in its last silence: a bit for each of `hintNames`. */
      hints: uint,
      /** How far the client's clock jumped, when it slept. */
      sleptMs: uint,
      /** Attempts since then that came to nothing. */
      attempts: uint,
      /** From its end to this record. */
      agoMs: uint,
    },
  ],
  /** The client's path wants the server to show itself this often from now on (SPEC LIVE-7). */
  heartbeat: [11, { intervalMs: uint }],

  // Either way.
  ping: [8, { id: uint, tops }],
  /** `finished` as in `request`; 0 from a server. */
  pong: [9, { id: uint, finished: uint }],

  // From the server.
  welcome: [
    16,
    {
      session: name,
      resumeToken: token,
      resumed: flag,
      node: name,
      heartbeatMs: uint,
      graceMs: uint,
      messageBytesMax: uint,
      window: uint,
      /** After a drop, clients spread their return over this long. */
      returnWindowMs: uint,
      /** This client's own place in it, in parts of `RETURN_PLACES`. */
      returnPlace: uint,
    },
  ],
  'resume-token': [17, { resumeToken: token }],
  subscribed: [18, { subscription: uint, alias: uint, epoch: uint, offset: uint }],
  /** A run on one topic. `previous` is the offset before the first entry (SPEC SUB-2). */
  messages: [19, { alias: uint, epoch: uint, previous: uint, entries }],
  gap: [
    20,
    {
      subscription: uint,
      fromEpoch: uint,
      fromOffset: uint,
      toEpoch: uint,
      toOffset: uint,
      reason: choice(gapReasons),
    },
  ],
  published: [21, { sequence: uint, epoch: uint, offset: uint }],
  reply: [22, { request: uint, payload: bytes }],
  /** An operation's end: `id` is its sequence, request or subscription. */
  failed: [23, { operation: choice(operations), id: uint, code: name, text: explanation }],
  signaled: [24, { alias: uint, payload: bytes }],
  'token-wanted': [25, { withinMs: uint }],
  /** To a client in good standing: move then. Instead of a welcome: come back then, nothing was taken in. */
  'go-away': [26, { reconnectInMs: uint, reason: explanation }],
  /** Why the connection of the `flight` ended: `confidence` in percent, `text` the evidence (SPEC CAUSE-2). */
  cause: [27, { id: name, confidence: uint, text: explanation, fix: explanation }],
  /** The welcome's window, as the server's load has it by now. */
  'return-window': [28, { returnWindowMs: uint }],
} as const satisfies Record<string, readonly [number, Record<string, Field>]>;

type ValueOf<F> = F extends UintField
  ? number
  : F extends FlagField
    ? boolean
    : F extends TextField
      ? string
      : F extends BytesField
        ? Uint8Array
        : F extends ChoiceField<infer C>
          ? C
          : F extends EntriesField
            ? readonly Entry[]
            : readonly Top[];

export type RecordType = keyof typeof schema;

/** A record as an object: `{ type, …fields }`. */
export type WireRecord<T extends RecordType = RecordType> = {
  [K in T]: { type: K } & { -readonly [F in keyof (typeof schema)[K][1]]: ValueOf<(typeof schema)[K][1][F]> };
}[T];
