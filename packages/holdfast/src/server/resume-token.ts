import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

/**
 * A session's id and the proof that its bearer owned it: `id.issued.mac`, with the MAC (HMAC-SHA-256, RFC 2104,
 * cut to 128 bits) over id, time of issue and identity, by a key that lives with the log. So any node on that
 * log can check it, and none has to look anything up (SPEC RES-1, RES-2).
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

  issue(session: string, identity: string, nowMs: number): string {
    const issued = Math.floor(nowMs / 1_000).toString(36);
    return `${session}.${issued}.${this.mac(session, issued, identity)}`;
  }

  /** The session's id; undefined for a token that is forged, expired or another identity's. */
  verify(token: string, identity: string, nowMs: number): string | undefined {
    const [session, issued, mac, ...rest] = token.split('.');
    if (!session || !issued || !mac || rest.length > 0) return undefined;
    const expected = Buffer.from(this.mac(session, issued, identity));
    const given = Buffer.from(mac);
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined;
    const ageMs = nowMs - Number.parseInt(issued, 36) * 1_000;
    return ageMs <= this.ttlMs + this.renewalMs ? session : undefined;
  }

  private mac(session: string, issued: string, identity: string): string {
    const hmac = createHmac('sha256', this.key).update(`${session}.${issued}.${identity}`);
    return hmac.digest().subarray(0, 16).toString('base64url');
  }
}

export function newSessionId(): string {
  return randomBytes(16).toString('base64url');
}
