import { monotonicMs } from '../lab/clock.ts';
import { serve } from '../lab/serve.ts';
import { dialAll } from '../raw/dial-all.ts';
import type { RawConnection } from '../raw/connection.ts';
import { loadPeer } from './load-peer.ts';

/** Raw connections that keep a fixed number of requests on their way, each. */
const { dialect } = await loadPeer();
let connections: RawConnection[] = [];
let replies = 0;
let outstanding = 0;
let running = false;
let onDrained: (() => void) | undefined;

function onCount(connection: RawConnection, count: number): void {
  replies += count;
  outstanding -= count;
  if (outstanding < 0) throw new Error('more replies than requests');
  if (running) send(connection, count);
  else if (outstanding === 0) onDrained?.();
}

function send(connection: RawConnection, count: number): void {
  outstanding += count;
  connection.send(connection.session.requests(count));
}

const commands = {
  open: async ({ port, count }: { port: number; count: number }): Promise<void> => {
    connections = await dialAll({ port, count, dialect, role: 'caller', onCount });
  },

  begin: ({ depth }: { depth: number }): void => {
    running = true;
    for (const connection of connections) send(connection, depth);
  },

  replies: (): { atMs: number; replies: number } => ({ atMs: monotonicMs(), replies }),

  /** Sends no more, and waits for the replies that are still owed: each request has exactly one. */
  end: (): Promise<void> => {
    running = false;
    return new Promise((resolve) => {
      onDrained = resolve;
      if (outstanding === 0) resolve();
    });
  },
};

export type CallersCommands = typeof commands;
serve(commands);
