import { describe, expect, it } from 'vitest';
import { HoldfastError } from '../../src/protocol/error-codes.ts';
import { jsonCodec } from '../../src/protocol/payload.ts';
import { aSentence, Honest, startServer } from './fixture.ts';
import { RawClient } from './raw-client.ts';

describe('where a subscription begins', () => {
  it('[SUB-1] now, at the start, before the last n, after a position', async () => {
    const { port, server } = await startServer();
    const positions = [];
    for (let i = 1; i <= 5; i++) positions.push(await server.publish('t', i));
    const starts = [
      { start: 'now', offset: 5, data: [6] },
      { start: 'start', offset: 0, data: [1, 2, 3, 4, 5, 6] },
      { start: { last: 2 }, offset: 3, data: [4, 5, 6] },
      { start: { last: 0 }, offset: 5, data: [6] },
      { start: { last: 1_000 }, offset: 0, data: [1, 2, 3, 4, 5, 6] },
      { start: positions[3]!, offset: 4, data: [5, 6] },
    ] as const;
    const clients: RawClient[] = [];
    for (const { start, offset } of starts) {
      const client = await RawClient.connect(port);
      const { epoch } = positions[0]!;
      expect(await client.subscribed(1, 't', start)).toMatchObject({ epoch, offset });
      clients.push(client);
    }
    await server.publish('t', 6);
    for (const [index, { data }] of starts.entries()) {
      expect(await clients[index]!.dataOf(data.length)).toEqual(data);
      expect(clients[index]!.ofType('gap')).toEqual([]);
    }
  });

  it('[SUB-5] a position of another epoch, or beyond the top, is a gap `epoch`; all that is kept follows', async () => {
    const { port, server } = await startServer();
    const { epoch, offset } = await server.publish('t', 'kept');
    for (const position of [
      { epoch: epoch + 1, offset },
      { epoch, offset: offset + 1 },
      { epoch, offset: Number.MAX_SAFE_INTEGER },
    ]) {
      const client = await RawClient.connect(port);
      await client.subscribed(1, 't', position);
      expect(await client.next('gap')).toMatchObject({
        subscription: 1,
        fromEpoch: position.epoch,
        fromOffset: position.offset,
        toEpoch: epoch,
        toOffset: 0,
        reason: 'epoch',
      });
      expect(await client.dataOf(1)).toEqual(['kept']);
    }
  });

  it('[SUB-4] what the retention let go is a gap `retention`, and the rest follows', async () => {
    const { port, server } = await startServer({ topics: { t: { retention: { countMax: 2 } } } });
    const first = await server.publish('t', 1);
    for (let i = 2; i <= 5; i++) await server.publish('t', i);
    const client = await RawClient.connect(port);
    await client.subscribed(1, 't', first);
    expect(await client.next('gap')).toMatchObject({ fromOffset: 1, toOffset: 3, reason: 'retention' });
    expect(await client.dataOf(2)).toEqual([4, 5]);
  });

  it('[SUB-2] a run names the offset before it, and the runs of a subscription join', async () => {
    const { port, server } = await startServer({ limits: { pageMessagesMax: 3 } });
    for (let i = 0; i < 10; i++) await server.publish('t', i);
    const client = await RawClient.connect(port);
    let { offset } = await client.subscribed(1, 't', 'start');
    await client.dataOf(10);
    for (let i = 10; i < 20; i++) await server.publish('t', i);
    await client.dataOf(20);
    for (const { previous, entries } of client.ofType('messages')) {
      expect(previous).toBe(offset);
      offset = entries.at(-1)!.offset;
    }
    expect(client.data).toEqual(Array.from({ length: 20 }, (_, index) => index));
  });

  it('[WIRE-4] payloads pass through the server as they are, JSON or not', async () => {
    const { port } = await startServer();
    const [from, to] = [await RawClient.connect(port), await RawClient.connect(port)];
    await to.subscribed(1, 't');
    const payload = Uint8Array.from({ length: 256 }, (_, value) => value);
    from.send({ type: 'publish', sequence: 1, topic: 't', payload });
    const { entries } = await to.next('messages');
    expect([...entries[0]!.payload]).toEqual([...payload]);
  });
});

