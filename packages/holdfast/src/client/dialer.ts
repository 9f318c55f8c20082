import { encodeBatches } from '../protocol/codec.ts';
import { HoldfastError, type ErrorCode } from '../protocol/error-codes.ts';
import { TOKEN_BYTES_MAX } from '../protocol/limits.ts';
import { PROTOCOL_VERSION } from '../protocol/version.ts';
import type { ClientSession } from '../session/client-session.ts';
import type { HeartbeatInterval } from '../session/heartbeat-interval.ts';
import type { Cause, Link } from '../session/link.ts';
import { invalid, isText } from './arguments.ts';
import type { Caller } from './client.ts';
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
  /** Where that can be known: what HTTP answered instead of the upgrade. */
  answer?: HttpAnswer;
}

export type OpenSocket = (url: string, protocols: string[]) => WebSocketLike;

/** A link's socket: one of several that race for it, until the first is open. */
interface Line {
  token: string;
  /** Addresses that were not tried yet. */
  urls: string[];
  racing: Map<WebSocketLike, string>;
  socket?: WebSocketLike;
  /** Where the socket is open, or the last attempt goes. */
  url?: string;
  /** What plain HTTP said before the dial. */
  answer?: HttpAnswer | undefined;
  beganAtMs: number;
  cancelNext(): void;
}

/** An address that opens no socket for so long has failed, even if nobody waited longer. */
const SLOW_MS = 2_000;
/**
 * For so long after HTTP has answered, nothing is dialled while it does not; one dial then has its chance, and so on.
 * What answers while a server is down may pass HTTP on, once it is up, to somebody who never answers it; and Firefox
 * has forgotten by then that a dial failed.
 */
const TRUST_HTTP_MS = 180_000;
/** What the application's functions can throw to end all attempts. */
const finalCodes = new Set<ErrorCode>(['unauthorized', 'invalid-option']);
/** Between attempts at one address and the next (RFC 8305 §5). */
const STAGGER_MS = 250;

/** What the dialer asks of its driver. */
export interface DialerHost {
  readonly lines: Lines;
  readonly session: ClientSession<Caller>;
  readonly tell: Tell;
  /** What is known of the path to an address. */
  intervalOf(url: string): HeartbeatInterval;
}

/** The sockets behind a session's links: finds out where to dial and with which token, and passes bytes on. */
export class Dialer {
  readonly #host: DialerHost;
  readonly #token: ClientOptions['token'];
  readonly #platform: Platform;
  readonly #open = new Map<Link, Line>();
  /** What the application's functions were asked, until an attempt has its answer. */
  #asked: Promise<[urls: string[], token: string]> | undefined;
  /** The last attempt reached nothing. */
  #isUnreached = false;
  /**
   * Until when silence over HTTP means that nothing is there. Above 0 it has answered before, so that it is no policy
   * of the page's that forbids it.
   */
  #trustHttpUntilMs = 0;
  #lastUrl: string | undefined;

  constructor(host: DialerHost, token: ClientOptions['token'], platform: Platform) {
    this.#host = host;
    this.#token = token;
    this.#platform = platform;
  }

