import { describe, expect, it } from 'vitest';
import { Followed } from '../../../src/server/logs/redis/followed.ts';
import { Keys } from '../../../src/server/logs/redis/keys.ts';
import { slotOf } from '../../../src/server/logs/redis/slots.ts';

/** The cluster specification's own example, and its rule of hash tags. */
describe('slots', () => {
  it('are the CRC-16 of the specification', () => {
    expect(slotOf('123456789')).toBe(0x31c3);
    expect(slotOf('')).toBe(0);
  });

  it('depend on the first hash tag alone, unless it is empty', () => {
    expect(slotOf('a{tag}b')).toBe(slotOf('tag'));
    expect(slotOf('{tag}{other}')).toBe(slotOf('tag'));
    expect(slotOf('{}a')).not.toBe(slotOf(''));
    expect(slotOf('a}b{tag}')).toBe(slotOf('tag'));
  });
});

describe('keys', () => {
  const names = [
    't',
    '',
    'a}b',
    '}',
    '{',
    '{}',
    '%7d',
    'a%7db',
    'a:state',
    'ä',
    '世界',
    '{t}:state',
    'a}:dedup:s',
  ];

  it('all that belongs to a topic is in one slot, whatever its name', () => {
    const keys = new Keys('holdfast', 0, true);
    for (const name of names) {
      const all = [
        ...keys.topic(name),
        keys.dedup(name, 's'),
        keys.dedupOfTopic(name, '~n'),
        keys.channel(name),
      ];
      expect(new Set(all.map(slotOf)).size, name).toBe(1);
    }
  });

  it('no two topics share one, and none is taken for another kind', () => {
    const keys = new Keys('holdfast', 0, true);
    const all = names.flatMap((name) => [
      ...keys.topic(name),
      keys.dedup(name, 's'),
      keys.dedup(name, 's}:state'),
      keys.channel(name),
    ]);
    expect(new Set([...all, keys.deployment, keys.nodes]).size).toBe(all.length + 2);
  });

  it('a session’s dedup is one for all topics, but on a cluster', () => {
    const [single, cluster] = [new Keys('p', 0, false), new Keys('p', 0, true)];
    expect(single.dedup('a', 's')).toBe(single.dedup('b', 's'));
    expect(cluster.dedup('a', 's')).not.toBe(cluster.dedup('b', 's'));
  });

  it('databases share channels in Redis, and so have names of their own', () => {
    const [zero, one] = [new Keys('p', 0, false), new Keys('p', 1, false)];
    expect(zero.channel('t')).not.toBe(one.channel('t'));
    expect(zero.nodes).not.toBe(one.nodes);
    expect(zero.probe('n', 0).channel).not.toBe(one.probe('n', 0).channel);
    expect(zero.topic('t')).toEqual(one.topic('t'));
  });
});

describe('what is published', () => {
  function messageOf(epoch: number, offset: number, payload: string): Buffer {
    const header = Buffer.alloc(16);
    header.writeDoubleBE(epoch, 0);
    header.writeDoubleBE(offset, 8);
    return Buffer.concat([header, Buffer.from(payload)]);
  }

  it('[HUB-2, WIRE-3] carries epoch and offset below 2⁵³ exactly, and names the offset before', () => {
    const followed = new Followed('t');
    const heard: unknown[] = [];
    followed.listeners.add(({ payload, ...rest }) =>
      heard.push({ ...rest, text: Buffer.from(payload).toString() }),
    );
    const most = Number.MAX_SAFE_INTEGER;
    followed.take(messageOf(most, most, 'x'));
    expect(heard).toEqual([{ epoch: most, offset: most, previous: most - 1, text: 'x' }]);
  });

  it('what was told, or is cut short, is not told again', () => {
    const followed = new Followed('t');
    const heard: number[] = [];
    followed.listeners.add(({ offset }) => heard.push(offset));
    for (const offset of [1, 2, 2, 1, 3]) followed.take(messageOf(7, offset, ''));
    followed.take(Buffer.alloc(15));
    followed.take(messageOf(8, 3, ''));
    expect(heard).toEqual([1, 2, 3, 3]);
  });
});
