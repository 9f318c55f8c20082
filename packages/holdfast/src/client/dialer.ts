import type { WireRecord } from '../protocol/schema.ts';
import { PROTOCOL_VERSION } from '../protocol/version.ts';
import { encodeBatches } from '../protocol/codec.ts';

/** What the client needs of a WebSocket (WHATWG WebSockets §3); browsers', Node's and `ws`'s all have it. */
export interface WebSocketLike {
  binaryType: string;
  readonly bufferedAmount: number;
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  send(data: Uint8Array): void;
  close(code?: number, reason?: string): void;
  /** Where there is one, ends a connection without waiting for a peer that may be gone. */
  terminate?(): void;
}

export type OpenSocket = (url: string, protocols: string[]) => WebSocketLike;

export interface LinkEvents {
  opened(): void;
  bytes(bytes: Uint8Array): void;
  lost(code: number, reason: string): void;
}

/** One WebSocket. Once dropped it says nothing any more, however late its own events come (SPEC LIVE-5). */
export class LinkSocket {
  readonly #socket: WebSocketLike;
  #pending: WireRecord[] = [];

  constructor(open: OpenSocket, url: string, events: LinkEvents) {
    const socket = open(url, [PROTOCOL_VERSION]);
    this.#socket = socket;
    socket.binaryType = 'arraybuffer';
    socket.onopen = () => events.opened();
    socket.onmessage = ({ data }: { data: ArrayBuffer | Uint8Array | string }) => {
      // Text is not of this protocol; as no bytes at all it is malformed.
      if (typeof data === 'string') data = new Uint8Array(0);
      events.bytes(data instanceof Uint8Array ? data : new Uint8Array(data));
    };
    socket.onerror = () => {};
    socket.onclose = ({ code, reason }: { code: number; reason: string }) => events.lost(code, reason);
  }

  get bufferedBytes(): number {
    return this.#socket.bufferedAmount;
  }

  add(record: WireRecord): void {
    this.#pending.push(record);
  }

  /** Sends what has collected, in as few messages as the server's limit allows. */
  flush(bytesMax: number): void {
    if (this.#pending.length === 0) return;
    for (const bytes of encodeBatches(this.#pending, bytesMax)) this.#socket.send(bytes);
    this.#pending = [];
  }

  drop(code: number): void {
    const socket = this.#socket;
    socket.onopen = socket.onmessage = socket.onclose = null;
    // A page may close with 1000 and 3000–4999 only; without a code the server reads "no reason given".
    if (code === 1000 || code >= 3000) socket.close(code);
    else if (socket.terminate) socket.terminate();
    else socket.close();
  }
}
