import type { HoldfastError } from '../protocol/error-codes.ts';
import type { Position } from '../protocol/position.ts';
import type { Verdict } from './causes/verdict.ts';
import type { Disconnect } from './node.ts';
import type { Identity } from './options.ts';
import type { Level } from './resources/pressure.ts';

/** What the events of `server.on` carry. */
export interface ServerEvents {
  connect: { session: SessionHandle; resumed: boolean };
  disconnect: { session: SessionHandle } & Disconnect;
  /** Why a session lost its connection: as soon as that is certain, at the latest `sessionTtlMs` after the end. */
  explained: { session: SessionHandle; cause: Verdict };
}

export interface MethodContext {
  readonly session: SessionHandle;
}

export interface ServerStats {
  readonly node: string;
  readonly state: 'open' | 'draining' | 'closed';
  readonly connections: number;
  /** Topics that somebody on this node subscribes to. */
  readonly topics: number;
  readonly welcomed: number;
  readonly resumed: number;
  readonly published: number;
  readonly requests: number;
  readonly messagesOut: number;
  /** Connections that were refused, or told to come back later. */
  readonly refused: number;
  /** What gives way because the process runs short of something: `signals`, `publishers` or `newcomers`. */
  readonly givesWay: Level;
  /** How many connections ended for each reason: a name of the closed list, or a close code. */
  readonly closes: Readonly<Record<string, number>>;
  /** Why sessions lost their connections: how many for each verdict (SPEC CAUSE-3). */
  readonly causes: Readonly<Record<string, number>>;
}

/** A session, as the application sees it: it may be connected or away. */
export interface SessionHandle {
  readonly id: string;
  readonly identity: Identity;
  /** Appends to the session's inbox (`client.subscribe('$inbox', …)`), whether it is connected or not. */
  send(data: unknown): Promise<Position>;
  /** Ends the session for good; the client is told why, in 123 bytes at most, and does not come back by itself. */
  close(text?: string): void;
  /** Asks `authorize` again about everything the session reads; what it refuses stops within the same second. */
  reauthorize(): Promise<void>;
}

export interface TopicHandle {
  publish(data: unknown, options?: PublishOptions): Promise<Position>;
  /** Sends to whoever is live now; never stored, dropped under pressure, the latest of a turn wins. */
  signal(data: unknown): void;
  /** The newest position. */
  top(): Promise<Position>;
  /**
   * Reads what is kept: the last so many, or what follows a position. It gives 4 MiB at most: the newest, or the next,
   * so whoever reads on after the last until nothing comes has read it all.
   */
  read(options?: ReadOptions): Promise<HistoryPage>;
}

export interface DrainOptions {
  /** Whoever has not moved by then is closed with `going-away`. Default 30,000. */
  deadlineMs?: number;
  /** Gives up the port at once. Default: false. */
  stopListening?: boolean;
}

export interface PublishOptions {
  /** What makes this publish one with its repeats, such as the id of an order: 1 to 128 characters. */
  idempotencyKey?: string;
}

export interface ReadOptions {
  /** Where to begin; without it, so that `limit` messages are left. */
  after?: Position;
  /** Messages at most, 1 to 1,000. Default 100. */
  limit?: number;
}

export interface HistoryMessage {
  position: Position;
  /** undefined where `error` says why the codec could not read it. */
  data: unknown;
  /** `invalid-payload`: whoever published it used another codec. */
  error?: HoldfastError;
}

export interface HistoryPage {
  messages: HistoryMessage[];
  /** What can't be given any more, where something is missing. */
  gap: { from: Position; to: Position; reason: 'retention' | 'epoch' } | undefined;
}
