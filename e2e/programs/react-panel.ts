// What the test renders on a server and in a browser.
import type { Client } from 'holdfast/client';
import type { HoldfastStatusElement } from 'holdfast/element';
import { useConnection, useRequest, useTopic } from 'holdfast/react';
import { createElement as h } from 'react';
import type { Numbered } from '../support/ledger.ts';

export interface PanelContract {
  topics: { news: Numbered };
  methods: { sum(numbers: number[]): number };
}

/** The connection's phase, the topic's messages and the answer of a method, each with an id to find it by. */
export function Panel({ client }: { client: Client<PanelContract> | undefined }) {
  const status = useConnection(client);
  const news = useTopic(client, 'news', { from: 'start', keep: 1_000 });
  const sum = useRequest(client, 'sum');
  return h(
    'main',
    null,
    h('p', { id: 'phase' }, status.phase),
    h('p', { id: 'news' }, news.messages.map(({ data }) => data.n).join(' ')),
    h('button', { onClick: () => void sum.call([1, 2]) }, 'Sum'),
    h('p', { id: 'sum' }, `${sum.phase} ${sum.data ?? ''}`),
    h('holdfast-status', {
      ref: (element: HoldfastStatusElement | null) => {
        if (element) element.client = client;
      },
    }),
  );
}
