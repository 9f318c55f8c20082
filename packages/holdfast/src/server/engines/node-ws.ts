import { createServer, type IncomingMessage, type Server as HttpServer } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type ServerOptions, type WebSocket } from 'ws';
import { HoldfastError } from '../../protocol/error-codes.ts';
import { PROTOCOL_VERSION } from '../../protocol/version.ts';
import { cutText } from '../cut-text.ts';
import { checkHttpServer } from '../option-checks.ts';
import {
  CLOSE_TIMEOUT_MS,
  REASON_BYTES_MAX,
  whyNotSpoken,
  wrongPathText,
  type Engine,
  type EngineHost,
  type EngineSocket,
  type Handshake,
} from '../engine.ts';

/** Sockets of Node's HTTP server, upgraded by `ws`. */
export function nodeWsEngine(host: EngineHost, path: string | undefined): Engine<HttpServer> {
  return new NodeWsEngine(host, path);
}

type UpgradeListener = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

/** Who serves which path of an application's server, and how to leave it. */
interface Attachments {
  paths: Map<string, UpgradeListener>;
  end(): void;
}

const attachments = new WeakMap<HttpServer, Attachments>();

/** One listener stands for all that are attached: only who knows all paths can tell one that nobody serves. */
function listenForUpgrades(server: HttpServer): Attachments {
  const paths: Attachments['paths'] = new Map();
  const listener: UpgradeListener = (request, socket, head) => {
    const serve = paths.get(pathOf(request));
    if (serve) serve(request, socket, head);
    // Another listener may be waiting for this path.
    else if (server.listenerCount('upgrade') === 1)
      refuse(socket, 404, wrongPathText([...paths.keys()].join(' and ')));
  };
  const end = (): void => {
    server.off('upgrade', listener);
    attachments.delete(server);
  };
  server.on('upgrade', listener);
  const made = { paths, end };
  attachments.set(server, made);
  return made;
}

function pathOf({ url = '/' }: IncomingMessage): string {
  return url.split('?', 1)[0]!;
}

class NodeWsEngine implements Engine<HttpServer> {
  private readonly webSockets: WebSocketServer;
  private readonly detachers: (() => void)[] = [];
  private own: HttpServer | undefined;
  private readonly host: EngineHost;
  private readonly path: string | undefined;

  constructor(host: EngineHost, path: string | undefined) {
    this.host = host;
    this.path = path;
    const options: ServerOptions & { closeTimeout: number } = {
      noServer: true,
      // Compression costs far more memory than it saves traffic on small messages; the log's pages are read once.
      perMessageDeflate: false,
      // The server keeps its own set.
      clientTracking: false,
      maxPayload: host.messageBytesMax,
      // A message in thousands of tiny fragments costs twenty times its size.
      maxFragments: 64,
      // A peer behind a dead path never answers a Close frame; `ws` would hold its socket for 30 s.
      closeTimeout: CLOSE_TIMEOUT_MS,
      handleProtocols: (offered) => (offered.has(PROTOCOL_VERSION) ? PROTOCOL_VERSION : false),
    };
    this.webSockets = new WebSocketServer(options);
  }

  async listen(port: number, hostName: string | undefined): Promise<{ port: number }> {
    const { handshakeTimeoutMs } = this.host;
    const bounds = {
      maxHeaderSize: 16_384,
      // Node looks for requests that take too long each 30 s unless told otherwise.
      headersTimeout: handshakeTimeoutMs,
      requestTimeout: handshakeTimeoutMs,
      connectionsCheckingInterval: Math.ceil(handshakeTimeoutMs / 4),
    };
    const server = createServer(bounds, (request, response) => {
      const { status, headers, text } = this.host.answer(request.url ?? '/', request.headers.origin);
      response.writeHead(status, { ...headers, connection: 'close' }).end(text);
    });
    this.own = server;
    server.on('upgrade', (request, socket, head) => {
      if (this.path === undefined || pathOf(request) === this.path) this.upgrade(request, socket, head);
      else refuse(socket, 404, wrongPathText(this.path));
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ port, host: hostName, backlog: 4_096 }, () => {
        server.off('error', reject);
        resolve();
      });
    });
    const address = server.address();
    return { port: typeof address === 'object' && address ? address.port : port };
  }

  attach(server: HttpServer, path: string): void {
    checkHttpServer(server);
    const { paths, end } = attachments.get(server) ?? listenForUpgrades(server);
    if (paths.has(path)) {
      const text = `attach: "${path}" of this HTTP server is served already; choose another path.`;
      throw new HoldfastError('invalid-option', text);
    }
    paths.set(path, (request, socket, head) => this.upgrade(request, socket, head));
    this.detachers.push(() => {
      paths.delete(path);
      if (paths.size === 0) end();
    });
  }

  async close(): Promise<void> {
    for (const detach of this.detachers.splice(0)) detach();
    const { own } = this;
    if (!own?.listening) return;
    await new Promise<void>((resolve) => {
      own.close(() => resolve());
      own.closeAllConnections();
    });
  }

  private upgrade(request: IncomingMessage, stream: Duplex, head: Buffer): void {
    const socket = stream as Socket;
    // Without a listener, an error of a peer that hangs up now would end the process.
    const ignore = (): void => {};
    socket.on('error', ignore);
    const { url = '/', headers } = request;
    const handshake: Handshake = { url, headers, address: socket.remoteAddress ?? '' };
    const unspoken = whyNotSpoken(headers['sec-websocket-protocol']);
    if (unspoken) return refuse(socket, 400, unspoken);
    const refused = this.host.admit(handshake);
    if (refused) return refuse(socket, refused.status, refused.text, refused.retryAfterSeconds);
    this.webSockets.handleUpgrade(request, socket, head, (webSocket) => {
      socket.off('error', ignore);
      this.connect(webSocket, socket, handshake);
    });
  }

  private connect(webSocket: WebSocket, socket: Socket, handshake: Handshake): void {
    // `ws` reports a failure as an error, and then its end as 1006 whatever it told the peer.
    let failure: (Error & { code?: string }) | undefined;
    webSocket.on('error', (error) => (failure = error));
    const engineSocket = new NodeWsSocket(webSocket, socket);
    const handler = this.host.open(engineSocket, handshake);
    webSocket.on('message', (data: Buffer, isBinary: boolean) => {
      // A text message can't hold records, and is refused as such.
      handler.handleMessage(isBinary ? data : notRecords);
    });
    webSocket.on('close', (code: number, reason: Buffer) => {
      const isTooBig = failure?.code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH';
      if (isTooBig) handler.handleClose(1009, `A message exceeded ${this.host.messageBytesMax} bytes.`);
      else handler.handleClose(code, failure?.message ?? reason.toString());
    });
    socket.on('drain', () => handler.handleDrain());
  }
}

