import { describe, expect, it } from 'vitest';
import { Outbox } from '../../src/session/outbox.ts';

const payload = new Uint8Array(10);

function outbox(count: number): Outbox {
  const box = new Outbox();
  for (let id = 1; id <= count; id++) box.add({ id, name: 'news', payload });
  return box;
}

function take(box: Outbox, window: number, through = Infinity): number[] {
  return Array.from(box.takeSendable(window, through), ({ id }) => id);
}

describe('the outbox', () => {
  it('[PUB-2] gives each item once to a connection, in order', () => {
    const box = outbox(5);
    expect(take(box, 2)).toEqual([1, 2]);
    expect(take(box, 2)).toEqual([]);
    box.remove(1, true);
    expect(take(box, 2)).toEqual([3]);
  });

  it('[PUB-2] gives what is unanswered again to the next connection, first and in order', () => {
    const box = outbox(5);
    take(box, 3);
    box.remove(2, true);
    box.restart();
    expect(take(box, 10)).toEqual([1, 3, 4, 5]);
    expect(box.sentThrough).toBe(5);
  });

  it('[FLOW-4] keeps an item’s place in the window until its own connection has answered', () => {
    const box = outbox(5);
    take(box, 2);
    box.restart();
    expect(take(box, 2)).toEqual([1, 2]);
    // The answers of an older connection: nobody waits any more, and the present one still works on them.
    box.remove(1);
    box.remove(2);
    expect(take(box, 2)).toEqual([]);
    box.remove(1, true);
    expect(take(box, 2)).toEqual([3]);
    expect(box.unanswered).toBe(1);
  });

  it('[FLOW-4] keeps the place of one that nobody waits for any more', () => {
    const box = outbox(3);
    take(box, 2);
    expect(box.remove(1)?.id).toBe(1);
    expect(take(box, 2)).toEqual([]);
    expect(box.remove(1, true)).toBeUndefined();
    expect(take(box, 2)).toEqual([3]);
  });

  it('[REQ-5] holds back what was never sent, as far as it is told', () => {
    const box = outbox(3);
    take(box, 1);
    box.restart();
    expect(take(box, 10, box.sentThrough)).toEqual([1]);
    expect(take(box, 10)).toEqual([2, 3]);
  });

  it('[PUB-4] counts items and bytes', () => {
    const box = outbox(3);
    expect([box.size, box.bytes, box.unanswered]).toEqual([3, 30, 0]);
    take(box, 2);
    expect([box.size, box.bytes, box.unanswered]).toEqual([3, 30, 2]);
    box.remove(1, true);
    box.remove(3);
    expect([box.size, box.bytes, box.unanswered]).toEqual([1, 10, 1]);
    expect(box.remove(3)).toBeUndefined();
    expect(box.bytes).toBe(10);
  });

  it('[REQ-3] says below which id everything is answered', () => {
    const box = outbox(0);
    expect(box.answeredBelow).toBe(1);
    box.add({ id: 1, name: 'sum', payload });
    box.add({ id: 2, name: 'sum', payload });
    expect(box.answeredBelow).toBe(1);
    box.remove(2, true);
    expect(box.answeredBelow).toBe(1);
    box.remove(1, true);
    expect(box.answeredBelow).toBe(3);
  });
});
