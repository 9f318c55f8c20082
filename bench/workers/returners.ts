import { monotonicMs } from '../lab/clock.ts';
import { serve } from '../lab/serve.ts';
import { loadPeer } from './load-peer.ts';

/** Clients of the peer's own library that note when they are connected. */
const peer = await loadPeer();
let connectedAtMs: number[] = [];
let timedOut = 0;

const commands = {
  /** Dials with all of them at once, and does not wait. */
  connect: ({ port, count }: { port: number; count: number }): void => {
    connectedAtMs = Array.from({ length: count }, () => Number.NaN);
    for (const index of connectedAtMs.keys()) {
      void peer.connectClient({
        port,
        role: 'subscriber',
        onConnected: () => {
          if (Number.isNaN(connectedAtMs[index])) connectedAtMs[index] = monotonicMs();
        },
        onTimedOut: () => timedOut++,
      });
    }
  },

  /** What happened so far does not count; each client's next connection does. */
  forget: (): void => {
    connectedAtMs.fill(Number.NaN);
    timedOut = 0;
  },

  connected: (): number => connectedAtMs.filter((atMs) => !Number.isNaN(atMs)).length,
  report: () => ({ connectedAtMs, timedOut }),
};

export type ReturnersCommands = typeof commands;
serve(commands);
