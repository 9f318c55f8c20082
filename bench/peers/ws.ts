import { WebSocket, WebSocketServer } from 'ws';
import { clientFrame, opcode, repeatedFrame } from '../raw/frames.ts';
import {
  requestText,
  type Dialect,
  type Peer,
  type PeerClient,
  type PeerClientOptions,
  type PeerServer,
} from './peer.ts';

/** Raw `ws`: the least a server can do. `/echo` echoes, `/publish` acknowledges and broadcasts, the rest listens. */
async function startServer(): Promise<PeerServer> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false });
  const subscribers = new Set<WebSocket>();
  const broadcast = (text: string | Buffer): void => {
    for (const subscriber of subscribers) subscriber.send(text, { binary: false });
  };
  server.on('connection', (socket, request) => {
    socket.on('error', () => socket.terminate());
    if (request.url === '/echo') {
      socket.on('message', (data, binary) => socket.send(data, { binary }));
    } else if (request.url === '/publish') {
      socket.on('message', (data) => {
        socket.send('ok');
        broadcast(data as Buffer);
      });
    } else {
      subscribers.add(socket);
      socket.on('message', () => {});
      socket.on('close', () => subscribers.delete(socket));
    }
  });
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as { port: number };
  return { port, broadcast };
}

/** The reconnecting client that most people write: dial again a second after each close. */
function connectClient({ port, role, onMessage, onConnected }: PeerClientOptions): Promise<PeerClient> {
  const acknowledgements: (() => void)[] = [];
  let wanted = true;
  let socket: WebSocket;

  return new Promise((resolve) => {
    const dial = (): void => {
      const path = role === 'publisher' ? 'publish' : 'subscribe';
      socket = new WebSocket(`ws://127.0.0.1:${port}/${path}`, { perMessageDeflate: false });
      socket.on('open', () => {
        onConnected?.();
        resolve(client);
      });
      socket.on('message', (data) => {
        if (role === 'publisher') acknowledgements.shift()?.();
        else onMessage?.((data as Buffer).toString());
      });
      socket.on('error', () => {});
      socket.on('close', () => {
        if (wanted) setTimeout(dial, 1000);
      });
    };
    const client: PeerClient = {
      publish: (text) =>
        new Promise((acknowledged) => {
          acknowledgements.push(acknowledged);
          socket.send(text);
        }),
      close: () => {
        wanted = false;
        socket.terminate();
      },
    };
    dial();
  });
}

const requests = repeatedFrame(clientFrame(opcode.text, Buffer.from(requestText)));

const dialect: Dialect = {
  path: { caller: '/echo', subscriber: '/subscribe' },
  open: () => ({
    completesOpening: () => true,
    count: () => 1,
    requests,
  }),
};

export const peer: Peer = { startServer, connectClient, dialect };
