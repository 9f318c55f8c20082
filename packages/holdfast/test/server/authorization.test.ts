import { describe, expect, it, onTestFinished } from 'vitest';
import { connect } from '../../src/client/node.ts';
import type { Identity } from '../../src/server/create-server.ts';
import { jsonCodec } from '../../src/protocol/payload.ts';
import { aSentence, deferred, eventOf, Honest, rulesFor, startServer, ways } from './fixture.ts';
import { RawClient } from './raw-client.ts';

/** How an `authorize` can fail to look. */
const failures: Record<string, () => never> = {
  throws: () => {
    throw new Error('no database');
  },
  rejects: () => Promise.reject(new Error('no database')) as never,
};

/** How an `authorize` can refuse besides saying no. */
const refusals: Record<string, () => never> = {
  'says something that is not true': () => 'yes' as never,
  'resolves to something that is not true': () => Promise.resolve(1) as never,
  'says nothing': () => undefined as never,
};

describe('authenticate', () => {
  for (const [when, answer] of Object.entries<
    (id: string) => Identity | undefined | Promise<Identity | undefined>
  >({
    'at once': (id) => (id ? { id } : undefined),
    later: async (id) => (id ? { id } : undefined),
  })) {
    it(`[AUTH-1] who is known ${when} is welcomed, who is not is closed with unauthorized`, async () => {
      const { port } = await startServer({
        authenticate: ({ token }) => answer(token === 'right' ? 'ann' : ''),
        authorize: () => true,
      });
      await (await Honest.join(port, { token: 'right' })).works();
      for (const token of ['wrong', '']) {
        const client = await RawClient.dial(port);
        client.hello({ token });
        expect(await client.end()).toEqual({ code: 4002, reason: aSentence });
      }
    });
  }

  it('[AUTH-7] one that throws or rejects has not refused: the client may come back, and the reason stays in the log', async () => {
    const { port, lines } = await startServer({
      authenticate: ({ token }) => {
        if (token === 'throw') throw new Error('a reason of the operator');
        if (token === 'reject') return Promise.reject(new Error('another reason'));
        return { id: 'honest' };
      },
      authorize: () => true,
    });
    const honest = await Honest.join(port);
    for (const token of ['throw', 'reject']) {
      const client = await RawClient.dial(port);
      client.hello({ token });
      const { code, reason } = await client.end();
      expect({ code, reason }).toEqual({ code: 4011, reason: aSentence });
      expect(reason).not.toContain('reason');
    }
    await honest.works();
    expect(lines.join('\n')).toContain('a reason of the operator');
    expect(lines.join('\n')).toContain('another reason');
  });

  it('[AUTH-7, RES-4] a client outlasts an authenticate that throws, with the token that it has and what it has published', async () => {
    let failures = 3;
    const { port } = await startServer({
      authenticate: ({ token }) => {
        if (failures-- > 0) throw new Error('no database');
        return { id: token };
      },
      authorize: () => true,
    });
    const client = connect(`ws://127.0.0.1:${port}/`, { token: 'ann', backoff: { baseMs: 1 } });
    onTestFinished(() => client.close());
    expect(await client.publish('t', 1)).toMatchObject({ offset: 1 });
    expect(failures).toBe(-1);
  });

  it('[AUTH-1] an identity without an id is nobody', async () => {
    const answers = [true, {}, { id: '' }, { id: 7 }, 'ann'];
    const { port, lines } = await startServer({
      authenticate: ({ token }) => answers[Number(token)] as never,
      authorize: () => true,
    });
    for (const token of answers.keys()) {
      const client = await RawClient.dial(port);
      client.hello({ token: String(token) });
      expect((await client.end()).code, JSON.stringify(answers[token])).toBe(4002);
    }
    expect(lines.join('\n')).toMatch(/authenticate.*\bid\b/);
  });

  it('[AUTH-3] an expiry that is no time in milliseconds is the operator’s mistake, and told so', async () => {
    const answers = [Number.NaN, Date.now() / 1_000 + 3_600, null, '2099-01-01'];
    const { port, lines } = await startServer({
      authenticate: ({ token }) => ({ id: 'ann', expiresAtMs: answers[Number(token)] as number }),
      authorize: () => true,
    });
    for (const token of answers.keys()) {
      const client = await RawClient.dial(port);
      client.hello({ token: String(token) });
      expect((await client.end()).code, String(answers[token])).toBe(4002);
    }
    expect(lines.filter((line) => /expiresAtMs.*milliseconds/.test(line))).toHaveLength(answers.length);
  });

  it('[AUTH-1] gets token, path and headers', async () => {
    const seen: unknown[] = [];
    const { port } = await startServer({
      authenticate: ({ token, url, headers, address }) => {
        seen.push({ token, url, origin: headers.origin, address: address.replace('::ffff:', '') });
        return { id: 'ann' };
      },
      authorize: () => true,
    });
    await RawClient.connect(port, { token: 'secret' }, { path: '/?room=7', origin: 'https://a.example' });
    expect(seen).toEqual([
      { token: 'secret', url: '/?room=7', origin: 'https://a.example', address: '127.0.0.1' },
    ]);
  });

  it('[AUTH-1] a connection that is gone before it is known is never a session', async () => {
    const gate = deferred<Identity>();
    const { port, server } = await startServer({
      authenticate: ({ token }) => (token === 'slow' ? gate.promise : { id: 'ann' }),
      authorize: () => true,
    });
    const client = await RawClient.dial(port);
    client.hello({ token: 'slow' });
    await client.close();
    await Honest.join(port, { token: 'fast' });
    gate.resolve({ id: 'late' });
    await (await Honest.join(port, { token: 'fast' })).works();
    expect(server.stats().welcomed).toBe(2);
  });
});

