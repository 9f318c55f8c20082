import { describe, expect, it } from 'vitest';
import type { ClientOptions, Endpoints } from '../../src/client/options.ts';
import { HoldfastError, type ErrorCode } from '../../src/protocol/error-codes.ts';
import { Bed, URL } from './bed.ts';
import { Wire } from './wire.ts';

describe('options', () => {
  const wrong: [string, ClientOptions][] = [
    ['outbox.countMax of 0', { outbox: { countMax: 0 } }],
    ['outbox.bytesMax below 0', { outbox: { bytesMax: -1 } }],
    ['a base that is no number', { backoff: { baseMs: Number.NaN } }],
    ['a cap of 0', { backoff: { capMs: 0 } }],
    ['a connect timeout of 0', { connectTimeoutMs: 0 }],
    ['a heartbeat that never comes', { heartbeat: { intervalMs: Infinity } }],
    ['a request timeout that is a text', { requestTimeoutMs: 'soon' as never }],
    ['a number that is a text', { requestTimeoutMs: '3000' as never }],
    ['an option that there is not', { tokn: 'secret' } as never],
    ['one that there is not within another', { backoff: { baseMS: 5 } as never }],
    ['one in the wrong place', { baseMs: 5 } as never],
    ['a heartbeat of another name', { heartbeat: 'often' as never }],
    ['a heartbeat that never comes', { heartbeat: { intervalMs: Infinity } }],
    ['no heartbeat at all', { heartbeat: null as never }],
  ];
  for (const [name, options] of wrong) {
    it(`[ERR-1] ${name} throws "invalid-option" at once`, () => {
      expect(() => new Wire(options)).toThrow(expect.objectContaining({ code: 'invalid-option' }));
    });
  }

  const addresses: string[] = [
    '',
    'nowhere',
    'ftp://host/',
    '//host/',
    'ws://',
    'ws://user:secret@host/',
    'ws://host:undefined/',
    '/path',
  ];
  for (const address of addresses) {
    it(`[ERR-1] the address "${address}" throws "invalid-option" at once, and keeps secrets to itself`, () => {
      expect(() => new Wire({}, address)).toThrow(expect.objectContaining({ code: 'invalid-option' }));
      expect(() => new Wire({}, address)).not.toThrow(/secret/);
    });
  }

  for (const [given, dialled] of [
    ['https://host/path?x=1', 'wss://host/path?x=1'],
    ['http://host:81', 'ws://host:81'],
    ['wss://[::1]:8080/', 'wss://[::1]:8080/'],
  ]) {
    it(`[ERR-1] the address "${given}" dials "${dialled}"`, async () => {
      const wire = new Wire({}, given);
      await wire.turn();
      expect(wire.socket.url).toBe(dialled);
    });
  }
});

it('[ERR-1] what is to be called and is no function throws "invalid-option" at once', () => {
  const { client } = new Wire();
  const refusal = expect.objectContaining({ code: 'invalid-option' });
  expect(() => client.subscribe('news', undefined as never)).toThrow(refusal);
  expect(() => client.onStatus(undefined as never)).toThrow(refusal);
  expect(() => client.subscribe('news', () => {}).on('gap', 'alert' as never)).toThrow(refusal);
});

it('[ERR-1] what stands in the place of options throws or rejects with "invalid-option"', async () => {
  const { client } = new Wire();
  const refusal = expect.objectContaining({ code: 'invalid-option' });
  for (const options of ['start', { form: 'start' }, { from: 'last' }, { from: 'position' }, { from: 3 }])
    expect(() => client.subscribe('news', () => {}, options as never)).toThrow(refusal);
  for (const timeoutMs of ['soon', 0, Number.NaN])
    await expect(client.request('sum', [1, 2], { timeoutMs } as never)).rejects.toEqual(refusal);
});

describe('what goes out with the first hello', () => {
  it('[HELLO-2] is taken in, however much more of it the server refuses afterwards', async () => {
    const limits = { subscriptionsMax: 10, windowMax: 16 };
    const bed = new Bed({ heartbeat: { intervalMs: 10_000 } }, { limits });
    bed.server.method('double', (n: number) => n * 2);
    const subscriptions = Array.from({ length: 50 }, (_, n) => bed.client.subscribe(`topic ${n}`, () => {}));
    for (const subscription of subscriptions) subscription.on('error', () => {});
    const answers = Array.from({ length: 16 }, (_, n) => [
      bed.client.publish('news', n),
      bed.client.request('double', n),
    ]);
    await bed.wait(Promise.all(answers.flat()));
    const ready = await bed.wait(Promise.allSettled(subscriptions.map((one) => one.ready)));
    expect(ready.filter(({ status }) => status === 'fulfilled')).toHaveLength(10);
    expect(bed.client.status).toMatchObject({ phase: 'live', attempt: 0 });
  });
});

