import assert from 'node:assert/strict';
import type { MessageLog } from '../../server/message-log.ts';
import { describeFollowing } from './log-contract-follow.ts';
import { describeRead } from './log-contract-read.ts';
import { describeRetention } from './log-contract-retention.ts';
import { bytesOf, LogSubject, numbered, type SubjectSettings } from './log-subject.ts';
import type { Runner } from './runner.ts';

/**
 * What every log behind the port `server/message-log.ts` must do, whatever it is made of.
 *
 *   import { describe, it } from 'vitest';
 *   describeLog('memory', () => memoryLog(), {
 *     describe,
 *     it: (title, body) => it(title, body, 30_000),
 *   });
 *
 * `make` gives a log that nobody has opened yet and that remembers nothing; the suite opens and closes it.
 */
export function describeLog(
  name: string,
  make: () => MessageLog | Promise<MessageLog>,
  runner: Runner,
): void {
  /** One test with a log of its own. */
  const test: LogTest = (title, body, settings = {}) =>
    runner.it(title, async () => {
      const subject = await LogSubject.open(await make(), settings);
      try {
        await body(subject);
      } finally {
        await subject.log.close();
      }
    });
  runner.describe(`the log ${name}`, () => {
    runner.describe('append', () => describeAppend(test));
    runner.describe('dedup', () => describeDedup(test));
    runner.describe('read', () => describeRead(test));
    runner.describe('follow', () => describeFollowing(test));
    runner.describe('retention', () => describeRetention(test));
    runner.describe('key', () => describeKey(test));
  });
}

export type LogTest = (
  title: string,
  body: (subject: LogSubject) => Promise<void>,
  settings?: SubjectSettings,
) => void;

function describeAppend(test: LogTest): void {
  test('[PUB-1] offsets rise, and each message names the one before it', async (subject) => {
    let before = await subject.log.top('t');
    assert.equal(before.offset, 0, 'a topic that never had a message stands at 0');
    for (const text of numbered(5)) {
      const { position, previous } = await subject.add('t', text);
      assert.equal(position.epoch, before.epoch);
      assert.equal(previous, before.offset);
      assert.ok(position.offset > previous, `${position.offset} > ${previous}`);
      assert.deepEqual(await subject.log.top('t'), position);
      before = position;
    }
  });

  test('[PUB-1] appends that were not waited for keep the order of their calls', async (subject) => {
    const texts = numbered(50);
    const added = await Promise.all(texts.map((text) => subject.add('t', text)));
    const offsets = added.map(({ position }) => position.offset);
    assert.deepEqual(
      offsets,
      offsets.toSorted((a, b) => a - b),
    );
    assert.deepEqual(await subject.kept('t'), texts);
  });

  test('[HUB-2] a topic’s chain does not see other topics', async (subject) => {
    const first = await subject.add('a', 'one');
    await subject.addAll('b', numbered(3));
    const second = await subject.add('a', 'two');
    assert.equal(second.previous, first.position.offset);
  });

  test('[WIRE-3] epochs and offsets fit the wire: whole numbers below 2⁵³', async (subject) => {
    const { position } = await subject.add('t', 'one');
    assert.ok(Number.isSafeInteger(position.epoch) && position.epoch > 0, String(position.epoch));
    assert.ok(Number.isSafeInteger(position.offset) && position.offset > 0, String(position.offset));
  });

  test('[WIRE-4] payloads are kept byte for byte: none, all values, and a large one', async (subject) => {
    const payloads = [
      new Uint8Array(0),
      Uint8Array.from({ length: 256 }, (_, value) => value),
      new Uint8Array(1_000_000).fill(0xc3),
    ];
    for (const payload of payloads) await subject.log.append('t', undefined, 0, payload);
    const start = await subject.log.before('t', Infinity);
    const { entries } = await subject.read('t', start, 10, 4_000_000);
    assert.deepEqual(
      entries.map(({ payload }) => [...payload].length),
      [0, 256, 1_000_000],
    );
    for (const [index, { payload }] of entries.entries()) {
      assert.equal(Buffer.compare(payload, payloads[index]!), 0, `payload ${index}`);
    }
  });

  // A Buffer's `slice` is a view, and what arrives from a socket is a Buffer: both kinds are tried.
  for (const kind of ['Uint8Array', 'Buffer'] as const) {
    test(`[WIRE-4] a payload given as ${kind} is copied: its memory is the caller’s again`, async (subject) => {
      const given = kind === 'Buffer' ? Buffer.from('before') : bytesOf('before');
      const appended = subject.log.append('t', undefined, 0, given);
      await appended;
      given.fill(0);
      assert.deepEqual(await subject.kept('t'), ['before']);
      const { entries } = await subject.read('t', await subject.log.before('t', Infinity));
      assert.notEqual(
        entries[0]!.payload.buffer,
        given.buffer,
        'a view would keep the whole message in memory',
      );
    });
  }

  test('[AUTH-5] names that look alike or hold the log’s own separators are topics of their own', async (subject) => {
    const names = [
      'a',
      'A',
      'a ',
      'a.b',
      'a:b',
      'a*',
      'a>',
      '{a}',
      '$inbox:a',
      'ä',
      '世界',
      'a/b',
      '"',
      'x'.repeat(256),
    ];
    for (const name of names) await subject.add(name, `in ${name}`);
    for (const name of names) assert.deepEqual(await subject.kept(name), [`in ${name}`], name);
  });
}

