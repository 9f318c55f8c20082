import assert from 'node:assert/strict';
import { numbered, textOf, type Follower, type LogSubject, type SubjectSettings } from './log-subject.ts';
import type { Runner } from './runner.ts';
import { SharedSubject, type SharedStore } from './shared-subject.ts';

export type { SharedStore } from './shared-subject.ts';

/**
 * What a log must do beyond `describeLog` when it outlives its node, and several nodes share it.
 * `make` gives a store that remembers nothing; the suite opens logs on it and destroys it.
 */
export function describeSharedLog(
  name: string,
  make: () => SharedStore | Promise<SharedStore>,
  runner: Runner,
): void {
  const test: SharedTest = (title, body, settings = {}) =>
    runner.it(title, async () => {
      const subject = new SharedSubject(await make(), settings);
      try {
        await body(subject);
      } finally {
        await subject.end();
      }
    });
  runner.describe(`the log ${name}, shared`, () => {
    runner.describe('memory', () => describeMemory(test));
    runner.describe('dedup', () => describeDedup(test));
    runner.describe('follow', () => describeFollowing(test));
    runner.describe('order', () => describeOrder(test));
    runner.describe('retention', () => describeRetention(test));
    runner.describe('broadcast', () => describeBroadcast(test));
  });
}

type SharedTest = (
  title: string,
  body: (subject: SharedSubject) => Promise<void>,
  settings?: SubjectSettings,
) => void;

/** What outlives a node. */
function describeMemory(test: SharedTest): void {
  test('[RES-2, SUB-1] opened again it has its messages, epoch, offsets and key', async (subject) => {
    const first = await subject.open();
    const positions = await first.addAll('t', numbered(5));
    const key = await first.log.key();
    await subject.close(first);
    const second = await subject.open();
    assert.deepEqual(await second.log.top('t'), positions.at(-1));
    assert.deepEqual(await second.kept('t'), numbered(5));
    assert.deepEqual([...(await second.log.key())], [...key]);
    const page = await second.read('t', positions[1]!);
    assert.equal(page.gap, undefined, 'who resumes after a restart has no gap');
    assert.deepEqual(
      page.entries.map(({ offset }) => offset),
      positions.slice(2).map(({ offset }) => offset),
    );
    const next = await second.add('t', 'message 6');
    assert.equal(next.previous, positions.at(-1)!.offset);
    assert.equal(next.position.epoch, positions[0]!.epoch);
  });

  test('[RES-2] nodes that open an empty store at the same time agree on epoch and key', async (subject) => {
    const nodes = await Promise.all([1, 2, 3].map(() => subject.open()));
    const [key, ...keys] = await Promise.all(nodes.map(async ({ log }) => [...(await log.key())]));
    for (const other of keys) assert.deepEqual(other, key);
    const [top, ...tops] = await Promise.all(nodes.map(({ log }) => log.top('t')));
    for (const other of tops) assert.deepEqual(other, top);
  });

  test('[SUB-1] a node that comes later has all that came before it', async (subject) => {
    const early = await subject.open();
    const positions = await early.addAll('t', numbered(3));
    const late = await subject.open();
    assert.deepEqual(await late.kept('t'), numbered(3));
    assert.deepEqual(await late.log.top('t'), positions.at(-1));
    assert.deepEqual(await late.log.before('t', 2), positions[0]);
  });
}

