import { closeCodes } from '../../protocol/close-codes.ts';
import { SHARED_HEADER_BYTES, SHARED_PROTOCOL } from '../../protocol/shared.ts';
import type { Clock } from '../../session/clock.ts';
import type { EngineHost, EngineSocket, Handshake, SocketHandler } from '../engine.ts';
import { SharedSocket } from './shared-socket.ts';

/**
 * A host that also takes connections which several sessions share (SPEC TAB-1): to the host behind it, each of
 * their channels is a socket of its own. So all that is true of connections, such as limits, authorization, flow
 * and resuming, is true of channels, and no engine knows of them.
 */
export function sharedHost(host: EngineHost, clock: Pick<Clock, 'nowMs'>): EngineHost {
  return {
    ...host,
    // A message may be as long on a channel as on a connection of its own.
    messageBytesMax: host.messageBytesMax + SHARED_HEADER_BYTES,
    open: (socket, handshake) =>
      isShared(handshake)
        ? new SharedSocket(host, socket, handshake, clock)
        : new PlainHandler(host.messageBytesMax, socket, host.open(socket, handshake)),
  };
}

/** A connection that nobody shares: its messages have no header, and must not be longer for that. */
class PlainHandler implements SocketHandler {
  readonly #bytesMax: number;
  readonly #socket: EngineSocket;
  readonly #handler: SocketHandler;
  #tooBig: string | undefined;

  constructor(bytesMax: number, socket: EngineSocket, handler: SocketHandler) {
    this.#bytesMax = bytesMax;
    this.#socket = socket;
    this.#handler = handler;
  }

  handleMessage(bytes: Uint8Array): void {
    if (bytes.length <= this.#bytesMax) return this.#handler.handleMessage(bytes);
    this.#tooBig = `A message exceeded ${this.#bytesMax} bytes.`;
    this.#socket.close(closeCodes['too-big'].code, this.#tooBig);
  }

  handleDrain(): void {
    this.#handler.handleDrain();
  }

  handleClose(code: number, reason: string): void {
    if (this.#tooBig === undefined) this.#handler.handleClose(code, reason);
    else this.#handler.handleClose(closeCodes['too-big'].code, this.#tooBig);
  }
}

function isShared({ headers }: Handshake): boolean {
  const offered = String(headers['sec-websocket-protocol'] ?? '').split(',');
  return offered.some((name) => name.trim() === SHARED_PROTOCOL);
}
