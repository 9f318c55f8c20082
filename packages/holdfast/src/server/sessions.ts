import type { Limits } from '../protocol/limits.ts';
import { ReplyBook, type Outcome } from '../session/reply-book.ts';
import type { Connection } from './connection.ts';
import { Tally } from './admission/tally.ts';
import type { Identity } from './options.ts';
import { resumableMs, type Ticket } from './resume-token.ts';
import type { Sent } from '../session/server-session.ts';
import type { SessionHandle } from './types.ts';

/**
 * A session on this node: while it is connected, and after that only as long as it has replies to keep, or must
 * know that it has none. Everything else that resumes a session travels in its token and its positions.
 */
export interface Session {
  readonly id: string;
  /** What its client had sent in a session before it (see `resume-token.ts`). */
  readonly bornAfter: Sent;
  identity: Identity;
  connection: Connection | undefined;
  /** The client's own number for it. */
  connectionNumber: number;
  /** The number under which the other nodes were told that it was resumed here; 0 when it was not. */
  takenOverAt: number;
  replies: ReplyBook | undefined;
  /** What the application knows it by. */
  handle: SessionHandle | undefined;
  /** When it was left without a connection. */
  leftAtMs: number;
}

interface Takeover {
  session: Session;
  superseded: Connection | undefined;
}

type SessionLimits = Pick<Limits, 'repliesMax' | 'replyBytesMax' | 'sessionTtlMs' | 'helloTimeoutMs'>;

export class Sessions {
  private readonly sessions = new Map<string, Session>();
  /** Those without a connection, the one first that was left first. */
  private readonly left = new Set<Session>();
  private readonly connected = new Tally();
  private readonly limits: SessionLimits;

  constructor(limits: SessionLimits) {
    this.limits = limits;
  }

  get(id: string): Session | undefined {
    return this.sessions.get(id);
  }

  /** How many sessions of an identity are connected to this node. */
  connectedOf(identity: string): number {
    return this.connected.of(identity);
  }

  values(): Iterable<Session> {
    return this.sessions.values();
  }

  /**
   * Gives a session to a connection, and returns the one that had it, which must go; or the connection itself,
   * when one that the client made later has been here before it (SPEC RES-3).
   */
  take(
    { session: id, bornAfter }: Ticket,
    identity: Identity,
    connection: Connection,
    number: number,
  ): Takeover {
    let session = this.sessions.get(id);
    if (!session) {
      session = { id, bornAfter, identity, ...nowhere };
      this.sessions.set(id, session);
    }
    const old = session.connection;
    if (old && number <= session.connectionNumber) return { session, superseded: connection };
    if (!old) this.connected.add(identity.id);
    this.left.delete(session);
    session.connection = connection;
    session.connectionNumber = number;
    session.identity = identity;
    return { session, superseded: old };
  }

  /** A connection is gone. Nothing happens when another has taken its session over. */
  leave(session: Session, connection: Connection, ended: boolean, nowMs: number): void {
    if (session.connection !== connection) return;
    session.connection = undefined;
    this.connected.remove(session.identity.id);
    session.leftAtMs = nowMs;
    if (ended) session.replies?.finish(Infinity);
    if (session.replies) this.left.add(session);
    else this.sessions.delete(session.id);
  }

  repliesOf(session: Session): ReplyBook {
    session.replies ??= new ReplyBook(this.limits);
    return session.replies;
  }

  /** Keeps an outcome, and hands it to the session's present connection, whichever that is. */
  complete(session: Session, request: number, outcome: Outcome): void {
    session.replies?.complete(request, outcome);
    session.connection?.machine.replied(request, outcome);
  }

  /**
   * Forgets sessions that nobody came back for. One whose replies were all confirmed is still kept for as long as
   * a hello may be on its way: a retry behind it, confirmed since over another connection, must not run again.
   */
  expire(nowMs: number): void {
    const { sessionTtlMs, helloTimeoutMs } = this.limits;
    for (const session of this.left) {
      const { id, replies, leftAtMs } = session;
      const keptMs = replies?.isConfirmed ? helloTimeoutMs : resumableMs(sessionTtlMs);
      if (nowMs - leftAtMs <= keptMs) continue;
      this.sessions.delete(id);
      this.left.delete(session);
    }
  }
}

const nowhere = {
  connection: undefined,
  connectionNumber: 0,
  takenOverAt: 0,
  replies: undefined,
  handle: undefined,
  leftAtMs: 0,
} satisfies Partial<Session>;