describe('addresses', () => {
  /** The hosts that a client dials while each of them refuses. */
  async function dialled(endpoints: Endpoints, times: number): Promise<string[]> {
    const wire = new Wire({}, endpoints);
    for (let i = 0; wire.sockets.length < times && i < 1_000; i++) {
      await wire.clock.advance(500);
      wire.sockets.at(-1)?.hangUp();
    }
    return wire.sockets.slice(0, times).map(({ url }) => url);
  }

  it('[RET-2] several are dialled in turn', async () => {
    expect(await dialled(['ws://a/', 'ws://b/'], 4)).toEqual(['ws://a/', 'ws://b/', 'ws://a/', 'ws://b/']);
  });

  it('[RET-2] a provider is asked before each attempt', async () => {
    let asked = 0;
    expect(await dialled(async () => `ws://host-${++asked}/`, 3)).toEqual([
      'ws://host-1/',
      'ws://host-2/',
      'ws://host-3/',
    ]);
  });

  it('[RET-2] a provider that fails is asked again later', async () => {
    let asked = 0;
    const wire = new Wire({}, () => {
      if (++asked < 3) throw new Error('no network');
      return 'ws://there/';
    });
    await wire.turn();
    expect(wire.client.status).toMatchObject({
      phase: 'waiting',
      cause: { code: 'unreachable', text: 'no network' },
    });
    await wire.clock.advance(60_000);
    expect(wire.sockets.length).toBeGreaterThan(0);
  });

  for (const given of ['nowhere', [], null, 7] as Endpoints[]) {
    it(`[RET-4] a provider that gives ${JSON.stringify(given)} ends in "failed"`, async () => {
      const wire = new Wire({}, () => given as string);
      await wire.turn();
      expect(wire.client.status).toMatchObject({ phase: 'failed', cause: { code: 'invalid-option' } });
      await wire.clock.advance(60_000);
      expect(wire.sockets).toEqual([]);
    });
  }

  it('[RET-5] says what the socket says of its failure, where it does', async () => {
    const wire = new Wire();
    await wire.turn();
    wire.socket.onerror!({ message: 'connect ECONNREFUSED 127.0.0.1:9' } as never);
    wire.socket.hangUp();
    expect(wire.client.status.cause?.text).toBe('connect ECONNREFUSED 127.0.0.1:9');
  });

  it('[RET-3] a socket that can’t be made counts as a failed attempt', async () => {
    const wire = new Wire();
    wire.refuseToOpen = () => new Error('The port is blocked.');
    await wire.turn();
    expect(wire.client.status).toMatchObject({ phase: 'waiting', cause: { text: 'The port is blocked.' } });
    wire.refuseToOpen = () => undefined;
    await wire.clock.advance(60_000);
    expect(wire.sockets.length).toBeGreaterThan(0);
  });
});

