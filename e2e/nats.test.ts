import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { natsLog, type NatsLogOptions } from 'holdfast/logs/nats';
import { describeLog, describeSharedLog, LogSubject, type SubjectSettings } from 'holdfast/testing/contracts';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { requirePeer } from './peers.ts';
import { oneTo, patient } from './support/ledger.ts';
import { startNats, withJetStream, type NatsServer } from './support/nats.ts';

const runner = {
  describe,
  it: (title: string, body: () => Promise<void>) => it(title, body, 30_000),
};

describe.runIf(requirePeer('nats-server'))('holdfast/logs/nats on one server', () => {
  let server: NatsServer;
  let prefixes = 0;
  beforeAll(async () => {
    server = await startNats();
  });
  afterAll(() => server.destroy());

  describeLog('nats', () => natsLog({ url: server.url, prefix: `test${++prefixes}` }), runner);
  describeSharedLog(
    'nats',
    () => {
      const prefix = `test${++prefixes}`;
      return { log: () => natsLog({ url: server.url, prefix }), destroy: () => {} };
    },
    runner,
  );

  async function open(
    options: Partial<NatsLogOptions> = {},
    settings: SubjectSettings = {},
  ): Promise<LogSubject> {
    const subject = await LogSubject.open(natsLog({ url: server.url, prefix: 'mine', ...options }), settings);
    onTestFinished(() => subject.log.close());
    return subject;
  }

  async function manager(): Promise<JetStreamManager> {
    const nats = await connect({ servers: new URL(server.url).host });
    onTestFinished(() => nats.close());
    return jetstreamManager(nats);
  }

  describe('what outlives NATS', () => {
    it('[PUB-1, PUB-3] kill -9 of NATS: an append waits for its return, and messages, epoch and dedup are the same', async () => {
      const subject = await open({ prefix: 'killed' });
      const first = await subject.add('t', 'one', 'session', 1);
      const three = await subject.add('t', 'three', 'session', 3);
      const follower = await subject.follow('t');
      await server.kill();
      const waiting = subject.add('t', 'four', 'session', 4);
      await vi.waitFor(() => expect(subject.log.health?.()).toMatch(/lost|refused/i), patient);
      await server.start();
      const four = await waiting;
      expect(four.previous).toBe(three.position.offset);
      expect(four.position.epoch).toBe(first.position.epoch);
      await follower.until('four');
      expect(subject.log.health?.()).toBeUndefined();
      // A node that remembers nothing itself asks NATS.
      const other = await open({ prefix: 'killed' });
      expect(await other.append('t', 'one', 'session', 1)).toEqual({ ...first, status: 'duplicate' });
      expect(await other.append('t', 'two', 'session', 2)).toEqual({ status: 'stale' });
      expect(await other.kept('t')).toEqual(['one', 'three', 'four']);
    });

    it('[PUB-3] what retention dropped within the duplicate window is known after a restart of NATS', async () => {
      const settings = { retention: { countMax: 1 } };
      const subject = await open({ prefix: 'dropped' }, settings);
      for (const n of oneTo(5)) await subject.add('t', `message ${n}`, 'session', n);
      for (const _ of oneTo(3)) await subject.log.trim();
      expect(await subject.kept('t')).toEqual(['message 5']);
      await server.kill();
      await server.start();
      const other = await open({ prefix: 'dropped' }, settings);
      for (const n of oneTo(5))
        expect((await other.append('t', 'again', 'session', n)).status).toBe('duplicate');
      expect(await other.kept('t')).toEqual(['message 5']);
    });

    it('[SUB-4] what is older than the duplicate window is removed from the stream, all but the newest that is gone', async () => {
      const subject = await open({ prefix: 'removed' }, { retention: { countMax: 2 }, dedupTtlMs: 200 });
      const positions = await subject.addAll(
        't',
        oneTo(10).map((n) => `message ${n}`),
      );
      const { streams } = await manager();
      await vi.waitFor(async () => {
        await subject.log.trim();
        expect((await streams.info('removed', { subjects_filter: 'removed.t.*' })).state.subjects).toEqual({
          'removed.t.t': 3,
        });
      }, patient);
      expect(await subject.kept('t')).toEqual(['message 9', 'message 10']);
      expect((await subject.read('t', positions[7]!)).gap).toBeUndefined();
      expect((await subject.read('t', positions[6]!)).gap).toEqual({ to: positions[7], reason: 'retention' });
    });

    it('[SUB-8] nothing is left of an empty topic that nobody comes back to, and who still follows it loses nothing', async () => {
      const settings = { retention: { ageMaxMs: 1_000, isTransient: true }, dedupTtlMs: 200 };
      const [a, b] = [await open({ prefix: 'gone' }, settings), await open({ prefix: 'gone' }, settings)];
      const follower = await b.follow('t');
      const { position } = await a.add('t', 'one');
      await follower.until('one');
      a.nowMs += 2_000;
      b.nowMs += 2_000;
      const { streams } = await manager();
      await vi.waitFor(async () => {
        await Promise.all([a.log.trim(), b.log.trim()]);
        const { subjects } = (await streams.info('gone', { subjects_filter: 'gone.>' })).state;
        expect(Object.keys(subjects!).filter((subject) => !subject.startsWith('gone.control.'))).toEqual([]);
        // A node whose look came before the other's has its own copy of the end until the next.
        expect(await a.kept('t')).toEqual([]);
      }, patient);
      const two = await a.add('t', 'two');
      await follower.until('two');
      for (const node of [a, b]) {
        const { gap, entries } = await node.read('t', position);
        expect(gap).toBeUndefined();
        expect(entries.map(({ offset }) => offset)).toEqual([two.position.offset]);
      }
    });

    it('[SUB-5] a stream that was restored from a backup is a new epoch, on every node, and followers are told', async () => {
      const nodes = [await open({ prefix: 'restored' }), await open({ prefix: 'restored' })];
      const [a, b] = nodes as [LogSubject, LogSubject];
      await a.add('t', 'kept', 'session', 1);
      await server.kill();
      const restore = server.backUp();
      await server.start();
      const lost = await a.add('t', 'lost', 'session', 2);
      const follower = await b.follow('t');
      expect(await b.log.top('t')).toEqual(lost.position);
      await server.kill();
      restore();
      await server.start();
      const again = await a.add('t', 'anew', 'session', 3);
      expect(again.position.epoch).not.toBe(lost.position.epoch);
      await follower.until('anew');
      expect(follower.messages.at(-1)!.epoch).toBe(again.position.epoch);
      const page = await b.read('t', lost.position);
      expect(page.gap).toMatchObject({ reason: 'epoch' });
      expect(await b.kept('t')).toEqual(['kept', 'anew']);
      expect(await b.append('t', 'lost', 'session', 2)).toEqual({ status: 'stale' });
    });

    it('[SUB-5, RES-2] a stream that was deleted is made anew, with an epoch of its own and the key of its nodes', async () => {
      const nodes = [await open({ prefix: 'deleted' }), await open({ prefix: 'deleted' })];
      const { position } = await nodes[0]!.add('t', 'one');
      const key = await nodes[0]!.log.key();
      await (await manager()).streams.delete('deleted');
      const added = nodes[0]!.add('t', 'two');
      await nodes[1]!.log.trim();
      expect((await added).position.epoch).not.toBe(position.epoch);
      expect(await nodes[1]!.kept('t')).toEqual(['two']);
      expect((await nodes[1]!.log.top('t')).epoch).toBe((await nodes[0]!.log.top('t')).epoch);
      expect(await (await open({ prefix: 'deleted' })).log.key()).toEqual(key);
    });
  });

  describe('bad input at start', () => {
    async function refusal(
      options: Partial<NatsLogOptions>,
      settings: SubjectSettings = {},
    ): Promise<string> {
      const log = natsLog({ url: server.url, prefix: `bad${++prefixes}`, ...options });
      const error = await LogSubject.open(log, settings).then(
        () => undefined,
        (reason: unknown) => reason as Error,
      );
      expect(error, 'the log opened').toBeDefined();
      expect(error!.message).not.toContain('hunter2');
      return error!.message;
    }

    it('a wrong address', async () => {
      expect(await refusal({ url: 'nats://someone:hunter2@127.0.0.1:9' })).toMatch(
        /^NATS at 127\.0\.0\.1:9 can’t be used: .*start nats-server, or correct the address\.$/s,
      );
    });

    it('a server without JetStream, and one that wants a password', async () => {
      const plain = await startNats('');
      onTestFinished(() => plain.destroy());
      expect(await refusal({ url: plain.url })).toMatch(/jetstream.*Start nats-server with -js/is);
      const guarded = await startNats(`${withJetStream}\nauthorization { user: me, password: right }`);
      onTestFinished(() => guarded.destroy());
      const url = guarded.url.replace('nats://', 'nats://me:hunter2@');
      expect(await refusal({ url })).toMatch(/User, password or token is wrong/);
    });

    it('a user without rights; with those that the error names it works', async () => {
      const user = (name: string, publish: string[], subscribe: string[]): string =>
        `{ user: ${name}, password: right, permissions: ${JSON.stringify({ publish, subscribe })} }`;
      const prefix = `bad${++prefixes}`;
      const poor = user('poor', ['$JS.API.INFO', '_INBOX.>'], ['>']);
      const able = user(
        'able',
        [`${prefix}.>`, '$JS.API.>'],
        [`${prefix}.>`, '_INBOX.>', '$JS.EVENT.ADVISORY.STREAM.>'],
      );
      const strict = await startNats(`${withJetStream}\nauthorization { users: [${poor}, ${able}] }`);
      onTestFinished(() => strict.destroy());
      expect(await refusal({ prefix, url: strict.url, username: 'poor', password: 'right' })).toMatch(
        /may not publish "\$JS\.API\.STREAM\.INFO\.bad\d+"\. Grant what natsLog\(\) needs, .*PREFIX\.> and \$JS\.API\.>/,
      );
      const subject = await open({ prefix, url: strict.url, username: 'able', password: 'right' });
      const follower = await subject.follow('t');
      await subject.addAll(
        't',
        oneTo(40).map((n) => `message ${n}`),
      );
      await follower.until('message 40');
      expect((await subject.kept('t')).length).toBe(40);
      await subject.log.trim();
    });

    it('a stream with other settings, and one that takes the same subjects', async () => {
      const { streams } = await manager();
      const prefix = `bad${++prefixes}`;
      await streams.add({ name: prefix, subjects: [`${prefix}.t.*`], max_age: 60_000_000_000 } as never);
      expect(await refusal({ prefix })).toMatch(/max_age is 60000000000 and must be 0.*nats stream edit/s);
      const taken = `bad${++prefixes}`;
      await streams.add({ name: 'somebody', subjects: [`${taken}.>`] } as never);
      expect(await refusal({ prefix: taken })).toMatch(/Another stream takes subjects below "bad\d+"/);
    });

    it('another deployment on the same prefix, another session lifetime, and more replicas than servers', async () => {
      const prefix = `bad${++prefixes}`;
      await open({ prefix, deployment: 'production' });
      expect(await refusal({ prefix, deployment: 'staging' })).toMatch(
        /belongs to the deployment "production", and this node to "staging"/,
      );
      expect(await refusal({ prefix, deployment: 'production' }, { dedupTtlMs: 90_000 })).toMatch(
        /duplicate_window is 60000000000 and must be 90000000000/,
      );
      expect(await refusal({ replicas: 3 })).toMatch(/can’t keep 3 replicas/);
    });
  });
});
