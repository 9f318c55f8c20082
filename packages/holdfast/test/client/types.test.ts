import { describe, expectTypeOf, it } from 'vitest';
import type { Client, Gap, Message, Phase, Position, Status } from '../../src/client/browser.ts';
import type { PresenceMessage } from '../../src/server/create-server.ts';

interface News {
  title: string;
}

interface Mine {
  topics: { news: News; counts: number };
  methods: { sum(numbers: number[]): number; later(id: string): Promise<boolean> };
}

declare const typed: Client<Mine>;
declare const open: Client;

/** Never called: the compiler reads it, with the project's own check of types. */
function uses(): void {
  typed.subscribe('news', (data, message) => {
    expectTypeOf(data).toEqualTypeOf<News>();
    expectTypeOf(message).toEqualTypeOf<Message>();
  });
  typed.subscribe('$inbox', (data) => expectTypeOf(data).toBeAny());
  // @ts-expect-error No such topic.
  typed.subscribe('olds', () => {});
  // @ts-expect-error The wrong data for the topic.
  void typed.publish('news', 7);
  // @ts-expect-error The method takes numbers.
  void typed.request('sum', 'many');
  // @ts-expect-error No such method.
  void typed.request('difference', [1]);
  expectTypeOf(typed.publish('counts', 7)).resolves.toEqualTypeOf<Position>();
  expectTypeOf(typed.request('sum', [1, 2])).resolves.toEqualTypeOf<number>();
  expectTypeOf(typed.request('later', 'id')).resolves.toEqualTypeOf<boolean>();
  open.subscribe('anything', (data) => expectTypeOf(data).toBeAny());
  expectTypeOf(open.request('anything', { any: 'thing' })).resolves.toBeAny();
  open.subscribe('news', () => {}).on('gap', (gap) => expectTypeOf(gap).toEqualTypeOf<Gap>());
  // @ts-expect-error A snapshot is not to be changed.
  open.status.phase = 'live';
}

/** What the server adds belongs to every contract. */
function asksWhoIsThere(): void {
  typed.subscribe('$presence:news', ({ joined }: PresenceMessage) => joined);
  expectTypeOf(typed.request('$presence', 'news')).resolves.toBeAny();
}

describe('a contract', () => {
  it('[SUB-1] types topics, methods and states', () => {
    expectTypeOf(uses).returns.toBeVoid();
    expectTypeOf<Status['phase']>().toEqualTypeOf<Phase>();
    expectTypeOf<Parameters<Client['onStatus']>[0]>().parameter(0).toEqualTypeOf<Status>();
  });

  it('[CLUSTER-11] has the presence of its topics without naming it', () => {
    expectTypeOf(asksWhoIsThere).returns.toBeVoid();
  });
});
