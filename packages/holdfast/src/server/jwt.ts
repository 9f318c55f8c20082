import {
  createRemoteJWKSet,
  errors,
  jwtVerify,
  type JWTPayload,
  type JWTVerifyGetKey,
  type JWTVerifyOptions,
} from 'jose';
import { HoldfastError } from '../protocol/error-codes.ts';
import { checkKeys, invalid, shown } from './option-checks.ts';
import type { AuthenticateRequest, Identity } from './options.ts';

export interface JwtOptions {
  /** A shared secret (HS256 and kin), as text or bytes. */
  secret?: string | Uint8Array;
  /** Or the address of the issuer's key set (RFC 7517). */
  jwksUrl?: string | URL;
  /** Or a key, or a function that finds one, as `jose` takes it. */
  key?: Parameters<typeof jwtVerify>[1] | JWTVerifyGetKey;
  /** Checked when given; give both wherever tokens are issued for more than one service. */
  issuer?: string | string[];
  audience?: string | string[];
  /** Accepted signature algorithms. Default: HS256 for a secret, what the key is for else. */
  algorithms?: string[];
  /** The claim that names the user. Default `sub`. */
  idClaim?: string;
}

const names = [
  'secret',
  'jwksUrl',
  'key',
  'issuer',
  'audience',
  'algorithms',
  'idClaim',
] satisfies (keyof JwtOptions)[];

/**
 * A verifier for `createServer({ authenticate: jwt({ … }) })`. The identity is the token's subject; it ends
 * when the token does (`exp`), and the client is asked for a new one before.
 */
export function jwt(given: JwtOptions): (request: AuthenticateRequest) => Promise<Identity | undefined> {
  // A name that is mistyped would be a check that nobody makes.
  const options = checkKeys('options', given, names, 'jwt');
  const { secret, jwksUrl, key, idClaim = 'sub' } = options;
  if ([secret, jwksUrl, key].filter((given) => given !== undefined).length !== 1) {
    throw new HoldfastError('invalid-option', 'jwt: give one of "secret", "jwksUrl" and "key".');
  }
  if (secret?.length === 0) invalid('secret', 'is empty; RFC 7518 §3.2 wants 32 bytes at least', 'jwt');
  if (jwksUrl !== undefined && !URL.canParse(jwksUrl))
    invalid('jwksUrl', `is ${shown(jwksUrl)}; it must be an address`, 'jwt');
  const checks: JWTVerifyOptions = {};
  if (options.issuer !== undefined) checks.issuer = options.issuer;
  if (options.audience !== undefined) checks.audience = options.audience;
  const algorithms = options.algorithms ?? (secret === undefined ? undefined : ['HS256']);
  if (algorithms) checks.algorithms = algorithms;
  const source = sourceOf(secret, jwksUrl) ?? key!;
  return async ({ token }) => {
    if (token === '') return undefined;
    try {
      const { payload } = await jwtVerify(token, source as JWTVerifyGetKey, checks);
      return identityOf(payload, idClaim);
    } catch (error) {
      throw isVerdict(error, source) ? new HoldfastError('unauthorized', (error as Error).message) : error;
    }
  };
}

/** Whether the token is what is wrong; else its keys could not be had (SPEC AUTH-7), as only a function may fail to. */
function isVerdict(error: unknown, source: unknown): boolean {
  if (typeof source !== 'function') return true;
  if (!(error instanceof errors.JOSEError)) return false;
  return /^ERR_(JWT_|JWS_|JOSE_ALG_|JOSE_NOT_SUPPORTED|JWKS_NO_MATCHING|JWKS_MULTIPLE)/.test(error.code);
}

function sourceOf(
  secret: JwtOptions['secret'],
  jwksUrl: JwtOptions['jwksUrl'],
): Uint8Array | JWTVerifyGetKey | undefined {
  if (secret !== undefined) return typeof secret === 'string' ? new TextEncoder().encode(secret) : secret;
  return jwksUrl === undefined ? undefined : createRemoteJWKSet(new URL(jwksUrl));
}

function identityOf(claims: JWTPayload, idClaim: string): Identity | undefined {
  const id = claims[idClaim];
  if (typeof id !== 'string' || id === '') return undefined;
  return { id, claims, ...(claims.exp === undefined ? {} : { expiresAtMs: claims.exp * 1_000 }) };
}
