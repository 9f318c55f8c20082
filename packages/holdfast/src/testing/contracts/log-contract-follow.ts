import assert from 'node:assert/strict';
import type { LogTest } from './log-contract.ts';
import { numbered, textOf } from './log-subject.ts';

/** Followers: what is appended reaches them, chained, and nothing else does. */
export function describeFollowing(test: LogTest): void {
  test('[HUB-2] a follower hears exactly what is appended from now on, in order, chained to what was', async (subject) => {
    const [, second] = await subject.addAll('t', ['old 1', 'old 2']);
    const follower = await subject.follow('t');
    const positions = await subject.addAll('t', numbered(20));
    await follower.until('message 20');
    assert.deepEqual(follower.texts, numbered(20));
    let previous = second!.offset;
    for (const [index, message] of follower.messages.entries()) {
      assert.deepEqual({ epoch: message.epoch, offset: message.offset }, positions[index]);
      assert.equal(message.previous, previous);
      previous = message.offset;
    }
  });

  test('[PUB-3] repeats and stale publishes reach no follower', async (subject) => {
    const follower = await subject.follow('t');
    await subject.add('t', 'one', 'session', 1);
    await subject.add('t', 'three', 'session', 3);
    await subject.append('t', 'one again', 'session', 1);
    await subject.append('t', 'two', 'session', 2);
    await subject.add('t', 'the end');
    await follower.until('the end');
    assert.deepEqual(follower.texts, ['one', 'three', 'the end']);
  });

  test('a follower hears nothing of other topics', async (subject) => {
    const follower = await subject.follow('t');
    await subject.addAll('t2', numbered(3));
    await subject.addAll('T', numbered(3));
    await subject.add('t', 'the end');
    await follower.until('the end');
    assert.deepEqual(follower.texts, ['the end']);
  });

  test('[HUB-2] every follower of a topic hears it, and one that left hears no more', async (subject) => {
    const [stays, leaves] = [await subject.follow('t'), await subject.follow('t')];
    await subject.add('t', 'one');
    await Promise.all([stays.until('one'), leaves.until('one')]);
    leaves.end();
    await subject.add('t', 'two');
    await stays.until('two');
    assert.deepEqual(stays.texts, ['one', 'two']);
    assert.deepEqual(leaves.texts, ['one']);
  });

  test('[HUB-2] following first and reading then misses nothing of what is appended meanwhile', async (subject) => {
    const texts = numbered(200);
    const appending = subject.addAll('t', texts);
    const follower = await subject.follow('t');
    const start = await subject.log.before('t', Infinity);
    const { entries } = await subject.read('t', start);
    await appending;
    await subject.add('t', 'the end');
    await follower.until('the end');
    const read = entries.map(({ payload }) => textOf(payload));
    const after = entries.at(-1)?.offset ?? start.offset;
    const heard = follower.messages.filter(({ offset }) => offset > after);
    assert.equal(heard[0]?.previous, after, 'the first one heard continues what was read');
    assert.deepEqual([...read, ...heard.map(({ payload }) => textOf(payload))], [...texts, 'the end']);
  });

  test(
    '[HUB-2] a follower’s chain goes on when all that it followed was trimmed away',
    async (subject) => {
      const follower = await subject.follow('t');
      const { position } = await subject.add('t', 'one');
      subject.nowMs += 2_000;
      await subject.log.trim();
      await subject.log.trim();
      const next = await subject.add('t', 'two');
      await follower.until('two');
      assert.equal(next.previous, position.offset);
      assert.deepEqual(
        follower.messages.map(({ previous }) => previous),
        [0, position.offset],
      );
    },
    { retention: { ageMaxMs: 1_000 } },
  );
}
