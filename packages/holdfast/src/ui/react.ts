import { useMemo, useSyncExternalStore, type DetailedHTMLProps, type HTMLAttributes } from 'react';
import type { Client } from '../client/client.ts';
import type {
  Contract,
  MethodArguments,
  MethodName,
  MethodResult,
  Phase,
  TopicData,
  TopicName,
} from '../client/types.ts';
import type { HoldfastActionEvent, HoldfastStatusElement, StatusSource } from './element.ts';
import { idleRequest, RequestStore, type RequestState } from './request-store.ts';
import {
  emptyTopic,
  TopicStore,
  type TopicSource,
  type TopicState,
  type UseTopicOptions,
} from './topic-store.ts';

export type { RequestState } from './request-store.ts';
export type { TopicMessage, TopicState, UseTopicOptions } from './topic-store.ts';

/**
 * `<holdfast-status>` in JSX: React sets properties of elements from version 19 on. Import `holdfast/element`, too. On a
 * page that a server rendered it sets none until it changes, so there `client` is set through a `ref`.
 */
interface StatusAttributes extends DetailedHTMLProps<
  HTMLAttributes<HoldfastStatusElement>,
  HoldfastStatusElement
> {
  client?: StatusSource | undefined;
  missed?: boolean | undefined;
  wording?: Partial<HoldfastStatusElement['wording']>;
  onaction?: ((event: HoldfastActionEvent) => void) | undefined;
}

declare module 'react' {
  namespace JSX {
    interface IntrinsicElements {
      'holdfast-status': StatusAttributes;
    }
  }
}

// Make the client once, outside of the components. Where a server renders, give `undefined`: nothing is dialled
// there, and the page shows the same as the server did until it has taken over.

/** The status on a server, and in the first render of a page that a server made. */
const unknown = Object.freeze({
  phase: 'connecting' as Phase,
  since: 0,
  attempt: 0,
  retryAt: undefined,
  rttMs: undefined,
  endpoint: undefined,
  queued: 0,
  unacknowledged: 0,
  cause: undefined,
});

const ignore = (): (() => void) => () => {};

/** The connection's status; the component renders anew when it changes. */
export function useConnection<S extends StatusSource>(client: S | undefined): S['status'] {
  const [subscribe, get] = useMemo(
    () =>
      client
        ? ([(listener: () => void) => client.onStatus(listener), () => client.status] as const)
        : ([ignore, () => unknown] as const),
    [client],
  );
  return useSyncExternalStore<S['status']>(subscribe, get, () => unknown);
}

/** Reads a topic while the component is mounted. Another client, topic, start, name or `keep` begins anew. */
export function useTopic<C extends Contract, N extends TopicName<C>>(
  client: Client<C> | undefined,
  topic: N,
  options: UseTopicOptions = {},
): TopicState<TopicData<C, N>> {
  type T = TopicData<C, N>;
  const key = JSON.stringify([options.from, options.name, options.keep]);
  const store = useMemo(
    () => client && new TopicStore<T>(client as unknown as TopicSource<T>, topic, options),
    // The options as they are written, not as the object that each render makes of them.
    [client, topic, key],
  );
  return useSyncExternalStore(store?.subscribe ?? ignore, store?.get ?? emptyTopic<T>, emptyTopic<T>);
}

export type UseRequest<A, R> = RequestState<R> & {
  /** Calls the method. A failure also shows in `error`, so nobody has to wait for the promise. */
  readonly call: (data: A) => Promise<R>;
};

/** Calls a method of the server, and shows how the latest call stands. */
export function useRequest<C extends Contract, N extends MethodName<C>>(
  client: Client<C> | undefined,
  method: N,
): UseRequest<MethodArguments<C, N>, MethodResult<C, N>> {
  type A = MethodArguments<C, N>;
  type R = MethodResult<C, N>;
  const store = useMemo(
    () =>
      new RequestStore<A, R>(async (data) => {
        if (!client) throw new Error('useRequest: there is no client here, so nothing can be called.');
        return client.request(method, data);
      }),
    [client, method],
  );
  const state = useSyncExternalStore(store.subscribe, store.get, idleRequest<R>);
  return useMemo(() => ({ ...state, call: store.call }), [state, store]);
}