describe('authorize', () => {
  for (const [when, way] of Object.entries(ways)) {
    it(`[AUTH-2] each action is asked about by its topic or method, and answered ${when}`, async () => {
      const asked: string[] = [];
      const options = rulesFor((action, name) => {
        asked.push(`${action} ${name}`);
        return way(name.startsWith('open'));
      });
      const { port, server } = await startServer(options);
      server.method('open', () => 'ran').method('closed', () => 'ran');
      const honest = await Honest.join(port, { token: 'ann' });
      const bob = await RawClient.connect(port, { token: 'bob' });
      await bob.subscribed(1, 'open');
      await bob.published(1, 'open', 1);
      bob.request(1, 'open', null);
      await bob.next('reply');
      bob.subscribe(2, 'closed');
      expect(await bob.next('failed')).toEqual(refusal('subscribe', 2));
      bob.publish(2, 'closed', 1);
      expect(await bob.next('failed')).toEqual(refusal('publish', 2));
      bob.request(2, 'closed', null);
      expect(await bob.next('failed')).toEqual(refusal('request', 2));
      expect(asked).toEqual([
        'subscribe open',
        'publish open',
        'request open',
        'subscribe closed',
        'publish closed',
        'request closed',
      ]);
      await honest.works();
      expect(await server.topic('closed').top()).toMatchObject({ offset: 0 });
    });

    it(`[SIG-1] a signal without the right goes nowhere, answered ${when}`, async () => {
      const { port } = await startServer(rulesFor((_, name) => way(name === 'open')));
      const ann = await RawClient.connect(port, { token: 'ann' });
      await ann.subscribed(1, 'open');
      await ann.subscribed(2, 'closed');
      const bob = await RawClient.connect(port, { token: 'bob' });
      bob.signal('closed', 'forbidden');
      bob.signal('$inbox', 'forbidden');
      await bob.settled();
      bob.signal('open', 'allowed');
      expect(jsonCodec.decode((await ann.next('signaled')).payload)).toBe('allowed');
      expect(ann.ofType('signaled')).toHaveLength(1);
    });
  }

  for (const [what, refuse] of Object.entries(refusals)) {
    it(`[AUTH-2] one that ${what} refuses`, async () => {
      const { port, lines } = await startServer(rulesFor(() => refuse()));
      const honest = await Honest.join(port, { token: 'ann' });
      const bob = await RawClient.connect(port, { token: 'bob' });
      bob.subscribe(1, 't');
      expect(await bob.next('failed')).toEqual(refusal('subscribe', 1));
      bob.publish(1, 't', 1);
      expect(await bob.next('failed')).toEqual(refusal('publish', 1));
      bob.request(1, 'm', 1);
      expect(await bob.next('failed')).toEqual(refusal('request', 1));
      bob.signal('honest', 1);
      await bob.settled();
      await honest.works();
      expect(honest.client.ofType('signaled')).toEqual([]);
      expect(lines.join('\n')).toContain('must return true or false');
    });
  }

  for (const [what, fail] of Object.entries(failures)) {
    it(`[AUTH-8] one that ${what} has not refused: the client may come back, and the reason stays in the log`, async () => {
      const { port, lines } = await startServer(rulesFor(() => fail()));
      const honest = await Honest.join(port, { token: 'ann' });
      for (const ask of [
        (bob: RawClient) => bob.subscribe(1, 't'),
        (bob: RawClient) => bob.publish(1, 't', 1),
      ]) {
        const bob = await RawClient.connect(port, { token: 'bob' });
        ask(bob);
        expect(await bob.end()).toEqual({ code: 4011, reason: aSentence });
        expect(bob.ofType('failed')).toEqual([]);
      }
      const bob = await RawClient.connect(port, { token: 'bob' });
      bob.request(1, 'm', 1);
      expect(await bob.next('failed')).toMatchObject({ operation: 'request', id: 1, code: 'method-failed' });
      bob.signal('honest', 1);
      await bob.settled();
      await honest.works();
      expect(honest.client.ofType('signaled')).toEqual([]);
      expect(lines.join('\n')).toContain('no database');
    });
  }

  it('[AUTH-8] a subscription and a publish outlive a time in which nobody could be asked', async () => {
    let isDown = false;
    const options = rulesFor(async () => {
      if (isDown) throw new Error('no database');
      return true;
    });
    const { port, server } = await startServer(options);
    const connected = eventOf(server, 'connect');
    const client = connect(`ws://127.0.0.1:${port}/`, { token: 'bob' });
    onTestFinished(() => client.close());
    const heard: unknown[] = [];
    await client.subscribe('t', (data) => heard.push(data)).ready;
    const disconnected = eventOf(server, 'disconnect');
    isDown = true;
    await (await connected).session.reauthorize();
    const published = client.publish('t', 'said meanwhile');
    expect(await disconnected).toMatchObject({ reason: 'auth-unavailable' });
    isDown = false;
    await published;
    await expect.poll(() => heard).toEqual(['said meanwhile']);
  });

  it('[PUB-2] publishes keep their order while one waits for its answer', async () => {
    const gate = deferred<boolean>();
    const { port } = await startServer(rulesFor((_, name) => (name === 'slow' ? gate.promise : true)));
    const bob = await RawClient.connect(port, { token: 'bob' });
    await bob.subscribed(1, 'fast');
    bob.publish(1, 'slow', 1);
    bob.publish(2, 'fast', 2);
    bob.publish(3, 'slow', 3);
    bob.publish(4, 'fast', 4);
    await bob.settled();
    expect(bob.ofType('published')).toEqual([]);
    gate.resolve(true);
    for (let sequence = 1; sequence <= 4; sequence++) {
      expect((await bob.next('published')).sequence).toBe(sequence);
    }
    expect(await bob.dataOf(2)).toEqual([2, 4]);
  });

  it('[AUTH-2] one publish that is refused does not hold up those behind it', async () => {
    const gate = deferred<boolean>();
    const { port } = await startServer(rulesFor((_, name) => (name === 'slow' ? gate.promise : true)));
    const bob = await RawClient.connect(port, { token: 'bob' });
    bob.publish(1, 'slow', 1);
    bob.publish(2, 'fast', 2);
    gate.resolve(false);
    expect(await bob.next('failed')).toEqual(refusal('publish', 1));
    expect((await bob.next('published')).sequence).toBe(2);
  });

  it('[AUTH-2] a resume is authorized again', async () => {
    const rights = new Set(['t']);
    const { port } = await startServer(rulesFor((_, name) => rights.has(name)));
    const bob = await RawClient.connect(port, { token: 'bob' });
    const { epoch, offset } = await bob.subscribed(1, 't');
    await bob.close(1001);
    rights.clear();
    const hello = { token: 'bob', resumeToken: bob.welcome.resumeToken, connection: 2 };
    const again = await RawClient.connect(port, hello);
    expect(again.welcome.resumed).toBe(true);
    again.subscribe(1, 't', { epoch, offset });
    expect(await again.next('failed')).toEqual(refusal('subscribe', 1));
  });
});

function refusal(operation: 'subscribe' | 'publish' | 'request', id: number): unknown {
  return { type: 'failed', operation, id, code: 'not-authorized', text: aSentence };
}
