import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { WebSocket, WebSocketServer } from 'ws';

export interface Backend {
  readonly port: number;
  /** Cuts every socket and frees the port, as a restart does. */
  stop(): Promise<void>;
}

/** Echoes what it hears and pings at the given interval, except on paths that ask for silence. */
export async function startBackend(heartbeatMs: number, port = 0): Promise<Backend> {
  const server = new WebSocketServer({ host: '127.0.0.1', port });
  server.on('connection', (socket, { url }) => {
    // Caddy before 2.6.3 ends sockets with a frame without a mask, which ws reports as an error.
    socket.on('error', () => socket.terminate());
    socket.on('message', (data) => socket.send(data));
    if (url?.includes('silent')) return;
    const beat = setInterval(() => socket.ping(), heartbeatMs);
    socket.on('close', () => clearInterval(beat));
  });
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async stop() {
      for (const socket of server.clients) socket.terminate();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A client that knows how its connection ended, if it did. */
export class Client {
  readonly #socket: WebSocket;
  readonly closed: Promise<number>;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    this.closed = new Promise((resolve) => socket.on('close', resolve));
    socket.on('error', () => {});
  }

  /** One handshake that must fail: the HTTP status that answers it. */
  static async refused(port: number, path: string): Promise<number | undefined> {
    const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, { headers: { Host: 'example.com' } });
    socket.on('error', () => {});
    const [, response] = await once(socket, 'unexpected-response');
    socket.terminate();
    return response.statusCode;
  }

  /** Tries until the deadline, because proxies start, reload and find servers again in their own time. */
  static async open(port: number, path: string, deadlineMs = 30_000): Promise<Client> {
    const until = Date.now() + deadlineMs;
    for (;;) {
      const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, {
        headers: { Host: 'example.com' },
        handshakeTimeout: 5_000,
      });
      const client = new Client(socket);
      const outcome = await Promise.race([once(socket, 'open').then(() => 'open', String), client.closed]);
      if (outcome === 'open') return client;
      if (Date.now() > until) throw new Error(`no WebSocket at ${path} within ${deadlineMs} ms: ${outcome}`);
      await delay(50);
    }
  }

  /** The close code, or `undefined` when the socket is still open after this time. */
  async closedWithin(ms: number): Promise<number | undefined> {
    return Promise.race([this.closed, delay(ms, undefined, { ref: false })]);
  }

  async pings(count: number): Promise<void> {
    for (let seen = 0; seen < count; seen += 1) await once(this.#socket, 'ping');
  }

  async echo(text: string): Promise<string> {
    const answer = once(this.#socket, 'message');
    this.#socket.send(text);
    const [data] = await answer;
    return String(data);
  }

  end(): void {
    this.#socket.terminate();
  }
}
