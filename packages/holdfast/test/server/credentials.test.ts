import { exportJWK, generateKeyPair, SignJWT, UnsecuredJWT, type JWTPayload } from 'jose';
import { createServer as createHttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { HoldfastError, type Identity, type ServerOptions } from '../../src/server/create-server.ts';
import { jwt, type JwtOptions } from '../../src/server/jwt.ts';
import { aSentence, deferred, Honest, startServer } from './fixture.ts';
import { RawClient } from './raw-client.ts';

/** Enough for the wheel to turn twice on a busy machine. */
const WHEEL_MS = 20_000;

describe('credentials that expire', () => {
  it(
    '[AUTH-3] a new one is asked for in time, and taken without a reconnect',
    { timeout: WHEEL_MS },
    async () => {
      const { port } = await startServer({
        authenticate: ({ token }) => ({
          id: 'ann',
          ...(token === 'short' ? { expiresAtMs: Date.now() + 6_000 } : {}),
        }),
        authorize: () => true,
      });
      const ann = await Honest.join(port, { token: 'short' });
      const { withinMs } = await ann.client.next('token-wanted');
      expect(withinMs).toBeGreaterThan(0);
      expect(withinMs).toBeLessThanOrEqual(6_000);
      ann.client.send({ type: 'token', token: 'long' });
      await ann.works();
      expect(ann.client.ofType('token-wanted')).toHaveLength(1);
      expect(ann.client.ofType('welcome')).toHaveLength(1);
    },
  );

  it(
    '[AUTH-3] one that was not refreshed in time closes with token-expired',
    { timeout: WHEEL_MS },
    async () => {
      const { port } = await startServer({
        // Expired for longer than the grace that a client has to answer.
        authenticate: ({ token }) => ({
          id: token,
          ...(token === 'old' ? { expiresAtMs: Date.now() - 40_000 } : {}),
        }),
        authorize: () => true,
      });
      const honest = await Honest.join(port, { token: 'honest' });
      const client = await RawClient.connect(port, { token: 'old' });
      expect(await client.end()).toEqual({ code: 4003, reason: aSentence });
      expect(client.ofType('token-wanted')).toHaveLength(1);
      await honest.works();
    },
  );

  const spoiled: Record<string, (token: string) => Identity | undefined> = {
    'that is refused': () => undefined,
    'of another identity': () => ({ id: 'bob' }),
    'whose verifier throws unauthorized': () => {
      throw new HoldfastError('unauthorized', 'no');
    },
  };
  for (const [what, verify] of Object.entries(spoiled)) {
    it(`[AUTH-3] a refreshed token ${what} closes with unauthorized`, async () => {
      const options: ServerOptions = {
        authenticate: ({ token }) => (token === 'first' ? { id: 'ann' } : verify(token)),
        authorize: () => true,
      };
      const { port } = await startServer(options);
      const client = await RawClient.connect(port, { token: 'first' });
      client.send({ type: 'token', token: 'second' });
      expect(await client.end()).toEqual({ code: 4002, reason: aSentence });
    });
  }

  it('[AUTH-7] a refreshed token that can’t be checked leaves the connection to its old one', async () => {
    const checked = deferred();
    const { port, lines } = await startServer({
      authenticate: ({ token }) => {
        if (token === 'first') return { id: 'ann' };
        checked.resolve();
        throw new Error('no database');
      },
      authorize: () => true,
    });
    const client = await RawClient.connect(port, { token: 'first' });
    client.send({ type: 'token', token: 'second' });
    await checked.promise;
    await client.published(1, 't', 'still here');
    expect(lines.join('\n')).toContain('no database');
  });

  it('[AUTH-4] a refreshed token that grants less ends what it no longer covers', async () => {
    const { port } = await startServer({
      authenticate: ({ token }) => ({ id: 'ann', claims: token.split(' ') }),
      authorize: ({ claims }, _, name) => (claims as string[]).includes(name),
    });
    const client = await RawClient.connect(port, { token: 'a b' });
    await client.subscribed(1, 'a');
    await client.subscribed(2, 'b');
    client.send({ type: 'token', token: 'b' });
    expect(await client.next('gap')).toMatchObject({ subscription: 1, reason: 'not-authorized' });
    expect(await client.next('failed')).toMatchObject({ id: 1, code: 'not-authorized' });
    client.publish(1, 'a', 1);
    expect(await client.next('failed')).toMatchObject({ operation: 'publish', code: 'not-authorized' });
    await client.published(2, 'b', 'still mine');
    expect(await client.dataOf(1)).toEqual(['still mine']);
  });

  it('[AUTH-3] a token that nobody asked for does nothing on a server without authenticate', async () => {
    const { port } = await startServer();
    const honest = await Honest.join(port);
    honest.client.send({ type: 'token', token: 'whatever' });
    await honest.works();
  });
});

describe('jwt', () => {
  const secret = 'a shared secret of at least 32 bytes';
  const key = new TextEncoder().encode(secret);
  const request = (token: string) => ({ token, url: '/', headers: {}, address: '' });
  const sign = (
    claims: JWTPayload,
    alg = 'HS256',
    signer: Parameters<SignJWT['sign']>[0] = key,
  ): Promise<string> => new SignJWT(claims).setProtectedHeader({ alg }).sign(signer);
  const inSeconds = (seconds: number): number => Math.floor(Date.now() / 1_000) + seconds;

  it('[AUTH-1] takes a token signed with the secret: subject, claims and time of expiry', async () => {
    const exp = inSeconds(60);
    const identity = await jwt({ secret })(request(await sign({ sub: 'ann', role: 'admin', exp })));
    expect(identity).toMatchObject({ id: 'ann', claims: { role: 'admin' }, expiresAtMs: exp * 1_000 });
    expect(await jwt({ secret: key })(request(await sign({ sub: 'ann' })))).not.toHaveProperty('expiresAtMs');
  });

  it('[AUTH-1] takes the claim that names the user', async () => {
    const verify = jwt({ secret, idClaim: 'email' });
    expect(await verify(request(await sign({ email: 'ann@a.example' })))).toMatchObject({
      id: 'ann@a.example',
    });
  });

  it('[AUTH-1] knows nobody without a token, or without a subject', async () => {
    expect(await jwt({ secret })(request(''))).toBeUndefined();
    for (const claims of [{}, { sub: '' }, { sub: 7 as never }]) {
      expect(await jwt({ secret })(request(await sign(claims)))).toBeUndefined();
    }
  });

  const checks: JwtOptions = { secret, issuer: 'https://issuer.example', audience: 'chat' };
  const good = { sub: 'ann', iss: 'https://issuer.example', aud: 'chat', exp: inSeconds(600) };
  const bad: Record<string, () => string | Promise<string>> = {
    expired: () => sign({ ...good, exp: inSeconds(-60) }),
    'not yet valid': () => sign({ ...good, nbf: inSeconds(600) }),
    'of a wrong issuer': () => sign({ ...good, iss: 'https://other.example' }),
    'without an issuer': () => sign({ sub: 'ann', aud: 'chat' }),
    'for another service': () => sign({ ...good, aud: 'mail' }),
    'signed with another secret': () => sign(good, 'HS256', new TextEncoder().encode(secret.toUpperCase())),
    'signed with another algorithm': () => sign(good, 'HS512'),
    'not signed at all': () => new UnsecuredJWT(good).encode(),
    'changed after it was signed': async () => {
      const [head, , mac] = (await sign(good)).split('.');
      return [head, Buffer.from(JSON.stringify({ ...good, sub: 'root' })).toString('base64url'), mac].join(
        '.',
      );
    },
    'no token': () => 'nonsense',
  };
  for (const [what, make] of Object.entries(bad)) {
    it(`[AUTH-1] refuses a token that is ${what}, and closes with unauthorized`, async () => {
      const token = await make();
      await expect(jwt(checks)(request(token))).rejects.toMatchObject({ code: 'unauthorized' });
      const { port, lines } = await startServer({ authenticate: jwt(checks), authorize: () => true });
      const honest = await Honest.join(port, { token: await sign(good) });
      const client = await RawClient.dial(port);
      client.hello({ token });
      expect(await client.end()).toEqual({ code: 4002, reason: aSentence });
      await honest.works();
      expect(lines.join('\n')).not.toContain(token);
    });
  }

  it('[AUTH-1] takes a public key, and a set of them by its address', async () => {
    const { publicKey, privateKey } = await generateKeyPair('ES256');
    const token = await new SignJWT({ sub: 'ann' })
      .setProtectedHeader({ alg: 'ES256', kid: 'k1' })
      .sign(privateKey);
    const keys = [{ ...(await exportJWK(publicKey)), kid: 'k1', alg: 'ES256' }];
    const issuer = createHttpServer((_, response) => response.end(JSON.stringify({ keys })));
    await new Promise<void>((resolve) => issuer.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void issuer.close());
    const { port } = issuer.address() as AddressInfo;
    for (const options of [{ key: publicKey }, { jwksUrl: `http://127.0.0.1:${port}/keys` }]) {
      expect(await jwt(options)(request(token))).toMatchObject({ id: 'ann' });
    }
    const stranger = await generateKeyPair('ES256');
    const forged = await new SignJWT({ sub: 'ann' })
      .setProtectedHeader({ alg: 'ES256', kid: 'k1' })
      .sign(stranger.privateKey);
    const jwksUrl = `http://127.0.0.1:${port}/keys`;
    for (const options of [{ key: publicKey }, { jwksUrl }])
      await expect(jwt(options)(request(forged))).rejects.toMatchObject({ code: 'unauthorized' });
  });

  it('[AUTH-7] a set of keys that can’t be had says nothing about a token: clients come back', async () => {
    const issuer = createHttpServer((_, response) => response.writeHead(502).end());
    await new Promise<void>((resolve) => issuer.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void issuer.close());
    const { port: keysPort } = issuer.address() as AddressInfo;
    const authenticate = jwt({ jwksUrl: `http://127.0.0.1:${keysPort}/keys` });
    const { port, lines } = await startServer({ authenticate, authorize: () => true });
    const client = await RawClient.dial(port);
    const token = await sign({ sub: 'ann' });
    client.hello({ token });
    expect(await client.end()).toEqual({ code: 4011, reason: aSentence });
    expect(lines.join('\n')).toContain('JSON Web Key Set');
    expect(lines.join('\n')).not.toContain(token);
  });

  it('[ERR-1] wants exactly one of secret, jwksUrl and key, that can be one, and no option that there is not', () => {
    const mistyped = { secret, isuer: 'https://issuer.example' } as JwtOptions;
    for (const options of [
      {},
      { secret, jwksUrl: 'https://a.example' },
      { secret, key },
      { secret: '' },
      { jwksUrl: 'keys.json' },
      mistyped,
      undefined as unknown as JwtOptions,
    ]) {
      expect(() => jwt(options)).toThrow(
        expect.objectContaining({ code: 'invalid-option', message: aSentence }),
      );
    }
  });
});

describe('secrets', () => {
  it('[AUTH-6] no token appears in logs, close reasons, errors, events or statistics', async () => {
    const tokens = ['tok-good-4711', 'tok-refused-4712', 'tok-thrown-4713', 'tok-renewed-4714'];
    const told: string[] = [];
    const { port, server, lines } = await startServer({
      authenticate: ({ token }) => {
        if (token === tokens[2]) throw new Error(`cannot verify ${token}`);
        return token === tokens[1] ? undefined : { id: 'ann' };
      },
      authorize: (_, action, name) => {
        if (name === 'throws') throw new Error('no database');
        return action !== 'publish';
      },
    });
    server.on('connect', (event) => void told.push(JSON.stringify(event)));
    server.on('disconnect', (event) => void told.push(JSON.stringify(event)));
    const good = await RawClient.connect(port, { token: tokens[0]! });
    good.publish(1, 't', 1);
    told.push(JSON.stringify(await good.next('failed')));
    good.send({ type: 'token', token: tokens[3]! });
    await good.settled();
    const { resumeToken } = good.welcome;
    const unchecked = await RawClient.connect(port, { token: tokens[0]! });
    unchecked.subscribe(1, 'throws');
    const endings = [unchecked];
    for (const hello of [{ token: tokens[1]! }, { token: tokens[2]! }, { token: tokens[1]!, resumeToken }]) {
      const client = await RawClient.dial(port);
      client.hello(hello);
      endings.push(client);
    }
    const taker = await RawClient.connect(port, { token: tokens[0]!, resumeToken, connection: 2 });
    endings.push(good);
    taker.send({ type: 'token', token: tokens[1]! });
    endings.push(taker);
    for (const client of endings) told.push((await client.end()).reason);
    told.push(JSON.stringify(server.stats()), ...lines);
    expect(lines.length).toBeGreaterThan(1);
    const all = told.join('\n');
    for (const secret of [...tokens, resumeToken, resumeToken.split('.').at(-1)!])
      expect(all).not.toContain(secret);
  });
});
