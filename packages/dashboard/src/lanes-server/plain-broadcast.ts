import type { IncomingMessage, Server as HttpServer } from 'node:http';
import type { Socket } from 'node:net';
import { WebSocket, WebSocketServer } from 'ws';
import { PLAIN_PATH } from '../events.ts';

/** The server half of the plain lane, as most people write it: everybody who is connected now gets each message. */
export class PlainBroadcast {
  private readonly sockets = new WebSocketServer({ noServer: true, maxPayload: 1_024 });

  constructor(http: HttpServer, origins: ReadonlySet<string>) {
    http.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
      if (request.url !== PLAIN_PATH) return;
      // Any page of the internet may open a WebSocket to localhost; only its Origin gives it away (CWE-1385).
      if (!origins.has(request.headers.origin ?? '')) {
        socket.end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
        return;
      }
      this.sockets.handleUpgrade(request, socket, head, (webSocket) => {
        webSocket.on('error', () => {});
        webSocket.on('message', () => webSocket.send('pong'));
      });
    });
  }

  send(text: string): void {
    for (const socket of this.sockets.clients) if (socket.readyState === WebSocket.OPEN) socket.send(text);
  }

  close(): void {
    for (const socket of this.sockets.clients) socket.close(1001, 'The server restarts.');
  }
}