describe('publishes', () => {
  it('[PUB-1] the server’s own are in the log when they are acknowledged', async () => {
    const { port, server } = await startServer();
    const position = await server.topic('t').publish('first');
    expect(await server.topic('t').top()).toEqual(position);
    const client = await RawClient.connect(port);
    const published = await client.published(1, 't', 'second');
    expect(await server.topic('t').top()).toEqual({ epoch: published.epoch, offset: published.offset });
  });

  it('[PUB-3] a sequence that was passed over fails with sequence-stale', async () => {
    const { port } = await startServer();
    const client = await RawClient.connect(port);
    await client.published(1, 't', 1);
    await client.published(3, 't', 3);
    client.publish(2, 't', 2);
    expect(await client.next('failed')).toMatchObject({
      operation: 'publish',
      id: 2,
      code: 'sequence-stale',
      text: aSentence,
    });
  });

  it('[ERR-1] the server’s own fail for a name or a size that no client could have', async () => {
    const { server } = await startServer({ limits: { messageBytesMax: 70_000 } });
    for (const [topic, code] of [
      ['', 'invalid-name'],
      ['$inbox:x', 'reserved-topic'],
      ['a\nb', 'invalid-name'],
    ] as const) {
      await expect(server.publish(topic, 1)).rejects.toMatchObject({ code, message: aSentence });
    }
    const tooBig = { code: 'too-big', message: expect.stringContaining('messageBytesMax') };
    await expect(server.publish('t', 'x'.repeat(70_000))).rejects.toMatchObject(tooBig);
    await expect(server.sendToUser('ann', 'x'.repeat(70_000))).rejects.toMatchObject(tooBig);
  });
});

describe('inboxes', () => {
  const options = { authenticate: ({ token }: { token: string }) => ({ id: token }), authorize: () => true };

  it('[AUTH-5] session.send reaches its session alone, connected or away', async () => {
    const { port, server } = await startServer(options);
    const [ann, other] = [
      await RawClient.connect(port, { token: 'ann' }),
      await RawClient.connect(port, { token: 'ann' }),
    ];
    const position = await ann.subscribed(1, '$inbox');
    await other.subscribed(1, '$inbox', 'start');
    const session = server.session(ann.welcome.session)!;
    await session.send('one');
    expect(await ann.dataOf(1)).toEqual(['one']);
    await ann.close(1001);
    await session.send('two');
    const back = await RawClient.connect(port, {
      token: 'ann',
      resumeToken: ann.welcome.resumeToken,
      connection: 2,
    });
    await back.subscribed(1, '$inbox', { epoch: position.epoch, offset: position.offset + 1 });
    expect(await back.dataOf(1)).toEqual(['two']);
    await other.settled();
    expect(other.data).toEqual([]);
  });

  it('[AUTH-5] sendToUser reaches every session of a user, and nobody else', async () => {
    const { port, server } = await startServer(options);
    const anns = [
      await RawClient.connect(port, { token: 'ann' }),
      await RawClient.connect(port, { token: 'ann' }),
    ];
    const bob = await RawClient.connect(port, { token: 'bob' });
    for (const client of [...anns, bob]) await client.subscribed(1, '$user', 'start');
    await server.sendToUser('ann', 'for ann');
    for (const ann of anns) expect(await ann.dataOf(1)).toEqual(['for ann']);
    await bob.settled();
    expect(bob.data).toEqual([]);
  });

  it('[AUTH-5] neither is asked about, so a server that allows nothing can still send', async () => {
    const { port, server } = await startServer({ ...options, authorize: () => false });
    const ann = await RawClient.connect(port, { token: 'ann' });
    await ann.subscribed(1, '$inbox');
    await ann.subscribed(2, '$user');
    await server.session(ann.welcome.session)!.send('a');
    await server.sendToUser('ann', 'b');
    expect((await ann.dataOf(2)).toSorted()).toEqual(['a', 'b']);
  });
});

