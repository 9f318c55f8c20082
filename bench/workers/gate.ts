import { connect, createServer, type Server, type Socket } from 'node:net';
import { monotonicMs } from '../lab/clock.ts';
import { serve } from '../lab/serve.ts';

/** The address that all clients dial. It notes each handshake, and while it is shut it refuses like a dead server. */

let gate: Server | undefined;
let targetPort = 0;
let isOpen = true;
let arrivalsMs: number[] = [];
const sockets = new Set<Socket>();

function accept(socket: Socket): void {
  socket.on('error', () => {});
  if (!isOpen) {
    socket.resetAndDestroy();
    return;
  }
  // Plain HTTP, by which a client may ask first, is no handshake.
  socket.once('data', (chunk: Buffer) => {
    if (/\r\nupgrade: websocket\r\n/i.test(chunk.toString('latin1'))) arrivalsMs.push(monotonicMs());
  });
  const upstream = connect({ port: targetPort, host: '127.0.0.1', noDelay: true });
  upstream.on('error', () => {});
  for (const [from, to] of [
    [socket, upstream],
    [upstream, socket],
  ] as const) {
    sockets.add(from);
    from.pipe(to);
    from.on('close', () => {
      sockets.delete(from);
      to.destroy();
    });
  }
}

const commands = {
  listen: (port: number): Promise<number> => {
    targetPort = port;
    gate = createServer({ noDelay: true }, accept);
    return new Promise((resolve) =>
      gate!.listen({ port: 0, host: '127.0.0.1', backlog: 4_096 }, () =>
        resolve((gate!.address() as { port: number }).port),
      ),
    );
  },

  /** The server has crashed: every connection breaks at once. */
  shut: (): void => {
    isOpen = false;
    for (const socket of sockets) socket.resetAndDestroy();
  },

  /** Another server stands at `port`; arrivals are counted from now on. */
  reopen: (port: number): number => {
    targetPort = port;
    arrivalsMs = [];
    isOpen = true;
    return monotonicMs();
  },

  arrivals: (): number[] => arrivalsMs,
};

export type GateCommands = typeof commands;
serve(commands);