  /** Whatever a link's socket says after it was dropped, however late, goes unheard (SPEC LIVE-5). */
  async dial(link: Link): Promise<void> {
    const beganAtMs = this.#platform.clock.nowMs();
    const line: Line = { token: '', urls: [], racing: new Map(), beganAtMs, cancelNext: () => {} };
    this.#open.set(link, line);
    try {
      // In a turn of its own, because the application's functions may call the client.
      await undefined;
      const asked = Promise.all([this.#host.lines.candidates(), this.fetchToken(link.tokenRejected)]);
      this.#asked = Promise.race([this.#asked ?? asked, asked]);
      [line.urls, line.token] = await this.#asked;
      const isWanted = this.#open.has(link);
      // What is answered too late for the attempt that asked serves the next; none being due, it would be out of date.
      if (isWanted || this.#host.session.links.retryAtMs === undefined) this.#asked = undefined;
      if (isWanted && this.#isUnreached) await this.#ask(line);
      if (this.#open.has(link)) this.#openNext(link, line);
    } catch (error) {
      this.#asked = undefined;
      // The application's functions may themselves have asked a server that was not there.
      const isFinal = error instanceof HoldfastError && finalCodes.has(error.code);
      const text = error instanceof Error ? error.message : String(error);
      this.#fail(link, line, { code: isFinal ? error.code : 'unreachable', text }, isFinal);
    }
  }

  /**
   * After an attempt that reached nothing: Firefox would hold back one dial after the other, and no browser says
   * why one fails, so plain HTTP goes first (SPEC RET-5).
   */
  async #ask(line: Line): Promise<void> {
    const [url] = line.urls;
    line.answer = await this.#platform.ask?.(url!);
    const nowMs = this.#platform.clock.nowMs();
    if (!line.answer && nowMs < this.#trustHttpUntilMs) {
      this.#host.lines.failed(url!);
      line.urls.shift();
      if (line.urls.length === 0) throw new Error('Nothing answers at the address.');
    } else if (line.answer || this.#trustHttpUntilMs > 0) {
      this.#trustHttpUntilMs = nowMs + TRUST_HTTP_MS;
    }
  }

  /** Opens a socket to the next address; the one after it gets its chance when this one fails, or takes long. */
  #openNext(link: Link, line: Line): void {
    line.cancelNext();
    const url = line.urls.shift()!;
    this.#lastUrl = line.url = url;
    let socket: WebSocketLike;
    try {
      socket = this.#platform.openSocket(url, [PROTOCOL_VERSION]);
    } catch (error) {
      // Such as ws: in a page that came by https.
      this.#host.lines.failed(url);
      return this.#goOn(link, line, (error as Error).message);
    }
    line.racing.set(socket, url);
    if (line.urls.length > 0)
      line.cancelNext = this.#platform.clock.setTimer(() => this.#openNext(link, line), STAGGER_MS);
    socket.binaryType = 'arraybuffer';
    let why: string | undefined;
    // Pages are told nothing; Node says, for instance, that nobody listens there.
    socket.onerror = ({ message }: { message?: string }) => (why = message);
    socket.onopen = () => {
      this.#isUnreached = false;
      line.socket = socket;
      line.racing.delete(socket);
      this.#hangUp(line);
      line.racing.set(socket, url);
      this.#lastUrl = line.url = url;
      this.#host.tell((session, nowMs) => {
        link.interval = this.#host.intervalOf(url);
        session.opened(link, line.token, nowMs);
      });
    };
    socket.onmessage = ({ data }: { data: ArrayBuffer | Uint8Array | string }) => {
      // Text is not of this protocol; as no bytes at all it is malformed.
      const bytes = new Uint8Array(typeof data === 'string' ? [] : data);
      const wasLive = link.stage === 'live';
      this.#host.tell((session, nowMs) => session.receive(link, bytes, nowMs));
      if (!wasLive && link.stage === 'live') this.#host.lines.use(url);
    };
    socket.onclose = ({ code, reason }: { code: number; reason: string }) => {
      if (link.stage !== 'live') this.#host.lines.failed(url);
      if (line.socket === socket) {
        this.#open.delete(link);
        if (link.stage === 'live') this.#host.lines.rest();
        return this.#host.tell((session, nowMs) => session.closed(link, code, reason, nowMs));
      }
      line.racing.delete(socket);
      line.answer = socket.answer ?? line.answer;
      this.#goOn(link, line, why || `There was no connection (close code ${code}).`);
    };
  }

  /** One address has failed. */
  #goOn(link: Link, line: Line, text: string): void {
    if (line.urls.length > 0) return this.#openNext(link, line);
    if (line.racing.size > 0) return;
    this.#isUnreached = true;
    const status = line.answer?.status;
    const said = status && { code: `http-${status}`, text: explainStatus(status) };
    this.#fail(link, line, said || { code: 'unreachable', text });
  }

  #fail(link: Link, { answer }: Line, cause: Cause, isFinal = false): void {
    this.#open.delete(link);
    const { retryAfterMs } = answer ?? {};
    // Many were told the same.
    const waitMs = retryAfterMs && retryAfterMs * (1 + this.#platform.random() / 2);
    this.#host.tell((session, nowMs) => session.dialFailed(link, cause, isFinal, nowMs, waitMs));
  }

  /**
   * The application's credential; `rejected` when the server refused the last one. Where there is no other that is the
   * end, but for who asks to go on all the same: what the server looks at may be a cookie.
   */
  async fetchToken(rejected: boolean): Promise<string> {
    const given = this.#token ?? '';
    const isRetry = this.#host.session.links.backoff.attempt > 0;
    if (rejected && isRetry && typeof given !== 'function')
      throw new HoldfastError(
        'unauthorized',
        given
          ? 'The server refused the token; make `token` a function that fetches a new one.'
          : 'The server wants a token; give it as the option `token`.',
      );
    const token = typeof given === 'function' ? await given({ rejected }) : given;
    if (isText(token, TOKEN_BYTES_MAX)) return token;
    invalid(`"token" must give a string of at most ${TOKEN_BYTES_MAX} bytes in UTF-8`);
  }

  /** Sends what has collected, in as few messages as the server's limit allows; says whether there was anything. */
  flush(bytesMax: number): boolean {
    let sent = false;
    for (const [link, { socket }] of this.#open) {
      if (!socket) continue;
      const records = link.pending.splice(0);
      sent ||= records.length > 0;
      encodeBatches(records, bytesMax, socket);
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
    if (link.stage === 'live') this.#host.lines.rest();
    else if (this.#platform.clock.nowMs() - line.beganAtMs > SLOW_MS) {
      this.#isUnreached ||= !line.socket;
      for (const url of line.racing.values()) this.#host.lines.failed(url);
    }
    this.#hangUp(line, code);
  }

  /** The address of a link; without one, that of the last attempt. */
  endpointOf(link: Link | undefined): string | undefined {
    return (link && this.#open.get(link)?.url) ?? this.#lastUrl;
  }

  /** Ends its sockets, to which nobody listens any more. */
  #hangUp(line: Line, code = 0): void {
    line.cancelNext();
    for (const socket of line.racing.keys()) {
      socket.onopen = socket.onmessage = socket.onclose = null;
      // A page may close with 1000 and 3000–4999 only; without a code the server reads "no reason given".
      if (code === 1000 || code >= 3000) socket.close(code);
      else if (socket.terminate) socket.terminate();
      else socket.close();
    }
    line.racing.clear();
  }
}
