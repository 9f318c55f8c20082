import { connect, type Socket } from 'node:net';
import type { Dialect, RawRole, RawSession } from '../peers/peer.ts';
import { clientFrame, opcode, walkFrames } from './frames.ts';

type Phase = 'upgrading' | 'opening' | 'open' | 'closed';

export interface RawConnectionOptions {
  readonly port: number;
  readonly role: RawRole;
  readonly dialect: Dialect;
  onOpen(): void;
  /** Replies or messages that have just come in. */
  onCount(count: number): void;
  onClose(reason: string): void;
}

/** Reads run to their end before the next begins, so all connections can read into one buffer. */
const sharedReadBuffer = Buffer.allocUnsafe(256 * 1024);

/** A WebSocket made by hand on a TCP socket, which counts what comes in and keeps none of it. */
export class RawConnection {
  readonly session: RawSession;
  readonly #socket: Socket;
  readonly #options: RawConnectionOptions;
  #phase: Phase = 'upgrading';
  #rest: Buffer | undefined;

  constructor(options: RawConnectionOptions) {
    this.#options = options;
    this.session = options.dialect.open(options.role, (frames) => this.send(frames));
    this.#socket = connect({
      port: options.port,
      host: '127.0.0.1',
      noDelay: true,
      onread: {
        buffer: sharedReadBuffer,
        callback: (length, buffer) => this.#read(buffer as Buffer, length),
      },
    });
    this.#socket.once('connect', () => this.#socket.write(upgradeRequest(options)));
    this.#socket.on('error', (error) => this.#closed(error.message));
    this.#socket.on('close', () => this.#closed('closed by the server'));
  }

  send(frames: Buffer): void {
    this.#socket.write(frames);
  }

  /** Resets instead of closing, so that no port of this machine is left in TIME_WAIT. */
  destroy(): void {
    this.#phase = 'closed';
    this.#socket.resetAndDestroy();
  }

  #closed(reason: string): void {
    if (this.#phase === 'closed') return;
    this.#phase = 'closed';
    this.#options.onClose(reason);
  }

  #read(buffer: Buffer, length: number): boolean {
    const chunk = buffer.subarray(0, length);
    const bytes = this.#rest ? Buffer.concat([this.#rest, chunk]) : chunk;
    const start = this.#phase === 'upgrading' ? this.#readUpgrade(bytes) : 0;
    const done = this.#phase === 'upgrading' ? 0 : walkFrames(bytes, start, this.#onFrame);
    this.#rest = done < bytes.length ? Buffer.from(bytes.subarray(done)) : undefined;
    return true;
  }

  #readUpgrade(bytes: Buffer): number {
    const end = bytes.indexOf('\r\n\r\n');
    if (end < 0) return 0;
    if (!bytes.subarray(0, 12).equals(Buffer.from('HTTP/1.1 101'))) {
      const head = bytes.subarray(0, end).toString('latin1');
      this.#closed(`no upgrade: ${head.split('\r\n', 1)[0]}`);
      this.#socket.destroy();
      return bytes.length;
    }
    this.#phase = 'opening';
    if (this.session.opening) this.send(this.session.opening);
    else this.#open();
    return end + 4;
  }

  #open(): void {
    this.#phase = 'open';
    this.#options.onOpen();
  }

  readonly #onFrame = (code: number, bytes: Buffer, start: number, end: number): void => {
    if (code === opcode.text || code === opcode.binary) this.#onMessage(bytes, start, end);
    else if (code === opcode.ping) this.send(clientFrame(opcode.pong, bytes.subarray(start, end)));
    else if (code === opcode.close) this.#closed(closeReason(bytes.subarray(start, end)));
  };

  #onMessage(bytes: Buffer, start: number, end: number): void {
    if (this.#phase === 'opening') {
      if (this.session.completesOpening(bytes, start, end)) this.#open();
    } else if (this.#phase === 'open') {
      const count = this.session.count(bytes, start, end);
      if (count > 0) this.#options.onCount(count);
    }
  }
}

function closeReason(payload: Buffer): string {
  if (payload.length < 2) return 'closed by the server';
  return `closed by the server: ${payload.readUInt16BE(0)} ${payload.subarray(2).toString()}`;
}

function upgradeRequest({ port, role, dialect }: RawConnectionOptions): string {
  const lines = [
    `GET ${dialect.path[role]} HTTP/1.1`,
    `Host: 127.0.0.1:${port}`,
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  ];
  if (dialect.subprotocol) lines.push(`Sec-WebSocket-Protocol: ${dialect.subprotocol}`);
  return `${lines.join('\r\n')}\r\n\r\n`;
}
