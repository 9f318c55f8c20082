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
  /** No client may ask for heartbeats more often (SPEC LIVE-7): below it, they would cost more than reconnects. */
  heartbeatMinMs: 5_000,
  /** Nor for rarer ones: so long a dead connection may stand. */
  heartbeatMaxMs: 240_000,
  /** How long a session outlives its connection. */
  sessionTtlMs: 600_000,
  /** Replies kept for one session until the client has them (SPEC REQ-3). */
  repliesMax: 256,
  /** Their payloads together; older ones make way, and a retry of theirs is told `outcome-unknown`. */
  replyBytesMax: 1_048_576,
  /** Ended connections of which a node keeps a record for their clients' return; older ones are explained without it. */
  flightsMax: 10_000,
  /** Connections of one node: idle ones fill 0.7 GiB by then. Which limit binds first, `listen` says (SPEC ADM-6). */
  connectionsMax: 100_000,
  /** Of one client address (in IPv6: one /64). A whole office or carrier may share one; ten of them can't fill a node. */
  connectionsPerAddressMax: 5_000,
  /** Connected sessions of one identity. People have a few; a fleet of services under one name has hundreds. */
  connectionsPerIdentityMax: 1_000,
  /** Connections that are being told when to come back (SPEC ADM-3); each takes a socket for one round trip. */
  turnedAwayMax: 1_000,
  /** Records of one client in a second (SPEC FLOW-8): a core takes some 100,000, and one client is not all of them. */
  recordsPerSecond: 20_000,
  /** Bytes of one client in a second: a fast uplink; a backup that floods the log is slowed down. */
  bytesPerSecond: 16_777_216,
  /** How often a node tells the others on its log that it is there (SPEC CLUSTER-1). */
  nodeBeatMs: 5_000,
  /** A node that missed this many of its beats is dead to the others. */
  nodeBeatsMissedMax: 3,
  /** Nodes on one log that a node knows of: what it keeps for each is bounded, so their number is, too. */
  nodesMax: 64,
  /** How long a node's log may be out of reach before it sends its clients to others; a failover takes some 10 s. */
  logPatienceMs: 15_000,
  /** How long a node waits for another to say what became of a request, before it is `outcome-unknown`. */
  askTimeoutMs: 3_000,
  /** Sessions that a topic's presence names; beyond it they are only counted (SPEC CLUSTER-10). */
  presentMax: 1_000,
} as const;

/** The window of a client that has not been told one: what it may send along with its first hello. */
export const FIRST_WINDOW = 16;

/** A return window has so many places. */
export const RETURN_PLACES = 65_536;

/** A topic's or method's name, in UTF-8 bytes: names are no place for data. */
export const NAME_BYTES_MAX = 256;
/** Credentials and resume tokens, in UTF-8. */
export const TOKEN_BYTES_MAX = 16_384;

/** Room in a WebSocket message beside one payload: its record's other fields. */
export const RECORD_OVERHEAD_BYTES = 600;

/** Records in one message: an object holds many times its bytes, so tiny ones would cost far more than their size. */
export const RECORDS_MAX = 8_192;

export type Limits = { -readonly [K in keyof typeof defaultLimits]: number };