describe('methods', () => {
  it('[REQ-1] answer with their value, at once or later, and know who asks', async () => {
    const { port, server } = await startServer();
    server
      .method('sum', ([a, b]: [number, number]) => a + b)
      .method('later', async (text: string) => `${text}!`)
      .method('who', (_, { session }) => session.id)
      .method('nothing', () => {});
    const client = await RawClient.connect(port);
    const ask = async (request: number, method: string, data: unknown): Promise<unknown> => {
      client.request(request, method, data);
      return jsonCodec.decode((await client.next('reply')).payload);
    };
    expect(await ask(1, 'sum', [1, 2])).toBe(3);
    expect(await ask(2, 'later', 'yes')).toBe('yes!');
    expect(await ask(3, 'who', null)).toBe(client.welcome.session);
    expect(await ask(4, 'nothing', null)).toBeUndefined();
  });

  it('[REQ-4] a HoldfastError reaches the caller, anything else stays in the server’s log', async () => {
    const { port, server, lines } = await startServer();
    const wrong: Record<string, () => unknown> = {
      own: () => {
        throw new HoldfastError('not-authorized', 'Only moderators may do this.');
      },
      'own, later': () => Promise.reject(new HoldfastError('too-big', 'At most ten at a time.')),
      other: () => {
        throw new Error('password of the database: hunter2');
      },
      'other, later': () => Promise.reject(new TypeError('a second bug')),
      'no error at all': () => {
        throw 'a text';
      },
      'no JSON': () => 7n,
    };
    for (const [name, method] of Object.entries(wrong)) server.method(name, method);
    const honest = await Honest.join(port);
    const client = await RawClient.connect(port);
    const fail = async (request: number, method: string): Promise<unknown> => {
      client.request(request, method, null);
      const { code, text } = await client.next('failed');
      return { code, text };
    };
    expect(await fail(1, 'own')).toEqual({ code: 'not-authorized', text: 'Only moderators may do this.' });
    expect(await fail(2, 'own, later')).toEqual({ code: 'too-big', text: 'At most ten at a time.' });
    for (const [index, method] of ['other', 'other, later', 'no error at all', 'no JSON'].entries()) {
      const failed = await fail(index + 3, method);
      expect(failed).toEqual({ code: 'method-failed', text: expect.stringContaining(method) });
      expect(JSON.stringify(failed)).not.toMatch(/hunter2|second bug|a text/);
    }
    expect(lines.join('\n')).toMatch(/hunter2[^]*a second bug[^]*a text/);
    await honest.works();
  });

  it('[REQ-4] an error’s text of any length reaches the caller as far as the wire takes it', async () => {
    const { port, server } = await startServer();
    server.method('verbose', () => {
      throw new HoldfastError('not-authorized', 'ä'.repeat(5_000));
    });
    const client = await RawClient.connect(port);
    client.request(1, 'verbose', null);
    const { text } = await client.next('failed');
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(1_024);
    expect(text).toMatch(/^ä{400,}…$/);
  });

  it('[ERR-1] what can’t be decoded fails with invalid-payload, and is not run', async () => {
    const { port, server } = await startServer();
    let runs = 0;
    server.method('count', () => ++runs);
    const client = await RawClient.connect(port);
    client.send({ type: 'request', request: 1, finished: 0, method: 'count', payload: Buffer.from('{"a":') });
    expect(await client.next('failed')).toMatchObject({ id: 1, code: 'invalid-payload', text: aSentence });
    expect(runs).toBe(0);
  });

  it('[ERR-1] a reply beyond messageBytesMax fails with too-big', async () => {
    const { port, server } = await startServer({ limits: { messageBytesMax: 70_000 } });
    server.method('huge', () => 'x'.repeat(70_000));
    const client = await RawClient.connect(port);
    client.request(1, 'huge', null);
    expect(await client.next('failed')).toMatchObject({ id: 1, code: 'too-big', text: aSentence });
  });
});

describe('signals', () => {
  it('[SIG-1] reach who is live, of one turn only the latest, and are never kept', async () => {
    const { port, server } = await startServer();
    const [from, to] = [await RawClient.connect(port), await RawClient.connect(port)];
    await to.subscribed(1, 't');
    const signal = (data: number) =>
      ({ type: 'signal', topic: 't', payload: jsonCodec.encode(data) }) as const;
    from.send(signal(1), signal(2), signal(3));
    expect(jsonCodec.decode((await to.next('signaled')).payload)).toBe(3);
    server.topic('t').signal('from the server');
    expect(jsonCodec.decode((await to.next('signaled')).payload)).toBe('from the server');
    expect(to.ofType('signaled')).toHaveLength(2);
    const late = await RawClient.connect(port);
    await late.subscribed(1, 't', 'start');
    await late.settled();
    expect(late.ofType('signaled')).toEqual([]);
    expect(late.data).toEqual([]);
  });
});

describe('statistics', () => {
  it('[CLOSE-1] count what happened, and name how each connection ended', async () => {
    const { port, server } = await startServer();
    server.method('echo', (data) => data);
    const [a, b] = [await RawClient.connect(port), await RawClient.connect(port)];
    await a.subscribed(1, 't');
    await b.published(1, 't', 1);
    await server.publish('t', 2);
    await a.dataOf(2);
    b.request(1, 'echo', 1);
    await b.next('reply');
    expect(server.stats()).toMatchObject({
      state: 'open',
      node: a.welcome.node,
      connections: 2,
      topics: 1,
      welcomed: 2,
      resumed: 0,
      published: 2,
      requests: 1,
      refused: 0,
      causes: {},
      closes: {},
    });
    expect(server.stats().messagesOut).toBeGreaterThanOrEqual(5);
    await a.close(1000);
    await b.close(3999);
    await (await Honest.join(port)).works();
    expect(server.stats()).toMatchObject({ connections: 1, topics: 1, closes: { closed: 1, 3999: 1 } });
  });
});
