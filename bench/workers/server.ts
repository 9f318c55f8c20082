import { monotonicMs, sleep } from '../lab/clock.ts';
import { serve } from '../lab/serve.ts';
import type { PeerServer, PeerServerOptions } from '../peers/peer.ts';
import { loadPeer } from './load-peer.ts';
import { messageText } from './message.ts';

export interface StreamOptions {
  readonly count: number;
  readonly perSecond: number;
  readonly bytes: number;
}

export interface StreamReport {
  /** When each message was handed to the peer, by number, counted from 0. */
  readonly sentAtMs: number[];
  readonly rssPeakBytes: number;
}

const peer = await loadPeer();
let server: PeerServer | undefined;

const commands = {
  start: async (options: PeerServerOptions): Promise<number> => {
    server = await peer.startServer(options);
    return server.port;
  },

  /** Broadcasts at a steady pace; what fell behind is made up for, so the total holds. */
  stream: async ({ count, perSecond, bytes }: StreamOptions): Promise<StreamReport> => {
    if (!server) throw new Error('start the server before it streams');
    const startedAtMs = monotonicMs();
    const sentAtMs: number[] = [];
    let rssPeakBytes = 0;
    while (sentAtMs.length < count) {
      const due = Math.min(count, 1 + Math.floor(((monotonicMs() - startedAtMs) / 1000) * perSecond));
      const pending: unknown[] = [];
      while (sentAtMs.length < due) {
        const nowMs = monotonicMs();
        pending.push(server.broadcast(messageText(sentAtMs.length, nowMs, bytes)));
        sentAtMs.push(nowMs);
      }
      await Promise.all(pending);
      rssPeakBytes = Math.max(rssPeakBytes, process.memoryUsage.rss());
      await sleep(5);
    }
    return { sentAtMs, rssPeakBytes };
  },
};

export type ServerCommands = typeof commands;
serve(commands);
