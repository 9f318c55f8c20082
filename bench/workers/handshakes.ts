import { monotonicMs } from '../lab/clock.ts';
import { serve } from '../lab/serve.ts';
import { RawConnection } from '../raw/connection.ts';
import { loadPeer } from './load-peer.ts';

/** Connects and leaves again, over and over. */
const { dialect } = await loadPeer();

function connectOnce(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const connection: RawConnection = new RawConnection({
      port,
      dialect,
      role: 'subscriber',
      onOpen: () => {
        // What stood may be written to by its session until the turn is over.
        setImmediate(() => connection.destroy());
        resolve();
      },
      onCount: () => {},
      onClose: (reason) => reject(new Error(`handshake: ${reason}`)),
    });
  });
}

const commands = {
  run: async ({ port, atOnce, durationMs }: { port: number; atOnce: number; durationMs: number }) => {
    const startedAtMs = monotonicMs();
    let handshakes = 0;
    const connectInTurn = async (): Promise<void> => {
      while (monotonicMs() < startedAtMs + durationMs) {
        await connectOnce(port);
        handshakes += 1;
      }
    };
    await Promise.all(Array.from({ length: atOnce }, connectInTurn));
    return { handshakes, elapsedMs: monotonicMs() - startedAtMs };
  },
};

export type HandshakesCommands = typeof commands;
serve(commands);
