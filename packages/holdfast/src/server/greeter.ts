import { HoldfastError } from '../protocol/error-codes.ts';
import type { WireRecord } from '../protocol/schema.ts';
import { FULL_RETRY_MS, refusalText } from './admission/turned-away.ts';
import type { Connection } from './connection.ts';
import type { MessageLog } from './message-log.ts';
import type { Node } from './node.ts';
import type { Identity } from './options.ts';
import { newSessionId, ResumeTokens, type Ticket } from './resume-token.ts';

/** A client is asked for a new credential this long before the old one expires, and is closed this long after. */
const TOKEN_GRACE_MS = 30_000;
const anonymous: Identity = { id: 'anonymous' };

/** What `authenticate` made of a token; it may not have been able to look. */
type Judgement = Identity | 'refused' | 'unknown';

/** Says who a connection is: authenticates it, gives it its session back, and keeps its tokens fresh. */
export class Greeter {
  private tokens!: ResumeTokens;
  private readonly node: Node;

  constructor(node: Node) {
    this.node = node;
  }

  async open(log: MessageLog): Promise<void> {
    this.tokens = new ResumeTokens(await log.key(), this.node.limits.sessionTtlMs);
  }

  /** Answers a hello. A resume is authenticated like everybody else (SPEC AUTH-1). */
  async greet(connection: Connection, hello: WireRecord<'hello'>): Promise<void> {
    const { node } = this;
    const { authenticate } = node.options;
    const identity = authenticate ? await this.authenticate(connection, hello.token) : anonymous;
    if (connection.isClosed) return;
    connection.handshake = undefined;
    if (identity === 'unknown') {
      const text = 'The server could not check the token; its log says why.';
      return connection.close('auth-unavailable', text);
    }
    if (identity === 'refused') {
      const text = hello.token ? 'The token was not accepted.' : 'A token is required.';
      return connection.close('unauthorized', text);
    }
    const nowMs = node.clock.wallMs();
    const known = hello.resumeToken && this.tokens.verify(hello.resumeToken, identity.id, nowMs);
    const ticket = known || newTicket(hello);
    if (authenticate && this.isCrowded(connection, ticket.session, identity)) return;
    const { session, superseded } = node.sessions.take(ticket, identity, connection, hello.connection);
    connection.number = hello.connection;
    if (superseded && superseded !== connection) {
      superseded.isNoted = true;
      node.causes.handleEnd(session, superseded.flight(undefined));
    }
    // Fenced before anything of the new connection is looked at.
    superseded?.close('superseded', 'Another connection took this session over.');
    if (superseded === connection) return;
    connection.session = session;
    node.counters.welcomed++;
    if (known) node.counters.resumed++;
    const { returnWindowMs } = node;
    connection.returnWindowMs = returnWindowMs;
    // Before anything that its client sent is carried out: a method may need what the application does here.
    node.listener.connected(session, Boolean(known));
    connection.greeted({
      session: session.id,
      resumeToken: this.issue(connection, nowMs),
      resumed: Boolean(known),
      unknownThrough: known ? node.cluster.resumed(session, hello) : session.bornAfter,
      returnWindowMs,
      returnPlace: node.nextReturnPlace(),
    });
    this.watchExpiry(connection, identity);
    // A heartbeat may be due long before the hello was.
    node.wheel.schedule(connection);
  }

  /** Turns away who has as many sessions connected as it may; a session that only moves is not one more. */
  private isCrowded(connection: Connection, id: string, identity: Identity): boolean {
    const { sessions, limits, pacer } = this.node;
    if (sessions.get(id)?.connection) return false;
    if (sessions.connectedOf(identity.id) < limits.connectionsPerIdentityMax) return false;
    const reason = `${limits.connectionsPerIdentityMax} sessions of your user are connected, the limit.`;
    const reconnectInMs = pacer.unbooked(FULL_RETRY_MS);
    const text = refusalText({ text: reason, delayMs: reconnectInMs });
    connection.machine.turnAway(reconnectInMs, reason, text);
    return true;
  }

  /** Takes a refreshed credential; it must be the same identity's. */
  async renew(connection: Connection, token: string): Promise<void> {
    const { session } = connection;
    if (!session || !this.node.options.authenticate) return;
    const identity = await this.authenticate(connection, token);
    // Where it could not be checked, the old one holds for as long as it does (SPEC AUTH-7).
    if (connection.isClosed || identity === 'unknown') return;
    if (identity === 'refused' || identity.id !== session.identity.id) {
      const text = 'The refreshed token was not accepted.';
      return connection.close('unauthorized', text);
    }
    session.identity = identity;
    this.watchExpiry(connection, identity);
    await this.node.operations.reauthorize(connection);
  }

