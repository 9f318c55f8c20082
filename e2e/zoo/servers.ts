import { createServer as createHttpServer, type IncomingMessage } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { type ServerOptions, type WebSocket, WebSocketServer } from 'ws';
import type { KeyPair } from './certificates.ts';

export interface ZooServer {
  readonly port: number;
  readonly url: string;
  stop(): Promise<void>;
}

export interface EchoOptions {
  readonly tls?: KeyPair;
  readonly webSocket?: Partial<ServerOptions>;
  /** False refuses the handshake; the status goes out instead. */
  readonly admit?: (request: IncomingMessage) => number | null;
  readonly onConnection?: (socket: WebSocket, request: IncomingMessage) => void;
}

/** A plain server on `ws` that sends each message back. */
export async function echoServer(options: EchoOptions = {}): Promise<ZooServer> {
  const server = options.tls ? createHttpsServer(options.tls) : createHttpServer();
  server.on('request', (_request, response) => void response.end('an ordinary page\n'));
  const webSockets = new WebSocketServer({ noServer: true, ...options.webSocket });
  webSockets.on('connection', (socket, request) => {
    // Caddy 2.6.2 sends an unmasked Close frame at a reload, which arrives here as an error.
    socket.on('error', () => socket.terminate());
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
    options.onConnection?.(socket, request);
  });
  server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    const status = options.admit?.(request) ?? null;
    if (status === null) {
      webSockets.handleUpgrade(request, socket, head, (opened) =>
        webSockets.emit('connection', opened, request),
      );
    } else {
      socket.end(`HTTP/1.1 ${status} No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
    }
  });
  return listen(server, options.tls ? 'wss' : 'ws', () => {
    for (const socket of webSockets.clients) socket.terminate();
  });
}

/** Closes connections that have been silent for a while; what counts as a sign of life is the caller's choice. */
export function closesIdle(
  idleMs: number,
  how: 'close-frame' | 'terminate',
  counts: 'every byte' | 'messages only' = 'every byte',
): (socket: WebSocket) => void {
  return (socket) => {
    const end = () => (how === 'terminate' ? socket.terminate() : socket.close(4000, 'idle'));
    let timer = setTimeout(end, idleMs);
    const restart = () => {
      clearTimeout(timer);
      timer = setTimeout(end, idleMs);
    };
    const signs = counts === 'every byte' ? ['message', 'ping', 'pong'] : ['message'];
    for (const sign of signs) socket.on(sign, restart);
    socket.on('close', () => clearTimeout(timer));
  };
}

/** A server without a protocol: `serve` gets each raw socket. */
export async function rawServer(serve: (socket: Socket) => void): Promise<ZooServer> {
  const sockets = new Set<Socket>();
  const server = createTcpServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    serve(socket);
  });
  return listen(server, 'ws', () => {
    for (const socket of sockets) socket.destroy();
  });
}

async function listen(server: Server, scheme: string, drop: () => void): Promise<ZooServer> {
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', () => resolve()));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port was given');
  const { port } = address;
  return {
    port,
    url: `${scheme}://127.0.0.1:${port}/`,
    stop: async () => {
      drop();
      await new Promise((resolve) => {
        server.close(resolve);
        if ('closeAllConnections' in server && typeof server.closeAllConnections === 'function') {
          server.closeAllConnections();
        }
      });
    },
  };
}
