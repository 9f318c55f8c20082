import { describe, expect, it } from 'vitest';
import { ResumeTokens } from '../../src/server/resume-token.ts';
import type { ServerOptions } from '../../src/server/create-server.ts';
import { aSentence, deferred, eventOf, Honest, startServer } from './fixture.ts';
import { RawClient } from './raw-client.ts';

/** Everybody is who the token says. */
const byToken: ServerOptions = { authenticate: ({ token }) => ({ id: token }), authorize: () => true };

describe('resume tokens over the wire', () => {
  it('[RES-1] the token of a welcome gives the session back', async () => {
    const { port, server } = await startServer();
    const first = await RawClient.connect(port);
    await first.close(1001);
    const second = await RawClient.connect(port, { resumeToken: first.welcome.resumeToken, connection: 2 });
    expect(second.welcome).toMatchObject({ resumed: true, session: first.welcome.session });
    expect(server.stats()).toMatchObject({ welcomed: 2, resumed: 1 });
  });

  /** Ways to spoil a token `session.issued.mac`. */
  const forgeries: Record<string, (token: string) => string> = {
    'another session’s id': (token) => `AAAAAAAAAAAAAAAAAAAAAA.${token.split('.').slice(1).join('.')}`,
    'a later time of issue': (token) => token.split('.').with(1, 'zzzzzzz').join('.'),
    'a changed signature': (token) => `${token.slice(0, -2)}${token.endsWith('AA') ? 'BB' : 'AA'}`,
    'a cut signature': (token) => token.slice(0, -1),
    'no signature': (token) => token.split('.').slice(0, 2).join('.'),
    'one part more': (token) => `${token}.x`,
    'no parts': () => 'x'.repeat(16_384),
    'dots alone': () => '...',
  };
  for (const [what, forge] of Object.entries(forgeries)) {
    it(`[RES-1] a token with ${what} gives a new session and leaves the true one alone`, async () => {
      const { port } = await startServer();
      const owner = await Honest.join(port);
      await owner.works();
      const resumeToken = forge(owner.client.welcome.resumeToken);
      const thief = await RawClient.connect(port, { resumeToken, connection: 9 });
      expect(thief.welcome.resumed).toBe(false);
      expect(thief.welcome.session).not.toBe(owner.client.welcome.session);
      await owner.works();
    });
  }

  it('[AUTH-1] another identity’s token gives a new session and leaves the true one alone', async () => {
    const { port } = await startServer(byToken);
    const owner = await Honest.join(port, { token: 'ann' });
    const { resumeToken, session } = owner.client.welcome;
    const thief = await RawClient.connect(port, { token: 'bob', resumeToken, connection: 9 });
    expect(thief.welcome.resumed).toBe(false);
    expect(thief.welcome.session).not.toBe(session);
    await owner.works();
  });

  it('[RES-2] a token of another log’s life gives a new session', async () => {
    const [one, two] = [await startServer(), await startServer()];
    const first = await RawClient.connect(one.port);
    const second = await RawClient.connect(two.port, {
      resumeToken: first.welcome.resumeToken,
      connection: 2,
    });
    expect(second.welcome.resumed).toBe(false);
  });

  it('[RES-1] an expired token gives a new session', async () => {
    const { port } = await startServer({ limits: { sessionTtlMs: 1 } });
    const first = await RawClient.connect(port);
    await first.close(1001);
    // Two round trips later the token is older than its millisecond and a half.
    const other = await RawClient.connect(port);
    while (Date.now() % 1_000 < 10) await other.settled();
    const second = await RawClient.connect(port, { resumeToken: first.welcome.resumeToken, connection: 2 });
    expect(second.welcome.resumed).toBe(false);
  });
});

