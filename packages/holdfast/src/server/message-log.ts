import type { Position } from '../protocol/position.ts';
import type { Entry } from '../protocol/schema.ts';

/**
 * The port behind which topics live. `testing/contracts/log-contract.ts` is the suite that each log passes.
 * Offsets rise strictly within an epoch and need not be contiguous: `previous` links each message to the one
 * before it. A log copies the payloads that it is given.
 */
export interface MessageLog {
  /** Called once, before anything else. */
  open(config: LogConfig): Promise<void>;

  /**
   * Appends durably; those of one session, or of none on one topic, in the order of the calls. With a session, a
   * sequence that this session has appended before is a `duplicate`: nothing is added and the first position is
   * returned; dedup is written in the same atomic step as the append. `stale` says that a later sequence of the
   * session was applied and this one never was. Rejects with `too-big` what it takes never, with `log-full` what it
   * had no room for and has not kept, and with anything else when it can't tell whether the message was kept.
   */
  append(
    topic: string,
    session: string | undefined,
    sequence: number,
    payload: Uint8Array,
  ): Promise<Appended>;

  /** What follows `after`, up to the limits, but one message at least when there is one. */
  read(topic: string, after: Position, limit: ReadLimit): Promise<Page>;

  /** The position of the newest message; offset 0 in a topic that never had one. */
  top(topic: string): Promise<Position>;

  /** The position before the newest `count` retained messages; `Infinity` gives the start of what is retained. */
  before(topic: string, count: number): Promise<Position>;

  /**
   * Calls the listener with the messages appended from now on, by any node, in order. One may be missing now
   * and then: `previous` shows it at the next, and `top` when there is none. Payloads may be the appender's own
   * bytes, which are copied by who wants them beyond the turn.
   */
  follow(topic: string, listener: (message: FollowedMessage) => void): Promise<() => void>;

  /**
   * Tells every other node on this log, at most once and in no order, for what is worth nothing later: a takeover,
   * a signal, who is present. They hear it through `LogConfig.heard`. A log that only one node uses does nothing.
   * What was said directly before `close` goes out: it is the node's goodbye.
   */
  broadcast(message: Uint8Array): void;

  /** Drops what the retention no longer covers, by age above all. Called from time to time. */
  trim(): Promise<void>;

  /** The secret that signs resume tokens. It lives as long as the log's memory does (SPEC RES-2). */
  key(): Promise<Uint8Array>;

  /** Why the log can't be used at this moment, in a sentence; undefined when it can, or can't but work. */
  health?(): string | undefined;

  close(): Promise<void>;
}

export interface LogConfig {
  retentionOf(topic: string): Retention;
  /** The time of day, by which messages age. */
  nowMs(): number;
  random(): number;
  /** How long the dedup memory of a session that publishes no more is kept, at least. */
  dedupTtlMs: number;
  /** How many sequences of a session may be in question at once, at most. */
  dedupWindow: number;
  /** Another node's `broadcast`; never this node's own. */
  heard(message: Uint8Array): void;
}

/** How much of a topic is kept: whichever bound is met first. */
export interface Retention {
  /** Messages. */
  countMax: number;
  /** Bytes of their payloads. */
  bytesMax: number;
  /** Milliseconds since they were published. */
  ageMaxMs: number;
  /**
   * Nobody comes back to the topic after `dedupTtlMs`, as to the inbox of a session that is over. So a log need not
   * remember where it stood, once it has been empty for as long.
   */
  isTransient?: boolean;
}

export type Appended =
  | { status: 'appended' | 'duplicate'; position: Position; previous: number }
  | { status: 'stale' };

export interface ReadLimit {
  messagesMax: number;
  bytesMax: number;
}

export interface Page {
  /** What was asked for and is gone: everything after `after`, up to and including `to`. */
  gap?: { to: Position; reason: 'retention' | 'epoch' };
  epoch: number;
  /** The offset before the first entry: `after`'s own, or the gap's end. */
  previous: number;
  entries: readonly Entry[];
}

export interface FollowedMessage {
  epoch: number;
  offset: number;
  previous: number;
  payload: Uint8Array;
}