describe('tokens', () => {
  it('[AUTH-1] a function is asked before each attempt, and told when the last was refused', async () => {
    const asked: boolean[] = [];
    const authenticate = ({ token }: { token: string }) => (token === 'good' ? { id: 'ann' } : undefined);
    const token = ({ rejected }: { rejected: boolean }): string => {
      asked.push(rejected);
      return rejected ? 'good' : 'stale';
    };
    const bed = new Bed({ token }, { authenticate });
    await bed.until(() => bed.client.status.phase === 'live');
    expect(asked).toEqual([false, true]);
  });

  it('[RES-4] what went out beside a token that was refused goes out again as new', async () => {
    const authenticate = ({ token }: { token: string }) => (token === 'good' ? { id: 'ann' } : undefined);
    const token = ({ rejected }: { rejected: boolean }): string => (rejected ? 'good' : 'stale');
    const bed = new Bed({ token }, { authenticate });
    bed.server.method('double', (n: number) => 2 * n);
    const published = bed.client.publish('news', 1);
    expect(await bed.wait(bed.client.request('double', 2))).toBe(4);
    expect(await bed.wait(published)).toMatchObject({ offset: 1 });
  });

  it('[RES-4] what went out to a server that was too busy goes out again as new', async () => {
    const bed = new Bed({}, { handshakesPerSecond: 1 });
    const others = [bed.another(), bed.another()];
    for (const client of [bed.client, ...others])
      expect(await bed.wait(client.publish('news', 1))).toHaveProperty('offset');
  });

  it('[CLOSE-2] a server that wants one is told apart from one that refuses it', async () => {
    const bed = new Bed({}, { authenticate: () => undefined });
    await bed.until(() => bed.client.status.phase === 'failed');
    expect(bed.client.status.cause?.text).toContain('option `token`');
  });

  for (const token of [undefined, 'mine'])
    it(`[RET-4] reconnect() asks the server again with ${token ?? 'no token'}: a cookie may be another`, async () => {
      let isSignedIn = false;
      const authenticate = (): { id: string } | undefined => (isSignedIn ? { id: 'ann' } : undefined);
      const bed = new Bed({ ...(token && { token }) }, { authenticate });
      for (let time = 0; time < 2; time++) {
        await bed.until(() => bed.client.status.phase === 'failed');
        expect(bed.client.status.cause?.code).toBe('unauthorized');
        isSignedIn = time === 1;
        bed.client.reconnect();
      }
      await bed.until(() => bed.client.status.phase === 'live');
    });

  it('[CLOSE-2] a text that is refused ends in "failed", with what to do', async () => {
    const bed = new Bed({ token: 'stale' }, { authenticate: () => undefined });
    await bed.until(() => bed.client.status.phase === 'failed');
    expect(bed.client.status.cause).toMatchObject({ code: 'unauthorized' });
    expect(bed.client.status.cause?.text).toContain('function');
    expect(await bed.codeOf(bed.client.publish('news', 1))).toBe('unauthorized');
  });

  it('[CLOSE-2] a function whose tokens are refused twice ends in "failed"', async () => {
    let asked = 0;
    const bed = new Bed({ token: async () => `token ${++asked}` }, { authenticate: () => undefined });
    await bed.until(() => bed.client.status.phase === 'failed');
    expect(asked).toBe(2);
  });

  it('[RET-3] a function that rejects counts as a failed attempt', async () => {
    let asked = 0;
    const bed = new Bed({ token: () => (++asked < 3 ? Promise.reject(new Error('no login')) : 'good') });
    await bed.pass(0);
    expect(bed.client.status).toMatchObject({
      phase: 'waiting',
      cause: { code: 'unreachable', text: 'no login' },
    });
    await bed.until(() => bed.client.status.phase === 'live');
    expect(asked).toBe(3);
  });

  it('[RET-3] a function that met an error of another client is asked again; one that gives up is not', async () => {
    let code: ErrorCode = 'timed-out';
    const wire = new Wire({ token: () => Promise.reject(new HoldfastError(code, 'no login')) });
    await wire.turn();
    expect(wire.client.status).toMatchObject({ phase: 'waiting', cause: { text: 'no login' } });
    code = 'unauthorized';
    await wire.clock.advance(60_000);
    expect(wire.client.status).toMatchObject({ phase: 'failed', cause: { code, text: 'no login' } });
  });

  for (const [what, token] of Object.entries({
    nothing: undefined,
    'a number': 7,
    'more than a server reads': 'é'.repeat(8_193),
  })) {
    it(`[RET-4] a function that gives ${what} ends in "failed", and sends none of it`, async () => {
      const wire = new Wire({ token: () => token as string });
      await wire.turn();
      expect(wire.client.status).toMatchObject({ phase: 'failed', cause: { code: 'invalid-option' } });
      expect(wire.client.status.cause?.text).toContain('token');
      expect(wire.sockets).toEqual([]);
    });
  }

  it('[RET-3] a function that hangs is given up after the connect timeout, and asked again', async () => {
    let asked = 0;
    const bed = new Bed({
      connectTimeoutMs: 2_000,
      token: () => (++asked === 1 ? new Promise<string>(() => {}) : 'good'),
    });
    await bed.pass(1_999);
    expect(bed.client.status.phase).toBe('connecting');
    await bed.pass(1);
    expect(bed.client.status.cause?.text).toBe('No address, token or connection within 2000 ms.');
    await bed.until(() => bed.client.status.phase === 'live');
    expect(asked).toBe(2);
  });

  it('[RET-3] a function that takes longer than an attempt may serves the next with its answer', async () => {
    const bed: Bed = new Bed({
      connectTimeoutMs: 2_000,
      token: () => new Promise((resolve) => void bed.testbed.clock.at(5_000, () => resolve('good'))),
    });
    await bed.pass(4_999);
    expect(bed.lines).toBe(0);
    await bed.pass(2_000);
    expect(bed.client.status.phase).toBe('live');
  });

  it('[RET-3] what was asked beside a connection that went on serves no attempt after it', async () => {
    let asked = 0;
    let answer: (token: string) => void = () => {};
    const token = (): string | Promise<string> =>
      ++asked === 2 ? new Promise((resolve) => (answer = resolve)) : `token ${asked}`;
    const wire = await Wire.live({ token });
    wire.hint('visible');
    await wire.clock.advance(1_000);
    expect(wire.client.status.phase).toBe('suspect');
    wire.socket.say({ type: 'pong', id: 1, finished: 0 });
    answer('token 2');
    await wire.clock.advance(10_000);
    wire.socket.hangUp();
    await wire.turn();
    wire.socket.open();
    await wire.turn();
    expect(wire.sockets).toHaveLength(2);
    expect(wire.socket.records[0]).toMatchObject({ type: 'hello', token: 'token 3' });
  });

  it('[AUTH-3] that lives for twenty seconds is asked for six times in a minute', async () => {
    let asked = 0;
    const token = (): string => `token ${++asked}`;
    const authenticate = (): { id: string; expiresAtMs: number } => ({
      id: 'ann',
      expiresAtMs: bed.serverProcess.clock.wallMs() + 20_000,
    });
    const bed = new Bed({ token }, { authenticate, authorize: () => true });
    await bed.pass(60_000);
    expect(asked).toBeGreaterThan(3);
    expect(asked).toBeLessThan(9);
    expect(bed.client.status).toMatchObject({ phase: 'live', attempt: 0 });
  });

  it('[AUTH-3] is refreshed without a reconnect before it expires', async () => {
    let issued = 0;
    const bed = new Bed({ token: () => `token ${++issued}` });
    bed.testbed.server(
      {
        authenticate: () => ({ id: 'ann', expiresAtMs: bed.testbed.clock.nowMs() + 120_000 }),
      },
      2,
    );
    const { client } = bed.testbed.client('ws://virtual:2/', {
      token: () => `token ${++issued}`,
      name: 'ann',
    });
    await bed.until(() => client.status.phase === 'live');
    const { since } = client.status;
    const before = issued;
    await bed.pass(600_000);
    expect(client.status).toMatchObject({ phase: 'live', since });
    expect(issued - before).toBeGreaterThanOrEqual(4);
  });
});

