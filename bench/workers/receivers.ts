import { monotonicMs, sleep } from '../lab/clock.ts';
import { serve } from '../lab/serve.ts';
import { dialAll } from '../raw/dial-all.ts';
import { loadPeer } from './load-peer.ts';

/** Raw subscribers that count what they are sent. */
const { dialect } = await loadPeer();
const received: number[] = [];
let lastAtMs = 0;

function onCount(_connection: unknown, count: number, index: number): void {
  received[index] = (received[index] ?? 0) + count;
  lastAtMs = monotonicMs();
}

const commands = {
  open: async ({ port, count }: { port: number; count: number }): Promise<void> => {
    const first = received.length;
    for (let index = 0; index < count; index++) received.push(0);
    await dialAll({
      port,
      count,
      dialect,
      role: 'subscriber',
      onCount: (connection, messages, index) => onCount(connection, messages, first + index),
    });
  },

  /** Waits until every subscriber has had exactly `each` messages; answers when the last one came, and counts anew. */
  complete: async ({ each }: { each: number }): Promise<{ atMs: number }> => {
    const deadlineMs = monotonicMs() + 20_000;
    while (received.some((count) => count < each) && monotonicMs() < deadlineMs) await sleep(5);
    const wrong = received.filter((count) => count !== each);
    if (wrong.length > 0) {
      throw new Error(
        `${wrong.length} subscribers had not ${each} messages but ${wrong.slice(0, 5).join(', ')} …`,
      );
    }
    received.fill(0);
    return { atMs: lastAtMs };
  },
};

export type ReceiversCommands = typeof commands;
serve(commands);