function describeDedup(test: SharedTest): void {
  test('[PUB-3] opened again it knows each repeat, and what was passed over', async (subject) => {
    const first = await subject.open();
    const one = await first.add('t', 'one', 'session', 1);
    const three = await first.add('t', 'three', 'session', 3);
    await subject.close(first);
    const second = await subject.open();
    assert.deepEqual(await second.append('t', 'one', 'session', 1), { ...one, status: 'duplicate' });
    assert.deepEqual(await second.append('t', 'three', 'session', 3), { ...three, status: 'duplicate' });
    assert.deepEqual(await second.append('t', 'two', 'session', 2), { status: 'stale' });
    assert.deepEqual(await second.kept('t'), ['one', 'three']);
  });

  test('[PUB-3] a repeat on another node adds nothing, and is answered with the first position', async (subject) => {
    const [a, b] = await subject.openAll(2);
    const first = await a.add('t', 'one', 'session', 1);
    assert.deepEqual(await b.append('t', 'one', 'session', 1), { ...first, status: 'duplicate' });
    const second = await b.add('t', 'two', 'session', 2);
    assert.deepEqual(await a.append('t', 'two', 'session', 2), { ...second, status: 'duplicate' });
    assert.deepEqual(await a.kept('t'), ['one', 'two']);
  });

  test('[PUB-3] of the same publish on two nodes at once one is added, and both know where', async (subject) => {
    const [a, b] = await subject.openAll(2);
    for (let sequence = 1; sequence <= 20; sequence++) {
      const text = `message ${sequence}`;
      const both = await Promise.all([a, b].map((node) => node.append('t', text, 'session', sequence)));
      assert.deepEqual(both.map(({ status }) => status).toSorted(), ['appended', 'duplicate'], text);
      const [first, second] = both.map((appended) =>
        'position' in appended ? appended.position : undefined,
      );
      assert.deepEqual(first, second);
    }
    assert.deepEqual(await a.kept('t'), numbered(20));
  });

  test('[PUB-3] another node’s repeats reach no follower', async (subject) => {
    const [a, b] = await subject.openAll(2);
    const follower = await a.follow('t');
    await a.add('t', 'one', 'session', 1);
    await b.append('t', 'one', 'session', 1);
    await b.add('t', 'the end');
    await follower.until('the end');
    assert.deepEqual(follower.texts, ['one', 'the end']);
  });
}

function describeFollowing(test: SharedTest): void {
  test('[HUB-2] each node hears what the others append, in order, chained to what was', async (subject) => {
    const [a, b] = await subject.openAll(2);
    const { position } = await a.add('t', 'old');
    const followers = await Promise.all([a.follow('t'), b.follow('t')]);
    for (const [index, text] of numbered(10).entries()) await (index % 2 ? a : b).add('t', text);
    for (const follower of followers) {
      await follower.until('message 10');
      assert.deepEqual(follower.texts, numbered(10));
      assertChained(follower, position.offset);
    }
  });

  test('[HUB-2] a node hears nothing of topics that it does not follow, or no longer', async (subject) => {
    const [a, b] = await subject.openAll(2);
    const [stays, leaves] = await Promise.all([a.follow('t'), a.follow('left')]);
    await b.add('left', 'one');
    await leaves.until('one');
    leaves.end();
    await b.addAll('left', numbered(3));
    await b.addAll('other', numbered(3));
    await b.add('t', 'the end');
    await stays.until('the end');
    assert.deepEqual([stays.texts, leaves.texts], [['the end'], ['one']]);
  });

  test('[HUB-2] following first and reading then misses nothing of what another node appends meanwhile', async (subject) => {
    const [a, b] = await subject.openAll(2);
    const texts = numbered(200);
    const appending = a.addAll('t', texts);
    const follower = await b.follow('t');
    const start = await b.log.before('t', Infinity);
    const { entries } = await b.read('t', start);
    await appending;
    await a.add('t', 'the end');
    await follower.until('the end');
    const after = entries.at(-1)?.offset ?? start.offset;
    const heard = follower.messages.filter(({ offset }) => offset > after);
    assert.equal(heard[0]?.previous, after, 'the first one heard continues what was read');
    assert.deepEqual(
      [...entries, ...heard].map(({ payload }) => textOf(payload)),
      [...texts, 'the end'],
    );
  });

  test('[HUB-2] nodes that stay go on when one has left', async (subject) => {
    const [a, b, leaves] = await subject.openAll(3);
    const follower = await a.follow('t');
    await leaves.follow('t');
    await leaves.add('t', 'one');
    await subject.close(leaves);
    await b.add('t', 'two');
    await follower.until('two');
    assert.deepEqual(follower.texts, ['one', 'two']);
  });
}