describe('resume tokens', () => {
  const nowMs = 1_700_000_000_000;
  const tokens = new ResumeTokens(new Uint8Array(32).fill(1), 60_000);
  const ticket = { session: 'session', bornAfter: { sequence: 7, request: 0 } };
  const token = tokens.issue(ticket, 'ann', nowMs);

  it('[RES-5] hold for their session’s time and the half of it in which they are renewed, not longer', () => {
    expect(tokens.verify(token, 'ann', nowMs)).toEqual(ticket);
    expect(tokens.verify(token, 'ann', nowMs + 60_000 + tokens.renewalMs)).toEqual(ticket);
    expect(tokens.verify(token, 'ann', nowMs + 60_000 + tokens.renewalMs + 1_000)).toBeUndefined();
  });

  it('[RES-1] are bound to identity and key', () => {
    for (const identity of ['bob', 'ann ', 'an', ''])
      expect(tokens.verify(token, identity, nowMs)).toBeUndefined();
    const other = new ResumeTokens(new Uint8Array(32).fill(2), 60_000);
    expect(other.verify(token, 'ann', nowMs)).toBeUndefined();
  });

  it('[RES-1] can’t be confused by identities that hold dots', () => {
    const dotted = tokens.issue({ ...ticket, session: 'a' }, 'b.c', nowMs);
    const parts = dotted.split('.');
    expect(tokens.verify(dotted, 'b.c', nowMs)).toMatchObject({ session: 'a' });
    for (const at of [1, 2, 3, 4])
      expect(tokens.verify(parts.toSpliced(at, 0, 'b').join('.'), 'c', nowMs)).toBeUndefined();
  });
});

describe('takeover', () => {
  it('[RES-3] closes the old connection with superseded, and the session goes on in the new one', async () => {
    const { port, server } = await startServer();
    const old = await RawClient.connect(port);
    await old.subscribed(1, 't');
    const { resumeToken, session } = old.welcome;
    const fresh = await RawClient.connect(port, { resumeToken, connection: 2 });
    expect(await old.end()).toEqual({ code: 4004, reason: aSentence });
    expect(fresh.welcome).toMatchObject({ resumed: true, session });
    await server.session(session)?.send('for the new one');
    await fresh.subscribed(2, '$inbox', 'start');
    expect(await fresh.dataOf(1)).toEqual(['for the new one']);
  });

  it('[RES-3] a hello that was overtaken by a later one is superseded itself', async () => {
    const { port } = await startServer();
    const first = await RawClient.connect(port);
    const { resumeToken } = first.welcome;
    const third = await RawClient.connect(port, { resumeToken, connection: 3 });
    const second = await RawClient.dial(port);
    second.hello({ resumeToken, connection: 2 });
    expect((await second.end()).code).toBe(4004);
    await third.settled();
    expect((await first.end()).code).toBe(4004);
  });

  it('[REQ-2] a reply goes to the session’s present connection', async () => {
    const { port, server } = await startServer();
    const gate = deferred<string>();
    let runs = 0;
    server.method('slow', () => {
      runs++;
      return gate.promise;
    });
    const old = await RawClient.connect(port);
    old.request(1, 'slow', null);
    await old.settled();
    const { resumeToken, node } = old.welcome;
    const fresh = await RawClient.connect(port, { resumeToken, node, connection: 2, requestSent: 1 });
    fresh.request(1, 'slow', null);
    await fresh.settled();
    gate.resolve('done');
    expect(Buffer.from((await fresh.next('reply')).payload).toString()).toBe('"done"');
    expect(runs).toBe(1);
  });
});