  /** A connection's resume token is renewed with its heartbeats, so it outlives the connection by its whole time. */
  refreshResumeToken(connection: Connection): void {
    const nowMs = this.node.clock.wallMs();
    if (nowMs < connection.resumeTokenAtMs + this.tokens.renewalMs) return;
    connection.machine.send({ type: 'resume-token', resumeToken: this.issue(connection, nowMs) });
  }

  /** The credential is about to expire, or has (SPEC AUTH-3). */
  credentialDue(connection: Connection, nowMs: number): void {
    const { credential } = connection;
    if (!credential) return;
    if (credential.asked) {
      const text = 'The token has expired, and no new one came.';
      return connection.close('token-expired', text);
    }
    const { expiresAtMs } = credential;
    const withinMs = Math.max(0, expiresAtMs - nowMs);
    connection.credential = { asked: true, expiresAtMs, dueAtMs: expiresAtMs + TOKEN_GRACE_MS };
    connection.machine.send({ type: 'token-wanted', withinMs });
  }

  private watchExpiry(connection: Connection, identity: Identity): void {
    if (identity.expiresAtMs === undefined) {
      connection.credential = undefined;
      return;
    }
    const leftMs = identity.expiresAtMs - this.node.clock.wallMs();
    const expiresAtMs = this.node.nowMs() + leftMs;
    // One that lives no longer than the time to ask would be asked for again as soon as it has come.
    const dueAtMs = expiresAtMs - Math.min(TOKEN_GRACE_MS, leftMs / 2);
    connection.credential = { asked: false, expiresAtMs, dueAtMs };
    this.node.wheel.schedule(connection);
  }

  private issue(connection: Connection, nowMs: number): string {
    const { session } = connection;
    connection.resumeTokenAtMs = nowMs;
    const { id, bornAfter, identity } = session!;
    return this.tokens.issue({ session: id, bornAfter }, identity.id, nowMs);
  }

  private async authenticate(connection: Connection, token: string): Promise<Judgement> {
    const handshake = connection.handshake ?? { url: '', headers: {}, address: '' };
    const { authenticate, logger } = this.node.options;
    try {
      const identity = await authenticate!({ ...handshake, token });
      if (!identity) return 'refused';
      const wrong = wrongWith(identity);
      if (!wrong) return identity;
      logger.warn(`Holdfast: authenticate must return ${wrong}; a connection was refused.`);
    } catch (error) {
      // The reason is for the operator; tokens are never logged (SPEC AUTH-6).
      const text = withoutSecret(errorText(error), token);
      if (!(error instanceof HoldfastError && error.code === 'unauthorized')) {
        logger.warn(
          `Holdfast: authenticate threw, so a client was told to come back: ${text} (To refuse a token, return nothing, or throw a HoldfastError "unauthorized".)`,
        );
        return 'unknown';
      }
      logger.info(`Holdfast: a connection was not authenticated: ${text}`);
    }
    return 'refused';
  }
}

/** A new session begins behind all that its client has sent: nobody knows any more what came of that. */
function newTicket({ sequenceSent: sequence, requestSent: request }: WireRecord<'hello'>): Ticket {
  return { session: newSessionId(), bornAfter: { sequence, request } };
}

/** An expiry before this, in 1973, was meant in seconds, as the `exp` of a JWT is. */
const EXPIRES_AT_MS_MIN = 100_000_000_000;

/** What an identity must be, where it is not. */
function wrongWith({ id, expiresAtMs }: Identity): string | undefined {
  // Without an id everybody would be the same user, and could take over each other's sessions.
  if (typeof id !== 'string' || id === '') return '{ id: string }, or nothing';
  if (expiresAtMs === undefined || (typeof expiresAtMs === 'number' && expiresAtMs >= EXPIRES_AT_MS_MIN))
    return undefined;
  return `\`expiresAtMs\` in milliseconds since 1970 or not at all, and not ${String(expiresAtMs)}`;
}

function withoutSecret(text: string, secret: string): string {
  return secret === '' ? text : text.replaceAll(secret, '…');
}

function errorText(error: unknown): string {
  return error instanceof Error ? error.message : 'the verifier threw something that is no error';
}
