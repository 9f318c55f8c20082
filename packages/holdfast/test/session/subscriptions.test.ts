import * as fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Position } from '../../src/protocol/position.ts';
import type { WireRecord } from '../../src/protocol/schema.ts';
import {
  Subscriptions,
  type Aliases,
  type ClientCursor,
  type ReaderEvent,
} from '../../src/session/subscriptions.ts';

const ALIAS = 4;
/** Offsets of a topic's messages; like a shared log's they are not contiguous. */
const offsets = [3, 4, 9, 11, 12, 13, 20, 21, 30, 31];
const payload = new Uint8Array([1]);

let events: ReaderEvent[];
let sent: WireRecord[];
let aliases: Aliases;
let subscriptions: Subscriptions;
let cursor: ClientCursor;

beforeEach(() => begin({ epoch: 1, offset: 0 }));

/** A cursor that was told where it begins. */
function begin({ epoch, offset }: Position): void {
  events = [];
  sent = [];
  aliases = new Map();
  subscriptions = new Subscriptions({ read: (_cursor, event) => events.push(event) }, (record) =>
    sent.push(record),
  );
  cursor = subscribe();
  subscriptions.handle(aliases, { type: 'subscribed', subscription: cursor.id, alias: ALIAS, epoch, offset });
  events = [];
  sent = [];
}

function subscribe(): ClientCursor {
  const made: ClientCursor = {
    id: 0,
    topic: 'news',
    start: { from: 'now', epoch: 0, offset: 0 },
    held: false,
    reader: { take: () => {} },
  };
  subscriptions.subscribe(made);
  return made;
}

/** The messages between two places of `offsets`, as a live run or a page would bring them. */
function run(from: number, to: number, epoch = 1): WireRecord<'messages'> {
  const entries = offsets.slice(from, to).map((offset) => ({ offset, payload }));
  return { type: 'messages', alias: ALIAS, epoch, previous: offsets[from - 1] ?? 0, entries };
}

function gap(from: Position, to: Position, reason: WireRecord<'gap'>['reason']): WireRecord<'gap'> {
  return {
    type: 'gap',
    subscription: cursor.id,
    fromEpoch: from.epoch,
    fromOffset: from.offset,
    toEpoch: to.epoch,
    toOffset: to.offset,
    reason,
  };
}

const at = (offset: number, epoch = 1): Position => ({ epoch, offset });

function delivered(): number[] {
  return events.flatMap((event) =>
    event.type === 'messages' ? event.entries.map(({ offset }) => offset) : [],
  );
}

it('[SUB-2] nothing is kept of a subscription that ended, however long its connection lasts', () => {
  subscriptions.unsubscribe(cursor);
  expect([...aliases.values()].map(({ size }) => size)).toEqual([0]);
});

describe('the chain rule', () => {
  const place = fc.nat(offsets.length);
  const step = fc.tuple(place, place, fc.boolean()).map(([a, b, isGap]) => {
    const [from, to] = [Math.min(a, b), Math.max(a, b)];
    return { from, to, isGap };
  });

  it('[SUB-2] whatever runs, pages and gaps overlap, each message comes once, in order, or within a gap', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        begin(at(0));
        for (const { from, to, isGap } of steps) {
          const [before, after] = [offsets[from - 1] ?? 0, offsets[to - 1] ?? 0];
          subscriptions.handle(aliases, isGap ? gap(at(before), at(after), 'conflated') : run(from, to));
        }
        expectChain();
      }),
      { numRuns: 500 },
    );
  });

  it('[SUB-2] nothing stays out once everything was offered', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 10 }), (steps) => {
        begin(at(0));
        for (const { from, to } of steps) subscriptions.handle(aliases, run(from, to));
        subscriptions.handle(aliases, run(0, offsets.length));
        expect(delivered()).toEqual(offsets);
      }),
    );
  });

  /** Follows the events from the beginning: every one goes on from where the one before ended. */
  function expectChain(): void {
    let position = 0;
    for (const event of events) {
      if (event.type === 'gap') {
        expect(event.from.offset).toBe(position);
        expect(event.to.offset).toBeGreaterThan(position);
        position = event.to.offset;
      } else if (event.type === 'messages') {
        const next = offsets.filter((offset) => offset > position).slice(0, event.entries.length);
        expect(event.entries.map(({ offset }) => offset)).toEqual(next);
        position = event.entries.at(-1)!.offset;
      }
    }
    expect(cursor.position).toEqual(at(position));
  }

  it('[SUB-2] a run from further on is not for this cursor', () => {
    subscriptions.handle(aliases, run(3, 5));
    expect(events).toEqual([]);
    expect(cursor.position).toEqual(at(0));
  });

  it('[SUB-2] a run of another epoch is not for this cursor', () => {
    subscriptions.handle(aliases, run(0, 5, 2));
    expect(events).toEqual([]);
  });

  it('[SUB-2] a cursor that ended takes nothing more', () => {
    subscriptions.unsubscribe(cursor);
    subscriptions.handle(aliases, run(0, 3));
    subscriptions.handle(aliases, gap(at(0), at(9), 'retention'));
    expect(events).toEqual([]);
    expect(sent).toEqual([{ type: 'unsubscribe', subscription: cursor.id }]);
  });

  it('[SUB-2] two cursors on one topic each take what is new to them', () => {
    const second = subscribe();
    const answer = {
      type: 'subscribed',
      subscription: second.id,
      alias: ALIAS,
      epoch: 1,
      offset: 9,
    } as const;
    subscriptions.handle(aliases, answer);
    events = [];
    subscriptions.handle(aliases, run(0, 5));
    expect(events.map((event) => (event.type === 'messages' ? event.entries.length : 0))).toEqual([5, 2]);
    expect([cursor.position, second.position]).toEqual([at(12), at(12)]);
  });
});

