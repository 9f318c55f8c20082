import { createHash, randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { PROTOCOL_VERSION } from '../../protocol/version.ts';
import { Queue } from './queue.ts';
import { within } from './runner.ts';

/** What the peer of an engine may do wrong on purpose, on a plain TCP socket (RFC 6455 §5.2). */

export const opcodes = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

export interface Frame {
  opcode: number;
  fin: boolean;
  payload: Buffer;
}

export interface PeerOptions {
  path?: string;
  /** Offered subprotocols; an empty list offers none. */
  protocols?: readonly string[];
  headers?: Readonly<Record<string, string>>;
}

export interface HttpAnswer {
  status: number;
  headers: Record<string, string>;
  body: string;
}

export class WebSocketPeer {
  /** All frames but the Close. */
  readonly frames = new Queue<Frame>('a frame');
  /** The Close frame's code and reason, or 1006 when the connection ended without one (RFC 6455 §7.1.5). */
  readonly closed: Promise<{ code: number; reason: string }>;
  readonly socket: Socket;
  /** The answer to whatever was asked; status 0 when the connection ended without one. */
  readonly answered: Promise<HttpAnswer>;
  private buffered: Buffer = Buffer.alloc(0);
  private answer: HttpAnswer | undefined;
  private resolveAnswer!: (answer: HttpAnswer) => void;
  private resolveClosed!: (close: { code: number; reason: string }) => void;

  private constructor(port: number) {
    this.socket = connect(port, '127.0.0.1');
    this.answered = new Promise((resolve) => (this.resolveAnswer = resolve));
    this.closed = new Promise((resolve) => (this.resolveClosed = resolve));
    this.socket.on('error', () => {});
    this.socket.on('data', (chunk) => this.take(chunk));
    this.socket.on('close', () => {
      this.resolveAnswer({ status: 0, headers: {}, body: '' });
      this.resolveClosed({ code: 1006, reason: '' });
    });
  }

  /** A TCP connection on which nothing was said. */
  static async dial(port: number): Promise<WebSocketPeer> {
    const peer = new WebSocketPeer(port);
    await within('a TCP connection', new Promise<void>((resolve) => peer.socket.once('connect', resolve)));
    return peer;
  }

  /** An upgraded connection. */
  static async open(port: number, options: PeerOptions = {}): Promise<WebSocketPeer> {
    const { peer, answer } = await WebSocketPeer.upgrade(port, options);
    if (answer.status !== 101) throw new Error(`The upgrade was refused: ${answer.status} ${answer.body}`);
    return peer;
  }

  /** Asks for an upgrade, and gives the answer whatever it is. */
  static async upgrade(
    port: number,
    options: PeerOptions = {},
  ): Promise<{ peer: WebSocketPeer; answer: HttpAnswer }> {
    const peer = await WebSocketPeer.dial(port);
    const key = randomBytes(16).toString('base64');
    peer.write(upgradeRequest(key, options));
    const answer = await within('the answer to an upgrade', peer.answered);
    if (answer.status === 101 && answer.headers['sec-websocket-accept'] !== acceptOf(key)) {
      throw new Error('The server did not prove that it speaks WebSocket.');
    }
    return { peer, answer };
  }

  write(bytes: Uint8Array | string): boolean {
    return this.socket.write(bytes);
  }

  /** Sends one frame, masked as a client's must be. */
  send(payload: Uint8Array, { opcode = opcodes.binary as number, fin = true } = {}): boolean {
    return this.write(frameOf(payload, opcode, fin));
  }

  close(code: number, reason: string): void {
    const payload = Buffer.concat([Buffer.from([code >> 8, code & 255]), Buffer.from(reason)]);
    this.send(payload, { opcode: opcodes.close });
  }

  /** Ends the connection with a TCP reset. */
  reset(): void {
    this.socket.resetAndDestroy();
  }

  private take(chunk: Buffer): void {
    this.buffered = this.buffered.length === 0 ? chunk : Buffer.concat([this.buffered, chunk]);
    if (!this.answer) this.readAnswer();
    if (this.answer?.status === 101) this.readFrames();
  }

  private readAnswer(): void {
    const end = this.buffered.indexOf('\r\n\r\n');
    if (end === -1) return;
    const [first = '', ...lines] = this.buffered.subarray(0, end).toString().split('\r\n');
    const headers = Object.fromEntries(
      lines.map((line) => [
        line.slice(0, line.indexOf(':')).toLowerCase(),
        line.slice(line.indexOf(':') + 1).trim(),
      ]),
    );
    const length = Number(headers['content-length'] ?? 0);
    if (this.buffered.length < end + 4 + length) return;
    const body = this.buffered.subarray(end + 4, end + 4 + length).toString();
    this.buffered = this.buffered.subarray(end + 4 + length);
    this.answer = { status: Number(first.split(' ')[1]), headers, body };
    this.resolveAnswer(this.answer);
  }

  private readFrames(): void {
    for (;;) {
      const bytes = this.buffered;
      if (bytes.length < 2) return;
      const short = bytes[1]! & 127;
      const head = short === 127 ? 10 : short === 126 ? 4 : 2;
      if (bytes.length < head) return;
      const length =
        short === 127 ? Number(bytes.readBigUInt64BE(2)) : short === 126 ? bytes.readUInt16BE(2) : short;
      if (bytes.length < head + length) return;
      this.buffered = bytes.subarray(head + length);
      const payload = bytes.subarray(head, head + length);
      this.takeFrame({ opcode: bytes[0]! & 15, fin: bytes[0]! > 127, payload });
    }
  }

  private takeFrame(frame: Frame): void {
    if (frame.opcode !== opcodes.close) return this.frames.push(frame);
    const { payload } = frame;
    const code = payload.length < 2 ? 1005 : payload.readUInt16BE(0);
    this.resolveClosed({ code, reason: payload.subarray(2).toString() });
    // The closing handshake is answered with the same code (RFC 6455 §5.5.1).
    if (this.socket.writable) this.send(payload.subarray(0, 2), { opcode: opcodes.close });
    this.socket.end();
  }
}

export function upgradeRequest(key: string, options: PeerOptions): string {
  const { path = '/', protocols = [PROTOCOL_VERSION], headers = {} } = options;
  return [
    `GET ${path} HTTP/1.1`,
    'Host: 127.0.0.1',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    `Sec-WebSocket-Key: ${key}`,
    ...(protocols.length > 0 ? [`Sec-WebSocket-Protocol: ${protocols.join(', ')}`] : []),
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    '\r\n',
  ].join('\r\n');
}

/** RFC 6455 §4.2.2: proof that the server read this very request. */
function acceptOf(key: string): string {
  return createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
}

export function frameOf(payload: Uint8Array, opcode: number, fin: boolean): Buffer {
  const { length } = payload;
  const size = length < 126 ? 0 : length < 65_536 ? 2 : 8;
  const frame = Buffer.alloc(2 + size + 4 + length);
  frame[0] = opcode | (fin ? 128 : 0);
  frame[1] = 128 | (size === 0 ? length : size === 2 ? 126 : 127);
  if (size === 2) frame.writeUInt16BE(length, 2);
  if (size === 8) frame.writeBigUInt64BE(BigInt(length), 2);
  const mask = randomBytes(4);
  frame.set(mask, 2 + size);
  const body = frame.subarray(2 + size + 4);
  for (let i = 0; i < length; i++) body[i] = payload[i]! ^ mask[i & 3]!;
  return frame;
}