function describeOrder(test: SharedTest): void {
  test('[PUB-1, HUB-2] what several nodes append at once has one order, which all of them hear and read', async (subject) => {
    const nodes = await subject.openAll(3);
    const followers = await Promise.all(nodes.map((node) => node.follow('t')));
    await Promise.all(nodes.map((node, index) => appendAll(node, `node ${index}`, 40)));
    await nodes[0].add('t', 'the end');
    const order = await nodes[0].kept('t');
    assert.equal(order.length, 121);
    for (const node of nodes) assert.deepEqual(await node.kept('t'), order);
    for (const follower of followers) {
      await follower.until('the end');
      assert.deepEqual(follower.texts, order);
      assertChained(follower, 0);
    }
    for (const index of nodes.keys()) {
      const own = order.filter((text) => text.startsWith(`node ${index}`));
      assert.deepEqual(own, textsOf(`node ${index}`, 40), 'each node’s own keep the order of their calls');
    }
  });

  test('[PUB-1] no two nodes are given the same position', async (subject) => {
    const nodes = await subject.openAll(3);
    const added = await Promise.all(nodes.map((node, index) => appendAll(node, `node ${index}`, 20)));
    const offsets = added.flat().map(({ position }) => position.offset);
    assert.equal(new Set(offsets).size, 60);
    const previous = added.flat().map((each) => each.previous);
    assert.equal(new Set(previous).size, 60, 'no two messages continue the same one');
  });
}

function describeRetention(test: SharedTest): void {
  test(
    '[SUB-4] what one node trimmed away is a gap `retention` on the others',
    async (subject) => {
      const [a, b] = await subject.openAll(2);
      const positions = await b.addAll('t', numbered(5));
      await a.log.trim();
      const page = await b.read('t', positions[0]!);
      assert.deepEqual(page.gap, { to: positions[2], reason: 'retention' });
      assert.deepEqual(
        page.entries.map(({ payload }) => textOf(payload)),
        ['message 4', 'message 5'],
      );
    },
    { retention: { countMax: 2 } },
  );

  test(
    '[SUB-4, SUB-5] a topic that one node emptied goes on above on another, opened before or after',
    async (subject) => {
      const [a, b] = await subject.openAll(2);
      const positions = await a.addAll('t', numbered(3));
      subject.advance(2_000);
      await a.log.trim();
      for (const node of [b, await subject.open()]) {
        assert.deepEqual(await node.log.top('t'), positions.at(-1));
        assert.equal((await node.read('t', positions.at(-1)!)).gap, undefined);
      }
      const next = await b.add('t', 'next');
      assert.equal(next.previous, positions.at(-1)!.offset);
    },
    { retention: { ageMaxMs: 1_000 } },
  );
}

function describeBroadcast(test: SharedTest): void {
  test('[HUB-5] a broadcast reaches every other node, and never the one that made it', async (subject) => {
    const nodes = await subject.openAll(3);
    for (const [index, node] of nodes.entries())
      node.log.broadcast(new TextEncoder().encode(`from ${index}`));
    const texts = nodes.map((_, index) => `from ${index}`);
    for (const [index, node] of nodes.entries()) {
      const others = texts.filter((text) => text !== `from ${index}`);
      for (const text of others) await node.untilHeard(text);
    }
    // What each hears last came after its own could have come back.
    for (const node of nodes) node.log.broadcast(new TextEncoder().encode('the end'));
    for (const [index, node] of nodes.entries()) {
      await node.untilHeard('the end', 2);
      assert.ok(!node.heard.includes(`from ${index}`), 'nobody hears himself');
      assert.equal(node.heard.length, 4);
    }
  });

  test('[HUB-5, CLUSTER-1] a node’s last word is heard, though it closes its log with it', async (subject) => {
    const [stays, leaves] = await subject.openAll(2);
    leaves.log.broadcast(new TextEncoder().encode('goodbye'));
    await subject.close(leaves);
    await stays.untilHeard('goodbye');
  });

  test('[HUB-5] broadcasts are bytes, empty ones and large ones too', async (subject) => {
    const [a, b] = await subject.openAll(2);
    const texts = ['', 'x'.repeat(60_000), '\0\n'];
    for (const text of texts) a.log.broadcast(new TextEncoder().encode(text));
    for (const text of texts) await b.untilHeard(text);
    assert.deepEqual(b.heard.toSorted(), texts.toSorted());
  });
}

function textsOf(node: string, count: number): string[] {
  return numbered(count).map((text) => `${node}: ${text}`);
}

function appendAll(
  node: LogSubject,
  name: string,
  count: number,
): Promise<Awaited<ReturnType<LogSubject['add']>>[]> {
  return Promise.all(textsOf(name, count).map((text) => node.add('t', text)));
}

function assertChained(follower: Follower, start: number): void {
  let previous = start;
  for (const message of follower.messages) {
    assert.equal(message.previous, previous, `the message before offset ${message.offset}`);
    previous = message.offset;
  }
}