const notRecords = new Uint8Array(0);
/** Where frames are written: each over the one before, unless a socket could not send that at once. */
const ROOM_BYTES = 262_144;
let room: Buffer = Buffer.allocUnsafeSlow(ROOM_BYTES);
/** Up to here sockets still need what is in the room. */
let keptThrough = 0;
/** What was framed last, and its frame: a run goes to every subscriber, one after the other. */
let framedBytes: Uint8Array | undefined;
let frame: Buffer = room;

/** Memory for a frame. A huge one has its own, which must not stay for ever. */
function findRoom(count: number): Buffer {
  if (count > ROOM_BYTES / 2) return Buffer.allocUnsafeSlow(count);
  if (keptThrough + count > ROOM_BYTES) {
    room = Buffer.allocUnsafeSlow(ROOM_BYTES);
    keptThrough = 0;
  }
  return room.subarray(keptThrough, keptThrough + count);
}

/**
 * A binary message as one unmasked frame (RFC 6455 §5.2). `ws` writes a header and a payload, which costs a
 * `writev`; written whole, a small message costs half, and a run is framed once for all its subscribers.
 */
function frameOf(bytes: Uint8Array): Buffer {
  if (framedBytes === bytes) return frame;
  const { length } = bytes;
  const headerBytes = length < 126 ? 2 : length < 65_536 ? 4 : 10;
  frame = findRoom(headerBytes + length);
  framedBytes = bytes;
  frame[0] = 0x82;
  if (headerBytes === 2) frame[1] = length;
  else if (headerBytes === 4) {
    frame[1] = 126;
    frame.writeUInt16BE(length, 2);
  } else {
    frame[1] = 127;
    frame.writeUIntBE(0, 2, 4);
    frame.writeUInt32BE(length, 6);
  }
  frame.set(bytes, headerBytes);
  return frame;
}

/** A socket could not send this at once: what comes next must not be written over it. */
function keep({ buffer, byteOffset, length }: Buffer): void {
  if (buffer === room.buffer) keptThrough = Math.max(keptThrough, byteOffset + length);
}

class NodeWsSocket implements EngineSocket {
  private readonly webSocket: WebSocket;
  private readonly socket: Socket;

  constructor(webSocket: WebSocket, socket: Socket) {
    this.webSocket = webSocket;
    this.socket = socket;
  }

  send(bytes: Uint8Array): void {
    if (this.webSocket.readyState !== this.webSocket.OPEN) return;
    const whole = frameOf(bytes);
    // `ws` writes its own frames (pong, close) straight to this socket, too, each of them whole.
    this.socket.write(whole);
    if (this.socket.writableLength > 0) keep(whole);
  }

  get bufferedBytes(): number {
    return this.socket.writableLength;
  }

  close(code: number, reason: string): void {
    this.webSocket.close(code, cutText(reason, REASON_BYTES_MAX));
  }

  terminate(): void {
    this.webSocket.terminate();
  }

  pause(): void {
    this.webSocket.pause();
  }

  resume(): void {
    this.webSocket.resume();
  }
}

const statusNames: Record<number, string> = {
  400: 'Bad Request',
  403: 'Forbidden',
  404: 'Not Found',
  503: 'Service Unavailable',
};

function refuse(socket: Duplex, status: number, text: string, retryAfterSeconds?: number): void {
  const body = `${text}\n`;
  const head = [
    `HTTP/1.1 ${status} ${statusNames[status] ?? 'Error'}`,
    'Connection: close',
    'Content-Type: text/plain; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...(retryAfterSeconds === undefined ? [] : [`Retry-After: ${retryAfterSeconds}`]),
  ];
  socket.on('error', () => socket.destroy());
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy());
}