describe('reconnect()', () => {
  it('[LIVE-5] makes the new connection before it breaks the old one, and loses nothing', async () => {
    const bed = await Bed.live();
    const seen: number[] = [];
    const phases = new Set<string>();
    await bed.wait(bed.client.subscribe('news', (n: number) => seen.push(n)).ready);
    bed.client.onStatus(({ phase }) => phases.add(phase));
    const old = bed.line;
    bed.client.reconnect();
    for (let n = 1; n <= 20; n++) {
      await bed.server.publish('news', n);
      await bed.pass(0.5);
    }
    await bed.until(() => bed.client.status.phase === 'live' && seen.length === 20);
    expect(seen).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
    // The server closes the old one when the new one says hello, which may be heard before the welcome.
    expect([...phases].filter((phase) => !['draining', 'connecting', 'live'].includes(phase))).toEqual([]);
    expect(bed.line).not.toBe(old);
    await bed.until(() => bed.server.stats().connections === 1);
  });
});

describe('a server that drains', () => {
  it('[DRAIN-1] its clients move to another before it closes, and lose nothing', async () => {
    const bed = new Bed({}, {}, [URL, 'ws://virtual:2/']);
    await bed.until(() => bed.client.status.phase === 'live');
    bed.testbed.server({}, 2);
    await bed.pass(10);
    const phases = new Set<string>();
    bed.client.onStatus(({ phase }) => phases.add(phase));
    await bed.wait(bed.server.drain({ deadlineMs: 10_000 }));
    await bed.until(() => bed.client.status.phase === 'live');
    expect(bed.client.status.endpoint).toBe('ws://virtual:2/');
    expect([...phases].toSorted()).toEqual(['draining', 'live']);
    expect(bed.server.stats().connections).toBe(0);
  });
});
