import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Server } from 'socket.io';
import { io } from 'socket.io-client';
import { clientFrame, opcode, repeatedFrame } from '../raw/frames.ts';
import {
  requestText,
  type Dialect,
  type Peer,
  type PeerClient,
  type PeerClientOptions,
  type PeerServer,
  type PeerServerOptions,
} from './peer.ts';

type Acknowledge = (value?: unknown) => void;

async function startServer({ recovery }: PeerServerOptions): Promise<PeerServer> {
  const http = createServer();
  const server = new Server(http, {
    transports: ['websocket'],
    serveClient: false,
    // Two minutes are the option's default; it is off unless it is given.
    ...(recovery ? { connectionStateRecovery: { maxDisconnectionDuration: 120_000 } } : {}),
  });
  server.on('connection', (socket) => {
    socket.on('echo', (data: unknown, acknowledge: Acknowledge) => acknowledge(data));
    socket.on('publish', (data: unknown, acknowledge: Acknowledge) => {
      acknowledge();
      server.emit('news', data);
    });
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const { port } = http.address() as AddressInfo;
  return { port, broadcast: (text) => server.emit('news', text) };
}

function connectClient({ port, onMessage, onConnected, onTimedOut }: PeerClientOptions): Promise<PeerClient> {
  const socket = io(`ws://127.0.0.1:${port}`, { transports: ['websocket'], forceNew: true });
  if (onMessage) socket.on('news', onMessage);
  socket.on('connect', () => onConnected?.());
  socket.on('connect_error', (error) => error.message === 'timeout' && onTimedOut?.());
  const client: PeerClient = {
    publish: async (text) => void (await socket.emitWithAck('publish', text)),
    close: () => socket.disconnect(),
  };
  return new Promise((resolve) => socket.once('connect', () => resolve(client)));
}

/** Engine.IO packet types that a client meets, and the Socket.IO packet within (`4` message, then its type). */
const code = { ping: 0x32, message: 0x34, connect: 0x30, event: 0x32, acknowledgement: 0x33 } as const;
const connectFrame = clientFrame(opcode.text, Buffer.from('40'));
const pongFrame = clientFrame(opcode.text, Buffer.from('3'));
const requests = repeatedFrame(
  clientFrame(opcode.text, Buffer.from(`421${JSON.stringify(['echo', requestText])}`)),
);

const dialect: Dialect = {
  path: {
    caller: '/socket.io/?EIO=4&transport=websocket',
    subscriber: '/socket.io/?EIO=4&transport=websocket',
  },
  open: (_role, send) => ({
    opening: connectFrame,
    completesOpening: (bytes, start) => bytes[start] === code.message && bytes[start + 1] === code.connect,
    count: (bytes, start) => {
      if (bytes[start] === code.ping) send(pongFrame);
      if (bytes[start] !== code.message) return 0;
      return bytes[start + 1] === code.event || bytes[start + 1] === code.acknowledgement ? 1 : 0;
    },
    requests,
  }),
};

export const peer: Peer = { startServer, connectClient, dialect };
