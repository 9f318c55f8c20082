import assert from 'node:assert/strict';
import type { LogTest } from './log-contract.ts';
import { numbered, textOf } from './log-subject.ts';

/** What a log lets go, and how it says so. A log may keep more until `trim` was called, but not after. */
export function describeRetention(test: LogTest): void {
  test(
    '[SUB-4] what went beyond the count is a gap `retention` that ends where delivery goes on',
    async (subject) => {
      const positions = await subject.addAll('t', numbered(5));
      await subject.log.trim();
      assert.deepEqual(await subject.kept('t'), ['message 3', 'message 4', 'message 5']);
      const page = await subject.read('t', positions[0]!);
      assert.deepEqual(page.gap, { to: positions[1], reason: 'retention' });
      assert.equal(page.previous, positions[1]!.offset);
      assert.equal(page.entries.length, 3);
    },
    { retention: { countMax: 3 } },
  );

  test(
    '[SUB-4] whoever has all that went has no gap',
    async (subject) => {
      const positions = await subject.addAll('t', numbered(5));
      await subject.log.trim();
      for (const position of positions.slice(1)) {
        assert.equal((await subject.read('t', position)).gap, undefined, `after offset ${position.offset}`);
      }
    },
    { retention: { countMax: 3 } },
  );

  test(
    '[SUB-4] the bytes of a topic’s payloads are bounded',
    async (subject) => {
      for (const size of [40, 40, 40, 10]) await subject.add('t', 'x'.repeat(size));
      await subject.log.trim();
      assert.deepEqual(
        (await subject.kept('t')).map(({ length }) => length),
        [40, 40, 10],
      );
    },
    { retention: { bytesMax: 100 } },
  );

  test(
    '[SUB-4] messages go when they are too old, and their offsets are not used again',
    async (subject) => {
      const old = await subject.addAll('t', numbered(2));
      subject.nowMs += 700;
      const [young] = await subject.addAll('t', ['young']);
      subject.nowMs += 700;
      await subject.log.trim();
      const page = await subject.read('t', old[0]!);
      assert.deepEqual(page.gap, { to: old[1], reason: 'retention' });
      assert.deepEqual(
        page.entries.map(({ payload }) => textOf(payload)),
        ['young'],
      );
      subject.nowMs += 2_000;
      await subject.log.trim();
      assert.deepEqual(await subject.kept('t'), []);
      const { gap, entries } = await subject.read('t', old[1]!);
      assert.deepEqual({ gap, entries }, { gap: { to: young, reason: 'retention' }, entries: [] });
    },
    { retention: { ageMaxMs: 1_000 } },
  );

  test(
    '[SUB-4] what is added while old messages go stays',
    async (subject) => {
      await subject.addAll('t', numbered(2));
      subject.nowMs += 2_000;
      await Promise.all([subject.add('t', 'young'), subject.log.trim(), subject.add('t', 'younger')]);
      await subject.log.trim();
      assert.deepEqual(await subject.kept('t'), ['young', 'younger']);
    },
    { retention: { ageMaxMs: 1_000 } },
  );

  test(
    '[SUB-5] a topic that was forgotten and begins anew never uses an offset again',
    async (subject) => {
      const used = await subject.addAll('t', numbered(3));
      await subject.addAll('longer', numbered(9));
      for (let round = 0; round < 3; round++) {
        // Time enough for a log to forget all that it knew of the topic.
        subject.nowMs += 3_600_000;
        await subject.log.trim();
        const { position, previous } = await subject.add('t', `round ${round}`);
        const last = used.at(-1)!;
        assert.ok(position.epoch !== last.epoch || previous >= last.offset, `${previous} >= ${last.offset}`);
        const page = await subject.read('t', last);
        assert.deepEqual(
          page.entries.map(({ payload }) => textOf(payload)),
          [`round ${round}`],
        );
        used.push(position);
      }
    },
    { retention: { ageMaxMs: 1_000 } },
  );

  test(
    '[SUB-4] whoever has all of a topic that was emptied has no gap, whatever went on in others',
    async (subject) => {
      const quiet = await subject.follow('quiet');
      const had = { quiet: await subject.log.top('quiet'), t: (await subject.add('t', 'one')).position };
      quiet.end();
      await subject.addAll('busy', numbered(9));
      for (let round = 0; round < 3; round++) {
        subject.nowMs += 2_000;
        await subject.log.trim();
      }
      for (const [topic, position] of Object.entries(had)) {
        const { gap, entries } = await subject.read(topic, position);
        assert.deepEqual({ gap, entries }, { gap: undefined, entries: [] }, topic);
        assert.deepEqual(await subject.log.top(topic), position, topic);
      }
    },
    { retention: { ageMaxMs: 1_000 } },
  );

  test(
    '[SUB-4] each topic has its own retention',
    async (subject) => {
      await subject.addAll('short', numbered(5));
      await subject.addAll('long', numbered(5));
      await subject.log.trim();
      assert.equal((await subject.kept('short')).length, 2);
      assert.equal((await subject.kept('long')).length, 5);
    },
    { retention: (topic) => (topic === 'short' ? { countMax: 2 } : {}) },
  );

  test(
    '[SUB-1] `before` counts what is kept',
    async (subject) => {
      const positions = await subject.addAll('t', numbered(5));
      await subject.log.trim();
      assert.deepEqual(await subject.log.before('t', 1), positions[3]);
      assert.deepEqual(await subject.log.before('t', 4), positions[2]);
      assert.deepEqual(await subject.log.before('t', Infinity), positions[2]);
    },
    { retention: { countMax: 2 } },
  );
}
