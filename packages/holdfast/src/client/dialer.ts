import { encodeBatches } from '../protocol/codec.ts';
import { HoldfastError } from '../protocol/error-codes.ts';
import type { WireRecord } from '../protocol/schema.ts';
import { PROTOCOL_VERSION } from '../protocol/version.ts';
import type { ClientInput } from '../session/client-session.ts';
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

interface Line {
  /** Undefined while an address or a token is awaited. */
  socket?: WebSocketLike;
  /** What leaves at the end of the turn. */
  pending: WireRecord[];
}

/** The sockets behind a session's links: finds out where to dial and with which token, and passes bytes on. */
export class Dialer {
  /** The address that was dialled last. */
  endpoint: string | undefined;
  readonly #lines = new Map<number, Line>();
  readonly #endpoints: Endpoints;
  readonly #token: ClientOptions['token'];
  readonly #open: OpenSocket;
  readonly #handle: (input: ClientInput<never>) => void;
  #dials = 0;

  constructor(
    endpoints: Endpoints,
    token: ClientOptions['token'],
    open: OpenSocket,
    handle: (input: ClientInput<never>) => void,
  ) {
    const given = typeof endpoints === 'function' ? endpoints : [endpoints].flat();
    // An empty list is as wrong as an empty address.
    this.#endpoints =
      typeof given === 'function' ? given : (given.length > 0 ? given : ['']).map(checkEndpoint);
    this.#token = token;
    this.#open = open;
    this.#handle = handle;
  }

  async dial(link: number, tokenRejected: boolean): Promise<void> {
    const line: Line = { pending: [] };
    this.#lines.set(link, line);
    // Whatever a line says after it was dropped, however late, goes unheard (SPEC LIVE-5).
    const ifKept = (input: ClientInput<never>): void => {
      if (this.#lines.get(link) === line) this.#handle(input);
    };
    try {
      const [url, token] = await Promise.all([this.#nextEndpoint(), this.fetchToken(tokenRejected)]);
      if (this.#lines.get(link) !== line) return;
      this.endpoint = url;
      const socket = this.#open(url, [PROTOCOL_VERSION]);
      line.socket = socket;
      socket.binaryType = 'arraybuffer';
      socket.onopen = () => ifKept({ type: 'opened', link, token });
      socket.onmessage = ({ data }: { data: ArrayBuffer | Uint8Array | string }) => {
        // Text is not of this protocol; as no bytes at all it is malformed.
        if (typeof data === 'string') data = new Uint8Array(0);
        ifKept({ type: 'bytes', link, bytes: data instanceof Uint8Array ? data : new Uint8Array(data) });
      };
      socket.onerror = () => {};
      socket.onclose = ({ code, reason }: { code: number; reason: string }) => {
        ifKept({ type: 'lost', link, code, reason });
        this.#lines.delete(link);
      };
    } catch (error) {
      const final = error instanceof HoldfastError;
      const text = error instanceof Error ? error.message : String(error);
      ifKept({ type: 'dial-failed', link, cause: { code: final ? error.code : 'unreachable', text }, final });
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

  send(link: number, record: WireRecord): void {
    this.#lines.get(link)?.pending.push(record);
  }

  /** Sends what has collected, in as few messages as the server's limit allows. */
  flush(bytesMax: number): void {
    for (const line of this.#lines.values()) {
      encodeBatches(line.pending.splice(0), bytesMax, (bytes) => line.socket?.send(bytes));
    }
  }

  get bufferedBytes(): number {
    let bytes = 0;
    for (const { socket } of this.#lines.values()) bytes += socket?.bufferedAmount ?? 0;
    return bytes;
  }

  drop(link: number, code: number): void {
    const socket = this.#lines.get(link)?.socket;
    this.#lines.delete(link);
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
