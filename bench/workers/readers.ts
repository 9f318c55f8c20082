import { monotonicMs } from '../lab/clock.ts';
import { serve } from '../lab/serve.ts';
import { loadPeer } from './load-peer.ts';
import { readMessage } from './message.ts';

/** Clients of the peer's own library that note when each message came. */
const peer = await loadPeer();

/** Per client, by message number: when it first came (NaN while it has not). */
let arrivals: Float64Array[] = [];
let latenciesMs: number[] = [];
let repeats = 0;

function onMessage(client: number, text: string): void {
  const nowMs = monotonicMs();
  const { number, sentAtMs } = readMessage(text);
  const mine = arrivals[client] as Float64Array;
  if (Number.isNaN(mine[number])) {
    mine[number] = nowMs;
    latenciesMs.push(nowMs - sentAtMs);
  } else {
    repeats += 1;
  }
}

const commands = {
  /** One client to each port. */
  connect: async ({ ports, messages }: { ports: number[]; messages: number }): Promise<void> => {
    arrivals = ports.map(() => new Float64Array(messages).fill(Number.NaN));
    await Promise.all(
      ports.map((port, index) =>
        peer.connectClient({ port, role: 'subscriber', onMessage: (text) => onMessage(index, text) }),
      ),
    );
  },

  /** Forgets what came so far, so that the numbers may begin at 0 again. */
  forget: (): void => {
    for (const mine of arrivals) mine.fill(Number.NaN);
    latenciesMs = [];
    repeats = 0;
  },

  received: (): number => latenciesMs.length,
  report: () => ({ arrivals, latenciesMs, repeats }),
};

export type ReadersCommands = typeof commands;
serve(commands);
