import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { redisLog, type RedisLogOptions } from 'holdfast/logs/redis';
import { createServer, HoldfastError } from 'holdfast/server';
import { describeLog, describeSharedLog, LogSubject } from 'holdfast/testing/contracts';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { rightsNeeded } from '../packages/holdfast/src/server/logs/redis/failures.ts';
import { requirePeer } from './peers.ts';
import { patient } from './support/ledger.ts';
import { freePort, RedisServer } from './support/redis.ts';
import { createCertificate } from './zoo/certificates.ts';

const stands = requirePeer('redis-server', 'openssl');
const runner = { describe, it: (title: string, body: () => Promise<void>) => it(title, body, 30_000) };
let prefixes = 0;
const freshPrefix = (): string => `test-${++prefixes}`;

describe.runIf(stands)('on one Redis', () => {
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await RedisServer.start();
  });
  afterAll(() => redis.stop());

  describeLog('redis', () => redisLog({ url: redis.url, prefix: freshPrefix() }), runner);
  describeSharedLog(
    'redis',
    () => {
      const prefix = freshPrefix();
      return { log: () => redisLog({ url: redis.url, prefix }), destroy: () => {} };
    },
    runner,
  );
});

describe.runIf(stands)('what is wrong is told at start, with what to do, and without any secret', () => {
  async function startRedis(...settings: readonly string[]): Promise<RedisServer> {
    const redis = await RedisServer.start(...settings);
    onTestFinished(() => redis.stop());
    return redis;
  }

  /** The error with which a server on this log does not start. */
  async function failureOf(options: string | RedisLogOptions): Promise<HoldfastError> {
    const server = createServer({ logger: false, log: redisLog(options) });
    const error = await server.listen(0, '127.0.0.1').then(
      () => new Error('It did start.'),
      (failure: unknown) => failure,
    );
    await server.close();
    expect(error).toBeInstanceOf(HoldfastError);
    const shown = inspect(error, { depth: 10, showHidden: true });
    expect(shown).not.toContain('s3cret');
    return error as HoldfastError;
  }

  it('[ERR-1] an address where nothing listens, one that does not exist, and one that does not speak Redis', async () => {
    const nothing = await failureOf('redis://user:s3cret@127.0.0.1:1');
    expect(nothing.code).toBe('log-unavailable');
    expect(nothing.message).toMatch(/127\.0\.0\.1:1: .*ECONNREFUSED.*start Redis, or correct the address/);
    expect((await failureOf('redis://:s3cret@redis.invalid')).message).toMatch(
      /redis\.invalid:6379: .*correct the address/,
    );
    const web = createHttpServer();
    onTestFinished(() => void web.close());
    await new Promise<void>((resolve) => void web.listen(0, '127.0.0.1', resolve));
    const { port } = web.address() as { port: number };
    expect((await failureOf(`redis://127.0.0.1:${port}`)).message).toMatch(
      /does not speak as Redis does|hung up/,
    );
  });

  it('[ERR-1] an address that is none, and options that do not exist', () => {
    for (const url of [
      '',
      'localhost:6379',
      'http://user:s3cret@host',
      'redis://user:s3cret@host:99999',
      '//s3cret',
    ]) {
      let error: unknown;
      try {
        redisLog(url);
      } catch (failure) {
        error = failure;
      }
      expect(error, url).toMatchObject({ code: 'invalid-option' });
      expect(inspect(error, { showHidden: true }), url).not.toContain('s3cret');
    }
    expect(() => redisLog({ url: 'redis://host', prefx: 'p' } as never)).toThrow(
      /"prefx" is not an option; there are: /,
    );
    expect(() => redisLog({ url: 'redis://host', prefix: '{p}' })).toThrow(/"prefix" must be/);
    expect(() => redisLog({ url: 'redis://host', deadlineMs: -1 })).toThrow(/"deadlineMs" is -1; it must be/);
    expect(() => redisLog({ url: ['redis://host', 'rediss://host'] })).toThrow(/same scheme/);
    for (const secret of [{ password: 4711 }, { sentinel: { name: 'shop', password: 4711 } }])
      expect(() => redisLog({ url: 'redis://host', ...secret } as never)).toThrow(
        /password" is of type number; it must be a text\.$/,
      );
  });

  it('[ERR-1] a password that is wrong, missing, or not wanted', async () => {
    const locked = await startRedis();
    const open = await startRedis();
    await locked.command('CONFIG', 'SET', 'requirepass', 's3cret');
    expect((await failureOf(locked.url.replace('//', '//:s3cretoo@'))).message).toMatch(
      /WRONGPASS.*correct them/,
    );
    expect((await failureOf(locked.url)).message).toMatch(/NOAUTH.*give redisLog\(\) one/);
    expect((await failureOf({ url: open.url, password: 's3cret' })).message).toMatch(
      /has no password: leave it out/,
    );
    const right = await LogSubject.open(redisLog({ url: locked.url, password: 's3cret' }), {});
    await right.add('t', 'one');
    await right.log.close();
  });

  it('[ERR-1] a user without a right to a command, a key or a channel; with those that the error names it works', async () => {
    const redis = await startRedis();
    // Up to Redis 6.2 a new user may use all channels.
    const needed = ['resetchannels', '~holdfast:*', '&holdfast:*', ...rightsNeeded.split(' ')];
    const rightsWithout: Record<string, string[]> = {
      commands: needed.filter((right) => !right.startsWith('+x')),
      publish: needed.filter((right) => right !== '+publish'),
      keys: needed.filter((right) => !right.startsWith('~')),
      channels: needed.filter((right) => !right.startsWith('&')),
    };
    for (const [what, rights] of Object.entries(rightsWithout)) {
      await redis.command('ACL', 'SETUSER', what, 'on', '>s3cret', ...rights);
      const error = await failureOf(redis.url.replace('//', `//${what}:s3cret@`));
      expect(error.message, what).toMatch(/lacks a right; it needs: .*\+xadd/);
    }
    await redis.command('ACL', 'SETUSER', 'all', 'on', '>s3cret', ...needed);
    const right = await LogSubject.open(redisLog(redis.url.replace('//', '//all:s3cret@')), {});
    await right.add('t', 'one');
    await right.follow('t');
    expect(await right.kept('t')).toEqual(['one']);
    await right.log.close();
  });

  it('[ERR-1] a Redis that evicts keys when it is full', async () => {
    const redis = await startRedis('--maxmemory 100mb', '--maxmemory-policy allkeys-lru');
    const error = await failureOf(redis.url);
    expect(error.code).toBe('invalid-option');
    expect(error.message).toMatch(/maxmemory-policy allkeys-lru.*Set maxmemory-policy to noeviction/);
    await redis.command('CONFIG', 'SET', 'maxmemory', '0');
    const harmless = await LogSubject.open(redisLog(redis.url), {});
    await harmless.log.close();
  });

  it('[ERR-1] a key of another type under the prefix, or another deployment’s', async () => {
    const redis = await startRedis();
    await redis.command('SET', 'taken:deployment', 'something');
    expect((await failureOf({ url: redis.url, prefix: 'taken' })).message).toMatch(/WRONGTYPE.*`prefix`/);
    const shop = await LogSubject.open(redisLog({ url: redis.url, deployment: 'shop' }), {});
    const error = await failureOf({ url: redis.url, deployment: 'chat' });
    expect(error.message).toMatch(/"holdfast" belongs to the deployment "shop".*"chat".*prefix of its own/);
    await shop.add('t', 'goes on');
    await shop.log.close();
  });

  it('[ERR-1] TLS with a certificate, without one that is trusted, and on a port that has none', async () => {
    const { key, cert, authority } = createCertificate('IP:127.0.0.1', 2);
    const folder = mkdtempSync(join(tmpdir(), 'holdfast-redis-tls-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    for (const [name, text] of Object.entries({ key, cert, authority }))
      writeFileSync(join(folder, name), text);
    const port = await freePort();
    const files = `--tls-key-file ${folder}/key --tls-cert-file ${folder}/cert --tls-ca-cert-file ${folder}/authority`;
    const redis = await startRedis(`--tls-port ${port}`, files, '--tls-auth-clients no');
    const subject = await LogSubject.open(
      redisLog({ url: `rediss://127.0.0.1:${port}`, tls: { ca: authority } }),
      {},
    );
    await subject.add('t', 'one');
    await subject.log.close();
    expect((await failureOf(`rediss://127.0.0.1:${port}`)).message).toMatch(/certificate.*the option `tls`/);
    expect((await failureOf(redis.url.replace('redis:', 'rediss:'))).message).toMatch(
      /rediss:\/\/ only for a port with TLS/,
    );
    expect((await failureOf(`redis://127.0.0.1:${port}`)).message).toMatch(/rediss:\/\//);
  });

  it('[ERR-1] a replica alone', async () => {
    const primary = await startRedis();
    const replica = await startRedis(`--replicaof 127.0.0.1 ${primary.port}`);
    expect((await failureOf(replica.url)).message).toMatch(
      /replica: give redisLog\(\) the primary’s address/,
    );
  });

  it('[ERR-1, PUB-3] one that becomes full refuses publishes with the cause, and takes them when there is room', async () => {
    const redis = await startRedis();
    const subject = await LogSubject.open(redisLog({ url: redis.url, probeIntervalMs: 50 }), {});
    await redis.command('CONFIG', 'SET', 'maxmemory', '1');
    await expect(subject.append('t', 'one', 'session', 1)).rejects.toThrow(/OOM.*raise its maxmemory/);
    await vi.waitFor(
      () => expect(subject.log.health?.()).toMatch(/takes no writes: OOM.*maxmemory/),
      patient,
    );
    await redis.command('CONFIG', 'SET', 'maxmemory', '0');
    await subject.add('t', 'one', 'session', 1);
    expect(await subject.kept('t')).toEqual(['one']);
    await vi.waitFor(() => expect(subject.log.health?.()).toBeUndefined(), patient);
    await subject.log.close();
  });

  it('[ERR-1] a topic whose key is of another type fails alone', async () => {
    const redis = await startRedis();
    const subject = await LogSubject.open(redisLog(redis.url), {});
    await redis.command('SET', 'holdfast:{tt}:state', 'something');
    await expect(subject.append('t', 'one')).rejects.toThrow(/WRONGTYPE/);
    await expect(subject.log.top('t')).rejects.toThrow(/WRONGTYPE/);
    await subject.add('u', 'one');
    await subject.log.close();
  });
});

describe.runIf(stands)('what Redis keeps', () => {
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await RedisServer.start();
  });
  afterAll(() => redis.stop());

  it('[SUB-4] every key that grows has an end: messages after their age, dedup and state after what was promised', async () => {
    const settings = { retention: { ageMaxMs: 10_000 }, dedupTtlMs: 600_000 };
    const subject = await LogSubject.open(redisLog(redis.url), settings);
    await subject.add('t', 'one', 'session', 1);
    await subject.add('t', 'two');
    await subject.log.top('never');
    const lives: Record<string, number> = {};
    for (const key of await redis.command<string[]>('KEYS', 'holdfast:*')) {
      lives[key.replace(/~.*/, '~')] = await redis.command<number>('PTTL', key);
    }
    const day = 86_400_000;
    expect(lives).toEqual({
      'holdfast:deployment': -1,
      'holdfast:dedup:session': within(600_000, 800_000),
      'holdfast:{tt}:dedup:~': within(60_000, 200_000),
      'holdfast:{tt}:messages': within(10_000, 150_000),
      'holdfast:{tt}:state': within(day, day + 20_000),
      'holdfast:{tnever}:state': within(day, day + 20_000),
    });
    // As if most of the time had passed: whoever goes on publishing gives them their whole time again.
    const prolonged = ['holdfast:{tt}:messages', 'holdfast:{tt}:state', 'holdfast:dedup:session'];
    for (const key of prolonged) await redis.command('PEXPIRE', key, '5000');
    subject.nowMs += 60_000;
    await subject.add('t', 'three', 'session', 2);
    for (const key of prolonged)
      expect(await redis.command<number>('PTTL', key), key).toBeGreaterThan(10_000);
    await subject.log.close();
  });

  it('[SUB-4, SUB-5] what expired by itself is a gap, and its offsets are not used again', async () => {
    const subject = await LogSubject.open(redisLog({ url: redis.url, prefix: freshPrefix() }), {});
    const [first, , third] = await subject.addAll('t', ['one', 'two', 'three']);
    await redis.command('DEL', `test-${prefixes}:{tt}:messages`);
    expect(await subject.read('t', first!)).toMatchObject({
      gap: { to: third, reason: 'retention' },
      entries: [],
    });
    expect((await subject.add('t', 'four')).previous).toBe(third!.offset);
    await redis.command('DEL', `test-${prefixes}:{tt}:state`);
    const { position } = await subject.add('t', 'five');
    expect(position.epoch).not.toBe(first!.epoch);
    expect(await subject.kept('t')).toEqual(['five']);
    await subject.log.close();
  });

  it('[SUB-4] the upkeep of many topics keeps no publish waiting', async () => {
    const subject = await LogSubject.open(redisLog({ url: redis.url, prefix: freshPrefix() }), {});
    await Promise.all(Array.from({ length: 5_000 }, (_, n) => subject.add(`t${n}`, 'one')));
    let isDone = false;
    const trimmed = subject.log.trim().then(() => (isDone = true));
    // The first takes as long as it takes to begin.
    for (let n = 0; n < 2; n++) await subject.add('t', 'one');
    await new Promise(setImmediate);
    expect(isDone, 'the publish came after all that the upkeep asked').toBe(false);
    await trimmed;
    await subject.log.close();
  });

  it('[RES-2] databases of one Redis are deployments apart, their channels too', async () => {
    const [zero, one] = await Promise.all(
      ['0', '1'].map((database) => LogSubject.open(redisLog(`${redis.url}/${database}`), {})),
    );
    const followers = await Promise.all([zero!.follow('t'), one!.follow('t')]);
    await zero!.add('t', 'of zero');
    await one!.add('t', 'of one');
    await followers[0]!.until('of zero');
    await followers[1]!.until('of one');
    expect(followers.map(({ texts }) => texts)).toEqual([['of zero'], ['of one']]);
    expect(await zero!.log.key()).not.toEqual(await one!.log.key());
    await Promise.all([zero!.log.close(), one!.log.close()]);
  });
});

function within(low: number, high: number): unknown {
  return {
    asymmetricMatch: (value: number) => value >= low && value <= high,
    toString: () => `${low} to ${high}`,
  };
}
