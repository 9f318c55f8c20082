import type { ServerStats } from '../types.ts';

/**
 * What nodes tell each other over the log's broadcast: at most once and in no order, so that each kind either may
 * get lost or is repeated. A message is a version, the length of a header, the header as JSON, and a payload that
 * nobody on the way parses. Nodes of several releases share a log while a deployment rolls: an unknown field is
 * passed over, and a message of a later version or an unknown kind is ignored whole.
 */
const VERSION = 1;
const PREFIX_BYTES = 5;

/** A log's own limit may be near: NATS carries 1 MiB. */
export const NODE_MESSAGE_BYTES_MAX = 524_288;
/** What one message may list: takeovers, requests, who is present. */
export const LIST_MAX = 512;

type Check<T> = (value: unknown) => value is T;

const isUint = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const isFlag = (value: unknown): value is boolean => typeof value === 'boolean';
const isText = (value: unknown): value is string => typeof value === 'string' && value.length <= 1_024;
/** Nodes and sessions are named by 128 random bits (`resume-token.ts`). */
export const isId = (value: unknown): value is string =>
  typeof value === 'string' && /^[\w-]{22}$/.test(value);

const oneOf =
  <const C extends string>(...of: C[]): Check<C> =>
  (value): value is C =>
    (of as unknown[]).includes(value);

const listOf =
  <T>(item: Check<T>, countMax = LIST_MAX): Check<T[]> =>
  (value): value is T[] =>
    Array.isArray(value) && value.length <= countMax && value.every(item);

const tuple =
  <T extends unknown[]>(...items: { [K in keyof T]: Check<T[K]> }): Check<T> =>
  (value): value is T =>
    Array.isArray(value) && value.length === items.length && items.every((item, at) => item(value[at]));

const orNull =
  <T>(item: Check<T>): Check<T | null> =>
  (value): value is T | null =>
    value === null || item(value);

/** A node's figures: numbers, and counts by name. Which there are, each release decides. */
const isStats = (value: unknown): value is ServerStats =>
  typeof value === 'object' &&
  value !== null &&
  isText((value as ServerStats).state) &&
  isUint((value as ServerStats).connections);

/** What became of a request, as the node says that had it first (SPEC CLUSTER-5). */
export const fates = ['done', 'failed', 'running', 'not-run', 'unknown'] as const;

const shapes = {
  /**
   * "I am here." `first` asks for the others' own beats at once. `takeovers` says how far this node has got in
   * telling of them, and `heard` how far it has heard each other node, of both. `process` names the process to those
   * on the same machine, where that can be told.
   */
  beat: {
    everyMs: isUint,
    first: isFlag,
    takeovers: isUint,
    heard: listOf(tuple(isId, isUint, isUint)),
    stats: isStats,
    process: isText,
  },
  bye: {},
  /** Sessions that were resumed on this node, each with the client's number of its connection. */
  takeovers: { after: isUint, through: isUint, top: isUint, facts: listOf(tuple(isId, isUint)) },
  /**
   * Who came to a topic on this node, with the user's name, or null for who left; through `pruned`, who left may be
   * named no more.
   */
  presence: {
    after: isUint,
    through: isUint,
    top: isUint,
    pruned: isUint,
    facts: listOf(tuple(isText, isId, orNull(isText))),
  },
  /** What became of these requests? `connection` has taken the session over, and asks for no more than `through`. */
  ask: { to: isId, session: isId, connection: isUint, through: isUint, requests: listOf(isUint) },
  /** About one request, with the reply as its payload, when it is `done`. */
  answer: {
    to: isId,
    session: isId,
    requests: listOf(isUint),
    fate: oneOf(...fates),
    code: isText,
    text: isText,
  },
  signal: { topic: isText },
  order: { id: isUint, session: isId, order: oneOf('close', 'reauthorize'), text: isText },
  obeyed: { to: isId, id: isUint },
} as const satisfies Record<string, Record<string, Check<unknown>>>;

type Kind = keyof typeof shapes;
type ValueOf<C> = C extends Check<infer T> ? T : never;

export type NodeMessage<K extends Kind = Kind> = {
  [N in K]: { kind: N; from: string } & {
    -readonly [F in keyof (typeof shapes)[N]]: ValueOf<(typeof shapes)[N][F]>;
  };
}[K];

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });
const nothing = new Uint8Array(0);

export function encodeNodeMessage(message: NodeMessage, payload: Uint8Array = nothing): Uint8Array {
  const header = encoder.encode(JSON.stringify(message));
  const bytes = new Uint8Array(PREFIX_BYTES + header.length + payload.length);
  bytes[0] = VERSION;
  new DataView(bytes.buffer).setUint32(1, header.length);
  bytes.set(header, PREFIX_BYTES);
  bytes.set(payload, PREFIX_BYTES + header.length);
  return bytes;
}

/** Total: whatever the bytes, a message that fits its shape, or undefined. */
export function decodeNodeMessage(
  bytes: Uint8Array,
): { message: NodeMessage; payload: Uint8Array } | undefined {
  if (bytes.length < PREFIX_BYTES || bytes.length > NODE_MESSAGE_BYTES_MAX || bytes[0] !== VERSION)
    return undefined;
  const end = PREFIX_BYTES + new DataView(bytes.buffer, bytes.byteOffset).getUint32(1);
  if (end > bytes.length) return undefined;
  try {
    const message: unknown = JSON.parse(decoder.decode(bytes.subarray(PREFIX_BYTES, end)));
    return isNodeMessage(message) ? { message, payload: bytes.subarray(end) } : undefined;
  } catch {
    return undefined;
  }
}

function isNodeMessage(value: unknown): value is NodeMessage {
  if (typeof value !== 'object' || value === null) return false;
  const message = value as Record<string, unknown>;
  if (typeof message.kind !== 'string' || !Object.hasOwn(shapes, message.kind) || !isId(message.from))
    return false;
  const shape: Record<string, Check<unknown>> = shapes[message.kind as Kind];
  return Object.entries(shape).every(([field, check]) => check(message[field]));
}
