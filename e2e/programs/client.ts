// A client in a process of its own, which a test may stop, or put into another network.
import { connect, type Client, type ClientOptions, type Gap, type Phase, type Start } from 'holdfast/client';
import type { Numbered } from '../support/ledger.ts';
import { answerCalls } from '../support/calls.ts';

let client: Client;
const phases: Phase[] = [];
const received: (Numbered | { gap: Gap })[] = [];
let lastN = 0;

const calls = {
  connect(endpoints: string | string[], options: ClientOptions = {}): void {
    client = connect(endpoints, { backoff: { baseMs: 100, capMs: 500 }, ...options });
    client.onStatus(({ phase }) => {
      if (phases.at(-1) !== phase) phases.push(phase);
    });
  },
  async subscribe(topic: string, from: Start): Promise<void> {
    const take = ({ publisher, n }: Numbered): unknown => received.push({ publisher, n });
    const subscription = client.subscribe(topic, take, { from });
    subscription.on('gap', (gap) => received.push({ gap }));
    await subscription.ready;
  },
  /** Publishes the next `count` messages of the publisher `client`; done when all are acknowledged. */
  async publish(topic: string, count: number): Promise<void> {
    await Promise.all(
      Array.from({ length: count }, () => client.publish(topic, { publisher: 'client', n: ++lastN })),
    );
  },
  received: () => received,
  lastN(): number {
    const last = received.at(-1);
    return last && 'n' in last ? last.n : 0;
  },
  phases: () => phases,
  status: () => client.status,
};

export type ClientCalls = typeof calls;
answerCalls(calls);
