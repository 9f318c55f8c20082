import { connect } from 'holdfast/client';
import { encode, jsonCodec, PROTOCOL_VERSION } from 'holdfast/protocol';
import { createServer } from 'holdfast/server';
import { clientFrame, opcode } from '../raw/frames.ts';
import { countDecoded, countQuickly, decodeOrThrow, RequestWriter } from '../raw/holdfast-wire.ts';
import {
  requestText,
  type Dialect,
  type Peer,
  type PeerClient,
  type PeerClientOptions,
  type PeerServer,
  type PeerServerOptions,
} from './peer.ts';

const topic = 'news';

async function startServer({
  retentionBytesMax,
  handshakesPerSecond,
}: PeerServerOptions): Promise<PeerServer> {
  const server = createServer({
    logger: false,
    ...(handshakesPerSecond ? { handshakesPerSecond } : {}),
    ...(retentionBytesMax ? { topics: { [topic]: { retention: { bytesMax: retentionBytesMax } } } } : {}),
  });
  server.method('echo', (value) => value);
  const { port } = await server.listen(0, '127.0.0.1');
  return { port, broadcast: (text) => server.publish(topic, text) };
}

async function connectClient({
  port,
  role,
  onMessage,
  onConnected,
  onTimedOut,
}: PeerClientOptions): Promise<PeerClient> {
  const client = connect(`ws://127.0.0.1:${port}/`);
  let phase = '';
  client.onStatus((status) => {
    if (status.phase === phase) return;
    phase = status.phase;
    if (phase === 'live') onConnected?.();
    if (phase === 'waiting' && status.cause?.text.startsWith('No welcome within')) onTimedOut?.();
  });
  if (role === 'subscriber') {
    await client.subscribe(topic, (data) => onMessage?.(data as string), { from: 'now' }).ready;
  }
  return {
    publish: async (text) => void (await client.publish(topic, text)),
    close: () => void client.close(),
  };
}

const hello = {
  type: 'hello',
  connection: 1,
  resumeToken: '',
  token: '',
  node: '',
  sequenceSent: 0,
  requestSent: 0,
} as const;
const subscribe = { type: 'subscribe', subscription: 1, topic, from: 'now', epoch: 0, offset: 0 } as const;
const opening = {
  caller: clientFrame(opcode.binary, Buffer.from(encode([hello]))),
  subscriber: clientFrame(opcode.binary, Buffer.from(encode([hello, subscribe]))),
} as const;
const opened = { caller: 'welcome', subscriber: 'subscribed' } as const;
const requestWriter = new RequestWriter('echo', jsonCodec.encode(requestText));

const dialect: Dialect = {
  path: { caller: '/', subscriber: '/' },
  subprotocol: PROTOCOL_VERSION,
  open: (role, send) => {
    let requested = 0;
    let replied = 0;
    const countAll = (message: Buffer): number => {
      const records = decodeOrThrow(message);
      for (const record of records) {
        if (record.type !== 'ping') continue;
        send(clientFrame(opcode.binary, Buffer.from(encode([{ type: 'pong', id: record.id, finished: 0 }]))));
      }
      return countDecoded(records);
    };
    return {
      opening: opening[role],
      completesOpening: (bytes, start, end) =>
        decodeOrThrow(bytes.subarray(start, end)).some(({ type }) => type === opened[role]),
      count: (bytes, start, end) => {
        const count = countQuickly(bytes, start, end) ?? countAll(bytes.subarray(start, end));
        replied += count;
        return count;
      },
      requests: (count) => {
        const message = requestWriter.write(requested + 1, count, replied + 1);
        requested += count;
        return clientFrame(opcode.binary, message);
      },
    };
  },
};

export const peer: Peer = { startServer, connectClient, dialect };
