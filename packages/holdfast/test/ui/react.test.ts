import { createElement } from 'react';
import { renderToString } from 'react-dom/server';
import { describe, expect, expectTypeOf, it } from 'vitest';
import type { Client } from '../../src/client/client.ts';
import { useConnection, useRequest, useTopic, type TopicState } from '../../src/ui/react.ts';
import { RequestStore } from '../../src/ui/request-store.ts';
import '../../src/ui/element.ts';

interface Chat {
  topics: { room: { from: string; text: string } };
  methods: { sum(numbers: number[]): number };
}

function Panel({ client }: { client: Client<Chat> | undefined }) {
  const { phase, queued } = useConnection(client);
  const room = useTopic(client, 'room', { from: 'start' });
  const sum = useRequest(client, 'sum');
  expectTypeOf(room).toEqualTypeOf<TopicState<{ from: string; text: string }>>();
  expectTypeOf(sum.call).toEqualTypeOf<(numbers: number[]) => Promise<number>>();
  // @ts-expect-error The contract has no such topic.
  const wrong = (): unknown => useTopic(client, 'rom');
  void wrong;
  return createElement('p', null, `${phase} ${queued} ${room.phase} ${room.messages.length} ${sum.phase}`);
}

describe('on a server that renders', () => {
  it('the hooks need no client', () => {
    expect(renderToString(createElement(Panel, { client: undefined }))).toBe(
      '<p>connecting 0 starting 0 idle</p>',
    );
  });

  it('the hooks ask nothing of a client', () => {
    const client = new Proxy({} as Client<Chat>, {
      get: (_, name) => {
        throw new Error(`The hooks asked for ${String(name)}.`);
      },
    });
    expect(renderToString(createElement(Panel, { client }))).toBe('<p>connecting 0 starting 0 idle</p>');
  });
});

describe('a request, as hooks show it', () => {
  const deferred: { resolve(n: number): void; reject(error: unknown): void }[] = [];
  const store = (): RequestStore<number, number> => {
    deferred.length = 0;
    return new RequestStore(() => new Promise((resolve, reject) => deferred.push({ resolve, reject })));
  };

  it('is pending, then done, and keeps the last answer while the next is awaited', async () => {
    const requests = store();
    expect(requests.get()).toEqual({ phase: 'idle', data: undefined, error: undefined });
    const answer = requests.call(1);
    expect(requests.get().phase).toBe('pending');
    deferred[0]!.resolve(7);
    expect(await answer).toBe(7);
    expect(requests.get()).toEqual({ phase: 'done', data: 7, error: undefined });
    void requests.call(2);
    expect(requests.get()).toEqual({ phase: 'pending', data: 7, error: undefined });
  });

  it('shows the latest call, whichever answers last', async () => {
    const requests = store();
    const [first, second] = [requests.call(1), requests.call(2)];
    deferred[1]!.resolve(2);
    await second;
    deferred[0]!.resolve(1);
    await first;
    expect(requests.get()).toMatchObject({ phase: 'done', data: 2 });
  });

  it('shows a failure, which nobody has to catch', async () => {
    const requests = store();
    const answer = requests.call(1);
    deferred[0]!.reject(new Error('no'));
    await expect(answer).rejects.toThrow('no');
    expect(requests.get()).toMatchObject({ phase: 'failed', error: new Error('no') });
  });
});