describe('gaps', () => {
  it('[SUB-4] move the cursor to where delivery goes on, and are told with where it stood', () => {
    subscriptions.handle(aliases, gap(at(0), at(12), 'retention'));
    expect(events).toEqual([{ type: 'gap', from: at(0), to: at(12), reason: 'retention' }]);
    subscriptions.handle(aliases, run(5, 7));
    expect(delivered()).toEqual([13, 20]);
  });

  it('[SUB-4] that the cursor is past are none', () => {
    subscriptions.handle(aliases, run(0, 6));
    events = [];
    subscriptions.handle(aliases, gap(at(0), at(12), 'retention'));
    expect(events).toEqual([]);
    expect(cursor.position).toEqual(at(13));
  });

  it('[SUB-5] into another epoch may lead back', () => {
    subscriptions.handle(aliases, run(0, 6));
    events = [];
    subscriptions.handle(aliases, gap(at(13), at(4, 2), 'epoch'));
    expect(events).toEqual([{ type: 'gap', from: at(13), to: at(4, 2), reason: 'epoch' }]);
    expect(cursor.position).toEqual(at(4, 2));
  });

  it('[AUTH-4] that withdraw a right are told wherever the cursor stands', () => {
    subscriptions.handle(aliases, run(0, 6));
    events = [];
    subscriptions.handle(aliases, gap(at(12), at(12), 'not-authorized'));
    expect(events).toMatchObject([{ type: 'gap', reason: 'not-authorized' }]);
  });

  const elsewhere: [string, WireRecord<'gap'>][] = [
    ['from before the cursor into another epoch', gapOf(at(4), at(3, 2))],
    ['from beyond the cursor into another epoch', gapOf(at(20), at(3, 2))],
    ['from an epoch before the cursor’s', gapOf(at(13, 0), at(3, 2))],
    ['from another epoch into the cursor’s own, further on', gapOf(at(4, 0), at(31))],
  ];
  for (const [name, record] of elsewhere) {
    it(`[SUB-7] ${name} are not taken, and it is asked for again from the cursor`, () => {
      subscriptions.handle(aliases, run(0, 6));
      events = [];
      subscriptions.handle(aliases, { ...record, subscription: cursor.id });
      expect(events).toEqual([]);
      expect(cursor.position).toEqual(at(13));
      const subscription = cursor.id;
      expect(sent).toEqual([
        { type: 'unsubscribe', subscription },
        { type: 'subscribe', subscription, topic: 'news', from: 'position', epoch: 1, offset: 13 },
      ]);
    });
  }

  function gapOf(from: Position, to: Position): WireRecord<'gap'> {
    const [fromEpoch, fromOffset, toEpoch, toOffset] = [from.epoch, from.offset, to.epoch, to.offset];
    return { type: 'gap', subscription: 0, fromEpoch, fromOffset, toEpoch, toOffset, reason: 'epoch' };
  }
});

describe('what a new connection asks for', () => {
  it('[SUB-3] is each subscription after what it received', () => {
    subscriptions.handle(aliases, run(0, 3));
    expect(subscriptions.requests()).toEqual([
      { type: 'subscribe', subscription: cursor.id, topic: 'news', from: 'position', epoch: 1, offset: 9 },
    ]);
  });

  it('[SUB-3] an answer does not move a cursor that has a position', () => {
    subscriptions.handle(aliases, run(0, 3));
    events = [];
    const answer = { type: 'subscribed', subscription: cursor.id, alias: 9, epoch: 1, offset: 3 } as const;
    subscriptions.handle(new Map(), answer);
    expect(cursor.position).toEqual(at(9));
    expect(events).toEqual([]);
  });

  it('[SUB-1] is its own start, while no server has said where it begins', () => {
    const fresh = subscribe();
    expect(subscriptions.requests().at(-1)).toEqual({
      type: 'subscribe',
      subscription: fresh.id,
      topic: 'news',
      from: 'now',
      epoch: 0,
      offset: 0,
    });
  });

  it('[FLOW-5] leaves out what is held, until it is released', () => {
    subscriptions.handle(aliases, run(0, 3));
    subscriptions.hold(cursor, true);
    expect(subscriptions.requests()).toEqual([]);
    events = [];
    subscriptions.handle(aliases, run(3, 5));
    expect(events).toEqual([]);
    subscriptions.hold(cursor, false);
    expect(sent.at(-1)).toMatchObject({ type: 'subscribe', from: 'position', offset: 9 });
  });
});

describe('a heartbeat’s tops', () => {
  it('[HUB-3] above a cursor make it ask again from where it stands', () => {
    subscriptions.handle(aliases, run(0, 3));
    subscriptions.compare(aliases, [{ alias: ALIAS, offset: 20 }]);
    expect(sent.map(({ type }) => type)).toEqual(['unsubscribe', 'subscribe']);
    expect(sent[1]).toMatchObject({ from: 'position', epoch: 1, offset: 9 });
  });

  it('[HUB-3] at or below a cursor, and of topics that it does not follow, change nothing', () => {
    subscriptions.handle(aliases, run(0, 3));
    subscriptions.compare(aliases, [
      { alias: ALIAS, offset: 9 },
      { alias: 77, offset: 1_000 },
    ]);
    expect(sent).toEqual([]);
  });

  it('[FLOW-5] do not put a held subscription back on the wire', () => {
    subscriptions.hold(cursor, true);
    sent = [];
    subscriptions.compare(aliases, [{ alias: ALIAS, offset: 20 }]);
    expect(sent).toEqual([]);
  });
});