describe('what an earlier connection may have sent', () => {
  it('[PUB-3] a publish that is sent again gets its first position', async () => {
    const { port } = await startServer();
    const old = await RawClient.connect(port);
    const first = await old.published(1, 't', 'once');
    await old.close(1001);
    const hello = { resumeToken: old.welcome.resumeToken, connection: 2, sequenceSent: 1 };
    const fresh = await RawClient.connect(port, hello);
    expect(await fresh.published(1, 't', 'once')).toEqual(first);
    await fresh.subscribed(1, 't', 'start');
    await fresh.published(2, 't', 'end');
    expect(await fresh.dataOf(2)).toEqual(['once', 'end']);
  });

  it('[REQ-1] a request that is sent again gets the first run’s reply', async () => {
    const { port, server } = await startServer();
    let runs = 0;
    server.method('count', () => ++runs);
    const old = await RawClient.connect(port);
    old.request(1, 'count', null);
    await old.next('reply');
    await old.close(1001);
    const { resumeToken, node } = old.welcome;
    const fresh = await RawClient.connect(port, { resumeToken, node, connection: 2, requestSent: 1 });
    fresh.request(1, 'count', null);
    expect(Buffer.from((await fresh.next('reply')).payload).toString()).toBe('1');
    expect(runs).toBe(1);
  });

  it('[RES-4] in a new session its outcome is unknown, and it is not carried out', async () => {
    const { port, server } = await startServer();
    let runs = 0;
    server.method('count', () => ++runs);
    const client = await RawClient.connect(port, { resumeToken: 'lost', sequenceSent: 2, requestSent: 1 });
    client.publish(2, 't', 'perhaps twice');
    expect(await client.next('failed')).toMatchObject({
      operation: 'publish',
      id: 2,
      code: 'outcome-unknown',
      text: aSentence,
    });
    client.request(1, 'count', null);
    expect(await client.next('failed')).toMatchObject({
      operation: 'request',
      id: 1,
      code: 'outcome-unknown',
      text: aSentence,
    });
    await client.published(3, 't', 'new');
    client.request(2, 'count', null);
    await client.next('reply');
    expect(runs).toBe(1);
    await client.subscribed(1, 't', 'start');
    expect(await client.dataOf(1)).toEqual(['new']);
  });

  it('[RES-4] requests of another node have an unknown outcome, publishes do not', async () => {
    const { port } = await startServer();
    const old = await RawClient.connect(port);
    await old.close(1001);
    const hello = {
      resumeToken: old.welcome.resumeToken,
      connection: 2,
      node: 'another',
      sequenceSent: 1,
      requestSent: 1,
    };
    const fresh = await RawClient.connect(port, hello);
    fresh.request(1, 'any', null);
    expect(await fresh.next('failed')).toMatchObject({
      operation: 'request',
      id: 1,
      code: 'outcome-unknown',
    });
    expect((await fresh.published(1, 't', 1)).sequence).toBe(1);
  });

  it('[REQ-3] a reply that is no longer kept leaves its request’s outcome unknown', async () => {
    const { port, server } = await startServer({ limits: { repliesMax: 2 } });
    server.method('echo', (data) => data);
    const old = await RawClient.connect(port);
    for (let request = 1; request <= 4; request++) {
      old.request(request, 'echo', request);
      await old.next('reply');
    }
    old.request(1, 'echo', 1);
    expect(await old.next('failed')).toMatchObject({ id: 1, code: 'outcome-unknown', text: aSentence });
    old.request(4, 'echo', 4);
    expect(Buffer.from((await old.next('reply')).payload).toString()).toBe('4');
  });
});

describe('sessions and the application', () => {
  it('[CLOSE-2] session.close ends it with ended-by-server and the application’s text', async () => {
    const { port, server } = await startServer();
    const client = await RawClient.connect(port);
    const disconnected = eventOf(server, 'disconnect');
    server.session(client.welcome.session)?.close('You were removed by a moderator.');
    expect(await client.end()).toEqual({ code: 4005, reason: 'You were removed by a moderator.' });
    expect(await disconnected).toMatchObject({ reason: 'ended-by-server' });
    expect(server.session(client.welcome.session)).toBeUndefined();
  });

  it('[CLOSE-1] events tell who came, whether resumed, and why they went', async () => {
    const { port, server } = await startServer(byToken);
    const connected = eventOf(server, 'connect');
    const client = await RawClient.connect(port, { token: 'ann' });
    expect(await connected).toMatchObject({
      resumed: false,
      session: { id: client.welcome.session, identity: { id: 'ann' } },
    });
    const disconnected = eventOf(server, 'disconnect');
    await client.close(1001, 'Off to lunch.');
    expect(await disconnected).toMatchObject({
      reason: 'gone',
      text: 'Off to lunch.',
      session: { id: client.welcome.session },
    });
  });

  it('[CLOSE-1] a listener that throws is told in the log and harms nobody', async () => {
    const { port, server, lines } = await startServer();
    server.on('connect', () => {
      throw new Error('a bug of the application');
    });
    await (await Honest.join(port)).works();
    expect(lines.join('\n')).toContain('a bug of the application');
  });
});
