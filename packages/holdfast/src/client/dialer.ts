import { encodeBatches } from '../protocol/codec.ts';
import { HoldfastError } from '../protocol/error-codes.ts';
import { PROTOCOL_VERSION } from '../protocol/version.ts';
import type { HeartbeatInterval } from '../session/heartbeat-interval.ts';
import type { Cause, Link } from '../session/link.ts';
import type { Platform, Tell } from './driver.ts';
import { explainStatus, type HttpAnswer } from './http-probe.ts';
import type { Lines } from './lines.ts';
import type { ClientOptions } from './options.ts';

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

/** A link's socket: one of several that raced for it, once the first is open. */
interface Line {
  token: string;
  /** Addresses that were not tried yet. */
  urls: string[];
  racing: Map<WebSocketLike, string>;
  socket?: WebSocketLike;
  beganAtMs: number;
  cancelNext(): void;
}

/** An address that opens no socket for so long has failed, even if nobody waited longer. */
const SLOW_MS = 2_000;
/** Between attempts at one address and the next (RFC 8305 §5). */
const STAGGER_MS = 250;

/** The sockets behind a session's links: finds out where to dial and with which token, and passes bytes on. */
export class Dialer {
  /** The address that was dialled last, or is connected. */
  endpoint: string | undefined;
  readonly #lines: Lines;
  readonly #token: ClientOptions['token'];
  readonly #platform: Platform;
  readonly #tell: Tell;
  readonly #intervalOf: (url: string) => HeartbeatInterval;
  readonly #open = new Map<Link, Line>();
  /** The last attempt reached nothing. */
  #isUnreached = false;
  /** HTTP has reached this endpoint before, so that it is no policy of the page's that forbids it. */
  #mayAsk = false;
  #answer: HttpAnswer | undefined;

  constructor(
    lines: Lines,
    token: ClientOptions['token'],
    platform: Platform,
    tell: Tell,
    intervalOf: (url: string) => HeartbeatInterval,
  ) {
    this.#intervalOf = intervalOf;
    this.#lines = lines;
    this.#token = token;
    this.#platform = platform;
    this.#tell = tell;
  }

  /** Whatever a link's socket says after it was dropped, however late, goes unheard (SPEC LIVE-5). */
  async dial(link: Link, tokenRejected: boolean): Promise<void> {
    const beganAtMs = this.#platform.clock.nowMs();
    const line: Line = { token: '', urls: [], racing: new Map(), beganAtMs, cancelNext: () => {} };
    this.#open.set(link, line);
    try {
      // In a turn of its own, because the application's functions may call the client.
      await undefined;
      [line.urls, line.token] = await Promise.all([this.#lines.candidates(), this.fetchToken(tokenRejected)]);
      if (this.#isUnreached) await this.#ask(line);
      if (this.#open.get(link) === line) this.#openNext(link, line);
    } catch (error) {
      const isFinal = error instanceof HoldfastError;
      const text = error instanceof Error ? error.message : String(error);
      this.#fail(link, { code: isFinal ? error.code : 'unreachable', text }, isFinal);
    }
  }

  /**
   * After an attempt that reached nothing: Firefox would hold back one dial after the other, and no browser says
   * why one fails, so plain HTTP goes first (SPEC RET-5).
   */
  async #ask(line: Line): Promise<void> {
    const [url] = line.urls;
    this.#answer = await this.#platform.ask?.(url!);
    if (this.#answer) this.#mayAsk = true;
    else if (this.#mayAsk) {
      this.#lines.failed(url!);
      line.urls.shift();
      if (line.urls.length === 0) throw new Error('Nothing answers at the address.');
    }
  }

  /** Opens a socket to the next address; the one after it gets its chance when this one fails, or takes long. */
  #openNext(link: Link, line: Line): void {
    line.cancelNext();
    const url = line.urls.shift()!;
    const socket = this.#platform.openSocket(url, [PROTOCOL_VERSION]);
    this.endpoint = url;
    line.racing.set(socket, url);
    if (line.urls.length > 0)
      line.cancelNext = this.#platform.clock.setTimer(() => this.#openNext(link, line), STAGGER_MS);
    socket.binaryType = 'arraybuffer';
    socket.onerror = () => {};
    socket.onopen = () => {
      this.#isUnreached = false;
      line.socket = socket;
      line.racing.delete(socket);
      this.#endRace(line);
      this.endpoint = url;
      this.#tell((session, nowMs) => {
        session.interval = this.#intervalOf(url);
        session.opened(link, line.token, nowMs);
      });
    };
    socket.onmessage = ({ data }: { data: ArrayBuffer | Uint8Array | string }) => {
      // Text is not of this protocol; as no bytes at all it is malformed.
      if (typeof data === 'string') data = new Uint8Array(0);
      const bytes = data instanceof Uint8Array ? data : new Uint8Array(data);
      const wasLive = link.stage === 'live';
      this.#tell((session, nowMs) => session.receive(link, bytes, nowMs));
      if (!wasLive && link.stage === 'live') this.#lines.use(url);
    };
    socket.onclose = ({ code, reason }: { code: number; reason: string }) => {
      if (link.stage !== 'live') this.#lines.failed(url);
      if (line.socket === socket) {
        this.#open.delete(link);
        this.#lines.rest();
        return this.#tell((session, nowMs) => session.closed(link, code, reason, nowMs));
      }
      line.racing.delete(socket);
      if (line.urls.length > 0) return this.#openNext(link, line);
      if (line.racing.size === 0) this.#fail(link, this.#whyClosed(code));
    };
  }

  #whyClosed(code: number): Cause {
    this.#isUnreached = true;
    const status = this.#answer?.status;
    if (status) return { code: `http-${status}`, text: explainStatus(status) };
    return { code: 'unreachable', text: `No connection could be made (close code ${code}).` };
  }

  #fail(link: Link, cause: Cause, isFinal = false): void {
    this.#open.delete(link);
    const { retryAfterMs } = this.#answer ?? {};
    this.#answer = undefined;
    // Many were told the same.
    const waitMs = retryAfterMs && retryAfterMs * (1 + this.#platform.random() / 2);
    this.#tell((session, nowMs) => session.dialFailed(link, cause, isFinal, nowMs, waitMs));
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
    for (const [link, { socket }] of this.#open) {
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
    for (const { socket } of this.#open.values()) bytes += socket?.bufferedAmount ?? 0;
    return bytes;
  }

  drop(link: Link, code: number): void {
    const line = this.#open.get(link);
    if (!line) return;
    this.#open.delete(link);
    if (line.socket) {
      this.#lines.rest();
      return hangUp(line.socket, code);
    }
    if (this.#platform.clock.nowMs() - line.beganAtMs > SLOW_MS) {
      this.#isUnreached = true;
      for (const url of line.racing.values()) this.#lines.failed(url);
    }
    this.#endRace(line);
  }

  #endRace(line: Line): void {
    line.cancelNext();
    for (const socket of line.racing.keys()) hangUp(socket, 0);
    line.racing.clear();
  }
}

/** Ends a socket that nobody listens to any more. */
function hangUp(socket: WebSocketLike, code: number): void {
  socket.onopen = socket.onmessage = socket.onclose = null;
  // A page may close with 1000 and 3000–4999 only; without a code the server reads "no reason given".
  if (code === 1000 || code >= 3000) socket.close(code);
  else if (socket.terminate) socket.terminate();
  else socket.close();
}
