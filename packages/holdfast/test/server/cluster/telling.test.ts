import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Presence } from '../../../src/server/cluster/presence.ts';
import { continues, Telling, type Run } from '../../../src/server/cluster/telling.ts';
import { Whereabouts } from '../../../src/server/cluster/whereabouts.ts';

it('[CLUSTER-3] tells each fact once, in runs that chain, and repeats what follows a number', () => {
  const facts: { number: number; fact: string }[] = [];
  const runs: Run<string>[] = [];
  const telling = new Telling<string>(
    512,
    (after) => facts.filter(({ number }) => number > after),
    (run) => runs.push(run),
  );
  const tell = (fact: string): void => void facts.push({ number: telling.tell(fact), fact });
  tell('a');
  tell('b');
  telling.flush();
  telling.flush();
  expect(runs).toEqual([{ after: 0, through: 2, top: 2, facts: ['a', 'b'] }]);
  tell('c');
  telling.repeat(1);
  expect(runs.slice(1)).toEqual([
    { after: 2, through: 3, top: 3, facts: ['c'] },
    { after: 1, through: 3, top: 3, facts: ['b', 'c'] },
  ]);
  telling.repeat(3);
  expect(runs).toHaveLength(3);
  // A fact that is no more true leaves its number behind, so that a listener does not wait for it.
  facts.length = 0;
  telling.repeat(0);
  expect(runs.at(-1)).toEqual({ after: 0, through: 3, top: 3, facts: [] });
});

it('[CLUSTER-3] long lists go in parts, some with each beat', () => {
  const facts = Array.from({ length: 10_000 }, (_, at) => ({ number: at + 1, fact: at + 1 }));
  const heard: number[] = [];
  let through = 0;
  const telling = new Telling<number>(
    256,
    (after) => facts.filter(({ number }) => number > after),
    (run) => {
      expect(run.facts.length).toBeLessThanOrEqual(256);
      if (!continues(run, through)) return;
      through = run.through;
      heard.push(...run.facts);
    },
  );
  for (const { fact } of facts) telling.tell(fact);
  telling.flush();
  expect(heard).toEqual(facts.map(({ fact }) => fact));
  [through, heard.length] = [0, 0];
  telling.repeat(through);
  expect(heard).toHaveLength(4_096);
  for (let beat = 0; beat < 2; beat++) telling.repeat(through);
  expect(heard).toEqual(facts.map(({ fact }) => fact));
});

/** A node that tells who is there, and one that hears it over a broadcast that loses what it is told to. */
class Pair {
  delivered = true;
  readonly listener = new Presence(
    () => {},
    () => {},
  );
  readonly teller = new Presence(
    (run) => {
      if (this.delivered) this.listener.hear('teller', structuredClone(run));
    },
    () => {},
  );

  enter(who: number): void {
    this.teller.enter('room', { id: `s${who}`, identity: { id: `u${who}` } });
  }

  leave(who: number, lost = false): void {
    this.teller.leave('room', `s${who}`, lost);
  }

  /** Both know of each other. */
  beat(): void {
    this.teller.sweep();
    this.teller.repeat(this.listener.heardOf('teller'));
  }

  /** The teller takes the listener for dead: what it tells now is heard by all that there are. */
  forgetListener(): void {
    this.teller.repeat(this.teller.telling.top);
  }

  expectSame(): void {
    const present = ({ roster }: Presence): string[] =>
      roster
        .list('room', Infinity)
        .map(({ session }) => session)
        .sort();
    expect(present(this.listener)).toEqual(present(this.teller));
  }
}

const step = fc.oneof(
  fc.record({ do: fc.constantFrom('enter', 'leave', 'lose'), who: fc.integer({ min: 0, max: 4 }) }),
  fc.record({
    do: fc.constantFrom('turn', 'beat', 'listener forgotten', 'teller forgotten'),
    delivered: fc.boolean(),
  }),
);

it('[CLUSTER-10] another node’s list is the same in the end, whatever was lost on the way', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.constantFrom(0, 0, 0, 300), (steps, others) => {
      const pair = new Pair();
      // With those that stay, a list is more than one run.
      for (let n = 0; n < others; n++) pair.enter(1_000 + n);
      const uses = [0, 0, 0, 0, 0];
      for (const now of steps) {
        if ('who' in now) {
          if (now.do === 'enter') {
            uses[now.who]!++;
            pair.enter(now.who);
          } else if (uses[now.who]! > 0) {
            uses[now.who]!--;
            pair.leave(now.who, now.do === 'lose');
          }
          continue;
        }
        pair.delivered = now.delivered;
        if (now.do === 'turn') pair.teller.telling.flush();
        else if (now.do === 'beat') pair.beat();
        else if (now.do === 'listener forgotten') pair.forgetListener();
        else pair.listener.forget('teller');
      }
      pair.delivered = true;
      for (let i = 0; i < 4; i++) pair.beat();
      pair.expectSame();
      expect(pair.teller.roster.count('room')).toBe(others + uses.filter((count) => count > 0).length);
    }),
    { numRuns: 1_000 },
  );
});

it('[CLUSTER-10] a node that was out of hearing learns who left while it was taken for dead', () => {
  const pair = new Pair();
  pair.enter(0);
  pair.teller.telling.flush();
  pair.delivered = false;
  pair.leave(0);
  pair.forgetListener();
  pair.delivered = true;
  for (let i = 0; i < 2; i++) pair.beat();
  pair.expectSame();
});

it('[CLUSTER-10] a node that comes later hears of all, however many there are, and who left before', () => {
  const pair = new Pair();
  pair.delivered = false;
  for (let who = 0; who < 5_000; who++) pair.enter(who);
  pair.leave(4_999);
  pair.forgetListener();
  pair.delivered = true;
  for (let i = 0; i < 4; i++) pair.beat();
  pair.expectSame();
});

it('[CLUSTER-6] a trail is kept until its requests are confirmed, or the session can’t be resumed', () => {
  const whereabouts = new Whereabouts(1_000);
  whereabouts.cameFrom('s', { node: 'a', through: 5 }, 0);
  expect(whereabouts.of('s', 5)).toEqual({ node: 'a', through: 5 });
  expect(whereabouts.of('s', 6)).toBeUndefined();
  // What came from elsewhere may have run there: it is not this node's to hand over.
  expect(whereabouts.handOver('s', 5, { node: 'b', through: 9 }, 0)).toBe(false);
  expect(whereabouts.handOver('s', 6, { node: 'b', through: 9 }, 0)).toBe(true);
  expect(whereabouts.handOver('s', 6, { node: 'b', through: 7 }, 0)).toBe(true);
  expect(whereabouts.handOver('s', 7, { node: 'c', through: 9 }, 0)).toBe(false);
  expect(whereabouts.of('s', 9)).toEqual({ node: 'b', through: 9 });
  whereabouts.finish('s', 6);
  expect(whereabouts.of('s', 5)).toEqual({ node: 'b', through: 9 });
  whereabouts.finish('s', 10);
  expect(whereabouts.of('s', 5)).toBeUndefined();
  whereabouts.cameFrom('s', { node: 'a', through: 5 }, 0);
  whereabouts.expire(2_000, () => true);
  whereabouts.expire(3_000, () => false);
  expect(whereabouts.of('s', 5)).toBeDefined();
  whereabouts.expire(3_001, () => false);
  expect(whereabouts.of('s', 5)).toBeUndefined();
});