function describeDedup(test: LogTest): void {
  test('[PUB-3] a repeat adds nothing, and is answered with the first position', async (subject) => {
    await subject.add('t', 'else');
    const first = await subject.add('t', 'one', 'session', 1);
    await subject.add('t', 'two', 'session', 2);
    const repeat = await subject.append('t', 'one', 'session', 1);
    assert.deepEqual(repeat, { ...first, status: 'duplicate' });
    assert.deepEqual(await subject.kept('t'), ['else', 'one', 'two']);
  });

  test('[PUB-3] of two at the same time one is added', async (subject) => {
    const both = await Promise.all([1, 2].map(() => subject.append('t', 'one', 'session', 1)));
    assert.deepEqual(both.map(({ status }) => status).toSorted(), ['appended', 'duplicate']);
    const [a, b] = both.map((appended) => ('position' in appended ? appended.position : undefined));
    assert.deepEqual(a, b);
    assert.deepEqual(await subject.kept('t'), ['one']);
  });

  test('[PUB-3] a sequence that was passed over is stale, and adds nothing', async (subject) => {
    await subject.add('t', 'one', 'session', 1);
    await subject.add('t', 'three', 'session', 3);
    assert.deepEqual(await subject.append('t', 'two', 'session', 2), { status: 'stale' });
    assert.deepEqual(await subject.kept('t'), ['one', 'three']);
  });

  test('[PUB-3] a session’s sequences count over all its topics', async (subject) => {
    const first = await subject.add('a', 'one', 'session', 1);
    const repeat = await subject.append('b', 'one', 'session', 1);
    assert.deepEqual(repeat, { ...first, status: 'duplicate' });
    assert.deepEqual(await subject.kept('b'), []);
  });

  test('[PUB-3] sessions do not see each other’s sequences, and what has none is never a repeat', async (subject) => {
    await subject.add('t', 'one', 'session', 1);
    await subject.add('t', 'two', 'session 2', 1);
    await subject.add('t', 'three');
    await subject.add('t', 'four');
    assert.deepEqual(await subject.kept('t'), ['one', 'two', 'three', 'four']);
  });

  test(
    '[PUB-3] the newest `dedupWindow` repeats get their position; older ones are never added again',
    async (subject) => {
      const first = [];
      for (let sequence = 1; sequence <= 12; sequence++) {
        first.push(await subject.add('t', `message ${sequence}`, 'session', sequence));
      }
      for (let sequence = 1; sequence <= 12; sequence++) {
        const repeat = await subject.append('t', 'again', 'session', sequence);
        assert.notEqual(repeat.status, 'appended', `sequence ${sequence}`);
        if (sequence > 4) assert.deepEqual(repeat, { ...first[sequence - 1], status: 'duplicate' });
      }
      assert.deepEqual(await subject.kept('t'), numbered(12));
    },
    { dedupWindow: 8 },
  );

  test(
    '[PUB-3] a repeat is known for `dedupTtlMs` after the last publish, even when its message is no longer kept',
    async (subject) => {
      const first = await subject.add('t', 'one', 'session', 1);
      subject.nowMs += 59_000;
      await subject.log.trim();
      await subject.log.trim();
      assert.deepEqual(await subject.kept('t'), []);
      assert.deepEqual(await subject.append('t', 'one', 'session', 1), { ...first, status: 'duplicate' });
      assert.deepEqual(await subject.kept('t'), []);
    },
    { dedupTtlMs: 60_000, retention: { ageMaxMs: 1_000 } },
  );
}

function describeKey(test: LogTest): void {
  test('[RES-2] is 256 bits at least, not all alike, and the same whenever it is asked for', async (subject) => {
    const key = await subject.log.key();
    assert.ok(key.length >= 32, `${key.length} bytes`);
    assert.ok(new Set(key).size > 8, 'a key of few values was not drawn at random');
    assert.deepEqual([...(await subject.log.key())], [...key]);
  });
}
