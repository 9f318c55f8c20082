import { encodeBatches } from '../protocol/codec.ts';
import { HoldfastError } from '../protocol/error-codes.ts';
import { PROTOCOL_VERSION } from '../protocol/version.ts';
import type { Link } from '../session/links.ts';
import type { Tell } from './client.ts';
import { checkEndpoint, type ClientOptions, type Endpoints } from './options.ts';

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

/** The sockets behind a session's links: finds out where to dial and with which token, and passes bytes on. */
export class Dialer {
  /** The address that was dialled last. */
  endpoint: string | undefined;
  /** Undefined while an address or a token is awaited. */
  readonly #sockets = new Map<Link, WebSocketLike | undefined>();
  readonly #endpoints: Endpoints;
  readonly #token: ClientOptions['token'];
  readonly #open: OpenSocket;
  readonly #tell: Tell;
  #dials = 0;

  constructor(endpoints: Endpoints, token: ClientOptions['token'], open: OpenSocket, tell: Tell) {
    const given = typeof endpoints === 'function' ? endpoints : [endpoints].flat();
    // An empty list is as wrong as an empty address.
    this.#endpoints =
      typeof given === 'function' ? given : (given.length > 0 ? given : ['']).map(checkEndpoint);
    this.#token = token;
    this.#open = open;
    this.#tell = tell;
  }

  /** Whatever a link's socket says after it was dropped, however late, goes unheard by the session (SPEC LIVE-5). */
  async dial(link: Link, tokenRejected: boolean): Promise<void> {
    this.#sockets.set(link, undefined);
    try {
      // In a turn of its own, because the application's functions may call the client.
      await undefined;
      const [url, token] = await Promise.all([this.#nextEndpoint(), this.fetchToken(tokenRejected)]);
      if (!this.#sockets.has(link)) return;
      this.endpoint = url;
      const socket = this.#open(url, [PROTOCOL_VERSION]);
      this.#sockets.set(link, socket);
      socket.binaryType = 'arraybuffer';
      socket.onopen = () => this.#tell((session, nowMs) => session.opened(link, token, nowMs));
      socket.onmessage = ({ data }: { data: ArrayBuffer | Uint8Array | string }) => {
        // Text is not of this protocol; as no bytes at all it is malformed.
        if (typeof data === 'string') data = new Uint8Array(0);
        const bytes = data instanceof Uint8Array ? data : new Uint8Array(data);
        this.#tell((session, nowMs) => session.receive(link, bytes, nowMs));
      };
      socket.onerror = () => {};
      socket.onclose = ({ code, reason }: { code: number; reason: string }) => {
        this.#tell((session, nowMs) => session.closed(link, code, reason, nowMs));
        this.#sockets.delete(link);
      };
    } catch (error) {
      const final = error instanceof HoldfastError;
      const text = error instanceof Error ? error.message : String(error);
      const cause = { code: final ? error.code : 'unreachable', text };
      this.#tell((session, nowMs) => session.dialFailed(link, cause, final, nowMs));
    }
  }

  /** The application's credential; `rejected` when the server refused the last one. */
  async fetchToken(rejected: boolean): Promise<string> {
    const token = this.#token ?? '';
    if (typeof token === 'function') return token({ rejected });
    if (!rejected) return token;
    throw new HoldfastError(
      'unauthorized',
      'The server refused the token; make `token` a function that fetches a new one.',
    );
  }

  /** Sends what has collected, in as few messages as the server's limit allows; says whether there was anything. */
  flush(bytesMax: number): boolean {
    let sent = false;
    for (const [link, socket] of this.#sockets) {
      if (!socket) continue;
      encodeBatches(link.pending.splice(0), bytesMax, (bytes) => {
        socket.send(bytes);
        sent = true;
      });
    }
    return sent;
  }

  get bufferedBytes(): number {
    let bytes = 0;
    for (const socket of this.#sockets.values()) bytes += socket?.bufferedAmount ?? 0;
    return bytes;
  }

  drop(link: Link, code: number): void {
    const socket = this.#sockets.get(link);
    this.#sockets.delete(link);
    // A page may close with 1000 and 3000–4999 only; without a code the server reads "no reason given".
    if (code === 1000 || code >= 3000) socket?.close(code);
    else if (socket?.terminate) socket.terminate();
    else socket?.close();
  }

  async #nextEndpoint(): Promise<string> {
    const endpoints = this.#endpoints;
    const addresses = [typeof endpoints === 'function' ? await endpoints() : endpoints].flat();
    return checkEndpoint(addresses[this.#dials++ % addresses.length] ?? '');
  }
}
