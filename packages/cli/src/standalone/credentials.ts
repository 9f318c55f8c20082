import { statSync } from 'node:fs';
import type { ServerOptions } from 'holdfast/server';
import { jwt, type JwtOptions } from 'holdfast/server/jwt';
import { createLocalJWKSet, importSPKI, type JSONWebKeySet } from 'jose';
import type { Configuration } from './configuration.ts';
import { settings } from './settings.ts';

type Authenticate = NonNullable<ServerOptions['authenticate']>;

const keyAlgorithms = ['RS256', 'ES256'];

/** The verifier of tokens, when one is configured. Throws BadInput. */
export async function credentials(
  configuration: Configuration,
  warn: (text: string) => void,
): Promise<Authenticate | undefined> {
  const ways = ['jwt.secret', 'jwt.secretFile', 'jwt.publicKeyFile', 'jwt.jwksFile', 'jwt.jwksUrl'].filter(
    (path) => configuration.text(path) !== undefined,
  );
  if (ways.length === 0) {
    // A check that nobody makes: all would be let in.
    const idle = settings.find(({ path }) => path.startsWith('jwt.') && configuration.isSet(path));
    if (idle)
      configuration.fail(
        idle.path,
        'checks nothing without a key; give jwt.secret, jwt.jwksUrl or another, too',
      );
    return undefined;
  }
  if (ways.length > 1) configuration.fail(ways[1]!, `is given beside ${ways[0]}; give one of them`);
  const options: JwtOptions = {};
  const [issuer, audience] = [configuration.text('jwt.issuer'), configuration.text('jwt.audience')];
  if (issuer !== undefined) options.issuer = issuer;
  if (audience !== undefined) options.audience = audience;
  const idClaim = configuration.text('jwt.idClaim');
  if (idClaim !== undefined) options.idClaim = idClaim;
  const isSecret = ways[0]!.startsWith('jwt.secret');
  const algorithms = configuration.texts('jwt.algorithms') ?? (isSecret ? ['HS256'] : keyAlgorithms);
  const unfit = algorithms.find(
    (name) => !(isSecret ? /^HS(256|384|512)$/ : /^((RS|PS|ES)(256|384|512)|EdDSA|Ed25519)$/).test(name),
  );
  if (unfit !== undefined)
    configuration.fail('jwt.algorithms', `holds ${JSON.stringify(unfit)}, which is none for ${ways[0]}`);
  options.algorithms = [...algorithms];
  return jwt({ ...options, ...(await keyOf(configuration, ways[0]!, warn)) });
}

async function keyOf(
  configuration: Configuration,
  way: string,
  warn: (text: string) => void,
): Promise<JwtOptions> {
  switch (way) {
    case 'jwt.publicKeyFile':
      return { key: await publicKey(configuration) };
    case 'jwt.jwksFile':
      return { key: keySetOfFile(configuration, warn) };
    case 'jwt.jwksUrl': {
      const text = configuration.text(way)!;
      if (!/^https?:$/.test(URL.canParse(text) ? new URL(text).protocol : ''))
        configuration.fail(way, 'must be an http or https address');
      return { jwksUrl: text };
    }
    default: {
      const secret = configuration.secret('jwt.secret')!;
      // RFC 7518 §3.2: a key of the hash's size at least, or whoever has a token can guess it.
      if (Buffer.byteLength(secret) < 32)
        configuration.fail(way, 'must have 32 bytes at least (RFC 7518 §3.2)');
      return { secret };
    }
  }
}

async function publicKey(configuration: Configuration): Promise<NonNullable<JwtOptions['key']>> {
  const pem = configuration.read('jwt.publicKeyFile');
  for (const algorithm of configuration.texts('jwt.algorithms') ?? keyAlgorithms) {
    try {
      return await importSPKI(pem, algorithm);
    } catch {
      // Of another kind of key: the next may fit.
    }
  }
  return configuration.fail(
    'jwt.publicKeyFile',
    'holds no public key in PEM (-----BEGIN PUBLIC KEY-----) for the algorithms',
  );
}

/**
 * Keys are rotated by replacing the file: it is read again once it has another time of change. One that is being
 * written, or was written wrong, is read again with each token until it can be, and the keys from before go on.
 */
function keySetOfFile(
  configuration: Configuration,
  warn: (text: string) => void,
): NonNullable<JwtOptions['key']> {
  const path = configuration.text('jwt.jwksFile')!;
  const read = () => {
    const text = configuration.read('jwt.jwksFile');
    try {
      return createLocalJWKSet(JSON.parse(text) as JSONWebKeySet);
    } catch (error) {
      return configuration.fail('jwt.jwksFile', `holds no key set (${(error as Error).message})`);
    }
  };
  const timeOfChange = () => statSync(path, { throwIfNoEntry: false })?.mtimeMs;
  let readOfMs = timeOfChange();
  let keys = read();
  let isTold = false;
  return (header, token) => {
    const changedAtMs = timeOfChange() ?? readOfMs;
    if (changedAtMs !== readOfMs) {
      try {
        keys = read();
        readOfMs = changedAtMs;
        isTold = false;
      } catch (error) {
        if (!isTold) warn(`${(error as Error).message} The keys from before go on.`);
        isTold = true;
      }
    }
    return keys(header, token);
  };
}
