import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ReplyBook, type Outcome } from '../../src/session/reply-book.ts';

const limits = { repliesMax: 3, replyBytesMax: 100 };

function reply(bytes = 1): Outcome {
  return { ok: true, payload: new Uint8Array(bytes) };
}

describe('the book of replies', () => {
  it('[REQ-1] lets a request run once, and gives a retry the first run’s outcome', () => {
    const book = new ReplyBook(limits);
    expect(book.begin(1)).toEqual({ state: 'new' });
    const outcome = reply(7);
    book.complete(1, outcome);
    expect(book.begin(1)).toEqual({ state: 'done', outcome });
    expect(book.begin(1)).toEqual({ state: 'done', outcome });
  });

  it('[REQ-2] lets a retry wait while the first still runs', () => {
    const book = new ReplyBook(limits);
    book.begin(1);
    expect(book.begin(1)).toEqual({ state: 'running' });
  });

  it('[REQ-3] lets go of what the client has, and never runs it again', () => {
    const book = new ReplyBook(limits);
    for (const id of [1, 2, 3]) {
      book.begin(id);
      book.complete(id, reply());
    }
    book.finish(3);
    expect(book.size).toBe(1);
    expect(book.begin(2)).toEqual({ state: 'forgotten' });
    expect(book.begin(3)).toMatchObject({ state: 'done' });
    book.finish(2);
    expect(book.begin(3)).toMatchObject({ state: 'done' });
  });

  it('[REQ-3] does not keep the reply of a request that was confirmed while it ran', () => {
    const book = new ReplyBook(limits);
    book.begin(1);
    book.finish(2);
    book.complete(1, reply());
    expect(book.size).toBe(0);
    expect(book.begin(1)).toEqual({ state: 'forgotten' });
  });

  it('[REQ-3] gives up the oldest replies beyond the limits, and runs none of them again', () => {
    const book = new ReplyBook(limits);
    for (const id of [1, 2, 3, 4]) {
      book.begin(id);
      book.complete(id, reply());
    }
    expect(book.size).toBe(3);
    expect(book.begin(1)).toEqual({ state: 'forgotten' });
    book.begin(5);
    book.complete(5, reply(100));
    expect(book.size).toBe(1);
    expect(book.begin(5)).toMatchObject({ state: 'done' });
  });

  it('[REQ-3] never gives up a request that still runs', () => {
    const book = new ReplyBook(limits);
    for (const id of [1, 2, 3, 4, 5]) book.begin(id);
    book.complete(5, reply());
    expect(book.begin(1)).toEqual({ state: 'running' });
    book.complete(1, reply());
    expect(book.begin(2)).toEqual({ state: 'running' });
  });

  it('[REQ-3] is needed until the client has confirmed all, what was evicted too', () => {
    const book = new ReplyBook({ repliesMax: 2, replyBytesMax: 10 });
    expect(book.isConfirmed).toBe(true);
    book.begin(1);
    expect(book.isConfirmed).toBe(false);
    // A reply above the limit makes way for itself.
    book.complete(1, reply(20));
    expect(book.size).toBe(0);
    expect(book.isConfirmed).toBe(false);
    expect(book.find(1)).toEqual({ state: 'forgotten' });
    book.finish(2);
    expect(book.isConfirmed).toBe(true);
  });

  it('[REQ-1] runs nothing twice, whatever arrives in whatever order', () => {
    const id = fc.integer({ min: 1, max: 12 });
    const action = fc.oneof(
      fc.record({ type: fc.constant('begin' as const), id }),
      fc.record({ type: fc.constant('complete' as const), id, bytes: fc.nat(60) }),
      fc.record({ type: fc.constant('finish' as const), id }),
    );
    fc.assert(
      fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
        const book = new ReplyBook(limits);
        const ran = new Set<number>();
        const running = new Set<number>();
        for (const next of actions) {
          if (next.type === 'finish') book.finish(next.id);
          else if (next.type === 'complete') {
            book.complete(next.id, reply(next.bytes));
            running.delete(next.id);
          } else if (book.begin(next.id).state === 'new') {
            expect(ran.has(next.id)).toBe(false);
            ran.add(next.id);
            running.add(next.id);
          }
        }
        expect(book.size).toBeLessThanOrEqual(limits.repliesMax + running.size);
      }),
    );
  });
});
