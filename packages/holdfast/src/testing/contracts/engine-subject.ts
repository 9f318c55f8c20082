import type {
  Engine,
  EngineHost,
  EngineSocket,
  Handshake,
  HttpAnswer,
  SocketHandler,
} from '../../server/engine.ts';
import { Queue } from './queue.ts';
import { within } from './runner.ts';
import { WebSocketPeer, type PeerOptions } from './web-socket-peer.ts';

export const MESSAGE_BYTES_MAX = 65_536;

/** An engine under test, listening, with a host that writes down what it is told. */
export class EngineSubject implements EngineHost {
  readonly messageBytesMax = MESSAGE_BYTES_MAX;
  readonly handshakeTimeoutMs = 10_000;
  readonly opened = new Queue<Speaker>('a connection');
  openedCount = 0;
  refusal: ReturnType<EngineHost['admit']>;
  engine!: Engine;
  port = 0;
  private readonly speakers = new Set<Speaker>();
  private readonly peers: WebSocketPeer[] = [];

  static async listen(make: (host: EngineHost) => Engine): Promise<EngineSubject> {
    const subject = new EngineSubject();
    subject.engine = make(subject);
    subject.port = (await subject.engine.listen(0, '127.0.0.1')).port;
    return subject;
  }

  admit(): ReturnType<EngineHost['admit']> {
    return this.refusal;
  }

  open(socket: EngineSocket, handshake: Handshake): SocketHandler {
    const speaker = new Speaker(socket, handshake);
    this.speakers.add(speaker);
    this.openedCount++;
    this.opened.push(speaker);
    return speaker;
  }

  answer(path: string, origin: string | undefined): HttpAnswer {
    const text = `You asked for ${path}${origin ? ` from ${origin}` : ''}.`;
    return { status: path === '/teapot' ? 418 : 200, headers: { 'x-kind': 'tea' }, text };
  }

  /** Both ends of a new connection. */
  async pair(options: PeerOptions = {}): Promise<{ peer: WebSocketPeer; speaker: Speaker }> {
    const peer = this.keep(await WebSocketPeer.open(this.port, options));
    return { peer, speaker: await this.opened.next() };
  }

  /** Has the peer ended with the test, whatever becomes of it. */
  keep(peer: WebSocketPeer): WebSocketPeer {
    this.peers.push(peer);
    return peer;
  }

  async end(): Promise<void> {
    for (const { socket } of this.speakers) socket.terminate();
    for (const peer of this.peers) peer.socket.destroy();
    await within('the engine to close', this.engine.close());
  }
}

/** The server's end of one connection. */
export class Speaker implements SocketHandler {
  readonly messages = new Queue<Buffer>('a message at the server');
  readonly drained = new Queue<number>('a drain at the server');
  readonly closes: { code: number; reason: string }[] = [];
  readonly closed: Promise<{ code: number; reason: string }>;
  readonly socket: EngineSocket;
  readonly handshake: Handshake;
  private resolveClosed!: (close: { code: number; reason: string }) => void;

  constructor(socket: EngineSocket, handshake: Handshake) {
    this.socket = socket;
    this.handshake = handshake;
    this.closed = new Promise((resolve) => (this.resolveClosed = resolve));
  }

  handleMessage(bytes: Uint8Array): void {
    // No copy: an engine doesn't use this memory again.
    this.messages.push(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
  }

  handleDrain(): void {
    this.drained.push(this.socket.bufferedBytes);
  }

  handleClose(code: number, reason: string): void {
    this.closes.push({ code, reason });
    this.resolveClosed({ code, reason });
  }
}
