import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Sent } from '../session/server-session.ts';

/** What a resume token says. */
export interface Ticket {
  readonly session: string;
  /**
   * What the client had sent in a session before this one: its outcome stays unknown for as long as this session
   * lives, on whichever connection and node it is retried (SPEC RES-4).
   */
  readonly bornAfter: Sent;
}

/** How long after its last connection a session may be resumed at most: a token may be as old as its renewal. */
export function resumableMs(sessionTtlMs: number): number {
  return sessionTtlMs * 1.5;
}

/**
 * A session's ticket and the proof that its bearer owned it: `id.issued.sequence.request.mac`, with the MAC
 * (HMAC-SHA-256, RFC 2104, cut to 128 bits) over all that and the identity, by a key that lives with the log. So
 * any node on that log can check it, and none has to look anything up (SPEC RES-1, RES-2).
 */
export class ResumeTokens {
  private readonly key: Uint8Array;
  private readonly ttlMs: number;

  constructor(key: Uint8Array, ttlMs: number) {
    this.key = key;
    this.ttlMs = ttlMs;
  }

  /** A connection renews its token this often, so a token outlives its connection by the session's time to live. */
  get renewalMs(): number {
    return this.ttlMs / 2;
  }

  issue({ session, bornAfter }: Ticket, identity: string, nowMs: number): string {
    const numbers = [Math.floor(nowMs / 1_000), bornAfter.sequence, bornAfter.request];
    const claims = [session, ...numbers.map((number) => number.toString(36))].join('.');
    return `${claims}.${this.mac(claims, identity)}`;
  }

  /** Undefined for a token that is forged, expired or another identity's. */
  verify(token: string, identity: string, nowMs: number): Ticket | undefined {
    const [session, ...numbers] = token.split('.');
    const mac = numbers.pop();
    if (!session || !mac || numbers.length !== 3) return undefined;
    const expected = Buffer.from(this.mac([session, ...numbers].join('.'), identity));
    const given = Buffer.from(mac);
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined;
    const [issued, sequence, request] = numbers.map((digits) => Number.parseInt(digits, 36));
    const ageMs = nowMs - issued! * 1_000;
    if (ageMs > resumableMs(this.ttlMs)) return undefined;
    return { session, bornAfter: { sequence: sequence!, request: request! } };
  }

  private mac(claims: string, identity: string): string {
    const hmac = createHmac('sha256', this.key).update(`${claims}.${identity}`);
    return hmac.digest().subarray(0, 16).toString('base64url');
  }
}

export function newSessionId(): string {
  return randomBytes(16).toString('base64url');
}
