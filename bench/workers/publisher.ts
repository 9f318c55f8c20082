import { monotonicMs } from '../lab/clock.ts';
import { serve } from '../lab/serve.ts';
import type { PeerClient } from '../peers/peer.ts';
import { loadPeer } from './load-peer.ts';
import { messageText } from './message.ts';

const messageBytes = 100;
const peer = await loadPeer();
let client: PeerClient | undefined;

const commands = {
  connect: async ({ port }: { port: number }): Promise<void> => {
    client = await peer.connectClient({ port, role: 'publisher' });
  },

  /** Keeps a fixed number of publishes unacknowledged for the given time. */
  publish: async ({ inFlight, durationMs }: { inFlight: number; durationMs: number }) => {
    if (!client) throw new Error('connect before publishing');
    const publisher = client;
    const startedAtMs = monotonicMs();
    let published = 0;
    const publishInTurn = async (): Promise<void> => {
      while (monotonicMs() < startedAtMs + durationMs) {
        await publisher.publish(messageText(published++, monotonicMs(), messageBytes));
      }
    };
    await Promise.all(Array.from({ length: inFlight }, publishInTurn));
    return { published, startedAtMs };
  },
};

export type PublisherCommands = typeof commands;
serve(commands);
