import { describe, expect, it } from 'vitest';
import { createServer, memoryLog, type ServerOptions } from '../../src/server/create-server.ts';
import { resolveOptions } from '../../src/server/options.ts';
import { topicPolicies } from '../../src/server/topic-options.ts';
import { aSentence } from './fixture.ts';

/** For every option, values that no server should start with. */
const wrong: Record<string, unknown[]> = {
  authenticate: ['secret', {}, null],
  authorize: [true, {}, null],
  origins: ['https://app.example', [7], ['app.example'], ['https://app.example/'], ['*'], [''], [null]],
  log: [{}, 'redis://localhost', null, () => memoryLog()],
  topics: [
    'news',
    [],
    { news: 'latest' },
    { news: { policy: 'newest' } },
    { news: { retain: 5 } },
    { news: { retention: { count: 5 } } },
    { news: { retention: { countMax: -1 } } },
    { news: { retention: { ageMaxMs: Number.NaN } } },
    { news: { retention: { bytesMax: '1 MB' } } },
  ],
  limits: [
    7,
    { windowsMax: 5 },
    { windowMax: 0 },
    { windowMax: 2.5 },
    { windowMax: Infinity },
    { windowMax: Number.NaN },
    { windowMax: '256' },
    { windowMax: 1 },
    { messageBytesMax: -1 },
    { messageBytesMax: 1_000 },
    { pageBytesMax: 2_000_000 },
    { socketHighWaterBytes: 1_024 },
    { helloTimeoutMs: 0 },
  ],
  heartbeat: [
    25_000,
    { interval: 5 },
    { intervalMs: 0 },
    { intervalMs: Infinity },
    { graceMs: -1 },
    { graceMs: '5 s' },
  ],
  handshakesPerSecond: [0, -1, Infinity, Number.NaN, '1000'],
  trustedProxies: [
    '10.0.0.0/8',
    ['10.0.0.0/33'],
    ['10.0.0/8'],
    ['proxy.internal'],
    ['::1/129'],
    ['::1/'],
    [7],
  ],
  forwardedHeader: ['X-Forwarded-For', 'x-real-ip', 7],
  watermarks: [0.8, { memory: 1.1 }, { files: 0 }, { heap: '80 %' }, { cpu: 0.5 }, { eventLoopDelayMs: -1 }],
  path: ['live', '', 7],
  codec: ['json', {}, { encode: JSON.stringify }, { encode: JSON.stringify, decode: JSON.parse }, null],
  logger: [true, 'debug', {}, { info() {} }, null],
};

describe('options of createServer', () => {
  for (const [name, values] of Object.entries(wrong)) {
    for (const value of values) {
      it(`[ERR-1] ${name}: ${describeValue(value)} is an invalid-option that names it and what is expected`, () => {
        const create = (): unknown => createServer({ logger: false, [name]: value } as ServerOptions);
        const error = { name: 'HoldfastError', code: 'invalid-option', message: aSentence };
        expect(create).toThrow(expect.objectContaining(error));
        expect(create).toThrow(new RegExp(`createServer: "${name}`));
      });
    }
  }

  it('[ERR-1, CLUSTER-11] a codec must encode who is on a topic, where one has presence', () => {
    const encode = (value: unknown): Uint8Array => {
      if (value instanceof Uint8Array) return value;
      throw new Error('Bytes only.');
    };
    const codec = { encode, decode: (bytes: Uint8Array) => bytes };
    expect(() => resolveOptions({ codec, topics: { news: { presence: false } } })).not.toThrow();
    expect(() => resolveOptions({ codec, topics: { news: { presence: true } } })).toThrow(
      /"codec".*presence/,
    );
  });

  it('a codec may refuse what is none of the application’s values', () => {
    const encode = (): never => {
      throw new TypeError('no value of ours');
    };
    expect(() => resolveOptions({ codec: { encode, decode: () => undefined } })).not.toThrow();
  });

  it('[ERR-1] an unknown option is invalid, and the text lists those that exist', () => {
    expect(() => createServer({ maxPayload: 5 } as ServerOptions)).toThrow(
      /"maxPayload".*authenticate.*logger/,
    );
  });

  it('[ERR-1] every option is tried here', () => {
    expect(() => createServer({ none: 1 } as ServerOptions)).toThrow(
      new RegExp(`there are: ${Object.keys(wrong).join(', ')}\\.`),
    );
  });

  it('[ERR-1] options that are undefined are as if not given', () => {
    const names = Object.keys(wrong);
    const options = resolveOptions(Object.fromEntries(names.map((name) => [name, undefined])));
    expect({ ...options, codec: 0 }).toEqual({ ...resolveOptions({}), codec: 0 });
    expect(options.codec.encode(1)).toEqual(Buffer.from('1'));
    const inner = { limits: { windowMax: undefined }, heartbeat: { intervalMs: undefined } } as never;
    const { limits, heartbeatMs } = resolveOptions({});
    expect(resolveOptions(inner)).toMatchObject({ limits, heartbeatMs });
  });

  it('[ERR-1] unbounded retention may be asked for', () => {
    const unbounded = { countMax: Infinity, bytesMax: Infinity, ageMaxMs: Infinity };
    expect(resolveOptions({ topics: { t: { retention: unbounded } } }).topics?.t?.retention).toEqual(
      unbounded,
    );
  });

  it('[AUTH-1] a server that is open to all says so once in its log', async () => {
    const lines: string[] = [];
    const logger = {
      info: (text: string) => void lines.push(text),
      warn: (text: string) => void lines.push(text),
    };
    const open = createServer({ logger });
    const guarded = createServer({ logger, authenticate: () => undefined, authorize: () => false });
    expect(lines).toEqual([expect.stringContaining('open to all')]);
    await Promise.all([open.close(), guarded.close()]);
  });
});

describe('policies by topic name', () => {
  it('[FLOW-6] the exact name wins, then the longest pattern, then the default', () => {
    const policyOf = topicPolicies({
      'a/*': { policy: 'latest' },
      'a/b/*': { policy: 'drop' },
      'a/b/c': { retention: { countMax: 1 } },
    });
    expect(policyOf('a/b/c')).toMatchObject({ policy: 'replay', retention: { countMax: 1 } });
    expect(policyOf('a/b/d').policy).toBe('drop');
    expect(policyOf('a/x').policy).toBe('latest');
    expect(policyOf('a')).toMatchObject({ policy: 'replay', retention: { countMax: 10_000 } });
  });
});

function describeValue(value: unknown): string {
  if (typeof value === 'function') return 'a function';
  const text = JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'number' && !Number.isFinite(inner)
      ? String(inner)
      : typeof inner === 'function'
        ? 'a function'
        : inner,
  );
  return text;
}
