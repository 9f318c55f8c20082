import assert from 'node:assert/strict';
import type { LogTest } from './log-contract.ts';
import { numbered, textOf } from './log-subject.ts';

/** Pages, and the answers for positions that the log does not know. */
export function describeRead(test: LogTest): void {
  test('[SUB-1] gives what follows a position, in order', async (subject) => {
    const positions = await subject.addAll('t', numbered(5));
    const page = await subject.read('t', positions[1]!);
    assert.equal(page.gap, undefined);
    assert.equal(page.epoch, positions[1]!.epoch);
    assert.equal(page.previous, positions[1]!.offset);
    assert.deepEqual(
      page.entries.map(({ offset, payload }) => [offset, textOf(payload)]),
      positions.slice(2).map(({ offset }, index) => [offset, `message ${index + 3}`]),
    );
  });

  test('[SUB-4] gives nothing and no gap at the top, also in a topic that never had a message', async (subject) => {
    await subject.addAll('t', numbered(3));
    for (const topic of ['t', 'never']) {
      const top = await subject.log.top(topic);
      const page = await subject.read(topic, top);
      assert.deepEqual(page, { epoch: top.epoch, previous: top.offset, entries: [] });
    }
  });

  test('[FLOW-2] pages of few messages join without loss or repeat', async (subject) => {
    const texts = numbered(10);
    await subject.addAll('t', texts);
    let after = await subject.log.before('t', Infinity);
    const read: string[] = [];
    for (const expected of [3, 3, 3, 1, 0]) {
      const page = await subject.read('t', after, 3);
      assert.equal(page.previous, after.offset);
      assert.equal(page.entries.length, expected);
      read.push(...page.entries.map(({ payload }) => textOf(payload)));
      after = { epoch: page.epoch, offset: page.entries.at(-1)?.offset ?? after.offset };
    }
    assert.deepEqual(read, texts);
  });

  test('[FLOW-2] a page keeps within its bytes, but one message it holds at least', async (subject) => {
    for (const size of [10, 10, 10, 100, 5]) await subject.add('t', 'x'.repeat(size));
    let after = await subject.log.before('t', Infinity);
    const sizes: number[][] = [];
    for (let i = 0; i < 4; i++) {
      const { epoch, entries } = await subject.read('t', after, 100, 25);
      sizes.push(entries.map(({ payload }) => payload.length));
      after = { epoch, offset: entries.at(-1)!.offset };
    }
    assert.deepEqual(sizes, [[10, 10], [10], [100], [5]]);
  });

  test('[SUB-5] a position of another epoch is a gap to the start of what is kept', async (subject) => {
    const positions = await subject.addAll('t', numbered(3));
    const start = await subject.log.before('t', Infinity);
    const page = await subject.read('t', { epoch: start.epoch + 1, offset: positions[1]!.offset }, 2);
    assert.deepEqual(page.gap, { to: start, reason: 'epoch' });
    assert.equal(page.epoch, start.epoch);
    assert.equal(page.previous, start.offset);
    assert.deepEqual(
      page.entries.map(({ payload }) => textOf(payload)),
      ['message 1', 'message 2'],
    );
  });

  test('[SUB-5] so is a position beyond the top', async (subject) => {
    await subject.addAll('t', numbered(2));
    const top = await subject.log.top('t');
    const page = await subject.read('t', { ...top, offset: top.offset + 1 });
    assert.deepEqual(page.gap, { to: await subject.log.before('t', Infinity), reason: 'epoch' });
    assert.equal(page.entries.length, 2);
  });

  test('[SUB-5] so is either in a topic that never had a message', async (subject) => {
    const top = await subject.log.top('never');
    for (const after of [
      { epoch: top.epoch + 1, offset: 0 },
      { epoch: top.epoch, offset: top.offset + 7 },
    ]) {
      const page = await subject.read('never', after);
      assert.deepEqual(page, {
        gap: { to: top, reason: 'epoch' },
        epoch: top.epoch,
        previous: top.offset,
        entries: [],
      });
    }
  });

  test('[SUB-1] `before` finds the newest n, the start of what is kept, and the top', async (subject) => {
    const positions = await subject.addAll('t', numbered(5));
    const start = await subject.log.before('t', Infinity);
    assert.deepEqual((await subject.read('t', start)).entries.length, 5);
    assert.deepEqual(await subject.log.before('t', 2), positions[2]);
    assert.deepEqual(await subject.log.before('t', 0), positions[4]);
    assert.deepEqual(await subject.log.before('t', 5), start);
    assert.deepEqual(await subject.log.before('t', 500), start);
    assert.deepEqual(await subject.log.before('never', 3), await subject.log.top('never'));
  });
}
