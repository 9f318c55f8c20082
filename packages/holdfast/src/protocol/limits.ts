/**
 * Every maximum of the protocol and of both sessions, with its unit and why it has its value.
 * A server may change its own with `createServer({ limits })`; it tells clients those that concern them
 * in `welcome`.
 */
export const defaultLimits = {
  /** One WebSocket message, either way. Holds a page of history, or a batch of publishes. */
  messageBytesMax: 1_048_576,
  /** Publishes, and separately requests, that may be unanswered on one connection (SPEC FLOW-4). */
  windowMax: 256,
  /** Subscriptions of one connection. */
  subscriptionsMax: 1_000,
  /** What may wait in a socket before its cursors fall behind and read from the log later (SPEC FLOW-1). */
  socketHighWaterBytes: 262_144,
  /** One page of history: large enough to fill a round trip, small enough to interleave with acknowledgements. */
  pageBytesMax: 65_536,
  /** Messages in one page, so that many tiny ones do not hold the event loop. */
  pageMessagesMax: 512,
  /** Pages of one connection that may be read from the log at a time. */
  readsMax: 4,
  /** From the upgrade to the first complete hello. */
  helloTimeoutMs: 10_000,
  /** How long a session outlives its connection. */
  sessionTtlMs: 600_000,
  /** Replies kept for one session until the client has them (SPEC REQ-3). */
  repliesMax: 256,
  /** Their payloads together; older ones make way, and a retry of theirs is told `outcome-unknown`. */
  replyBytesMax: 1_048_576,
} as const;

/** The window of a client that has not been told one: what it may send along with its first hello. */
export const FIRST_WINDOW = 16;

/** A topic's or method's name, in UTF-8 bytes: names are no place for data. */
export const NAME_BYTES_MAX = 256;

/** Records in one message: an object holds many times its bytes, so tiny ones would cost far more than their size. */
export const RECORDS_MAX = 8_192;

export type Limits = { -readonly [K in keyof typeof defaultLimits]: number };
