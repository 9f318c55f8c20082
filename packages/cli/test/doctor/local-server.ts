import { createServer, type Socket } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';

export interface LocalServer {
  readonly url: string;
  stop(): Promise<void>;
}

export interface LocalEcho extends LocalServer {
  onConnection(listener: (socket: WebSocket) => void): void;
}

/** An echo server on ws. */
export async function localEcho(): Promise<LocalEcho> {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  server.on('connection', (socket) => {
    socket.on('error', () => {});
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
  });
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port was given');
  return {
    url: `ws://127.0.0.1:${address.port}/`,
    onConnection: (listener) => void server.on('connection', listener),
    stop: async () => {
      for (const socket of server.clients) socket.terminate();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A server without a protocol. */
export async function localRaw(serve: (socket: Socket) => void): Promise<LocalServer> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    serve(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port was given');
  return {
    url: `ws://127.0.0.1:${address.port}/`,
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
