import { PROTOCOL_VERSION } from '../protocol/version.ts';

/**
 * The port behind which sockets live. An engine upgrades connections, and hands over whole WebSocket messages;
 * it knows nothing of sessions. `testing/contracts/engine-contract.ts` is the suite that each engine passes.
 */
export interface EngineSocket {
  /** Sends one binary message, of which it has its own copy when it returns. Never throws; after the close it does nothing. */
  send(bytes: Uint8Array): void;
  /** Bytes accepted by `send` that the operating system has not yet taken. */
  readonly bufferedBytes: number;
  /** Sends what is buffered, then a Close frame (RFC 6455 §5.5.1); `reason` is cut to 123 bytes. */
  close(code: number, reason: string): void;
  /** Ends the connection at once, without a Close frame. */
  terminate(): void;
  /** Stops and starts reading from the peer, so that TCP holds it back. */
  pause(): void;
  resume(): void;
}

/** What is known of a connection when it opens. Handed to `authenticate`, then let go. */
export interface Handshake {
  /** Path and query as requested. */
  url: string;
  headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The peer's address; behind a proxy, the proxy's. Empty when it came over a Unix socket. */
  address: string;
}

/** Whoever speaks on a socket: one for each. */
export interface SocketHandler {
  /**
   * One whole message, whose memory is the handler's from now on. A text message, which can't hold records, comes as
   * an empty one.
   */
  handleMessage(bytes: Uint8Array): void;
  /** The socket has room again after `bufferedBytes` had reached the high-water mark. */
  handleDrain(): void;
  /** The end, told once: the Close frame that was exchanged, 1009 for a message that was too big, else 1006. */
  handleClose(code: number, reason: string): void;
}

/** What an engine asks of the server. */
export interface EngineHost {
  readonly messageBytesMax: number;
  /** How long a peer may take over its HTTP request. */
  readonly handshakeTimeoutMs: number;
  /** Undefined admits the upgrade; else the HTTP status and text to refuse it with. */
  admit(handshake: Handshake): { status: number; text: string; retryAfterSeconds?: number } | undefined;
  open(socket: EngineSocket, handshake: Handshake): SocketHandler;
  /** Answers a plain HTTP request, such as one for health; `origin` is that of the page that asks, if one does. */
  answer(path: string, origin: string | undefined): HttpAnswer;
}

export interface HttpAnswer {
  status: number;
  headers: Record<string, string>;
  text: string;
}

export interface Engine<HttpServer = unknown> {
  listen(port: number, host: string | undefined): Promise<{ port: number }>;
  /** Serves upgrades of an application's own HTTP server at `path`, and leaves all others to it. */
  attach(httpServer: HttpServer, path: string): void;
  /** Stops listening and detaches. Connections are the server's to close. */
  close(): Promise<void>;
}

/** From our Close frame to the end of the socket, for what is still queued and for the peer's own. */
export const CLOSE_TIMEOUT_MS = 5_000;

/** RFC 6455 §5.5: a control frame has 125 bytes, of which the code takes two. */
export const REASON_BYTES_MAX = 123;

/** Why an upgrade that offers these subprotocols, as the header has them, is refused; undefined when it is not. */
export function whyNotSpoken(header: string | null | undefined): string | undefined {
  const offered = (header ?? '').split(',').map((name) => name.trim());
  if (offered.includes(PROTOCOL_VERSION)) return undefined;
  return `This server speaks the WebSocket subprotocol ${PROTOCOL_VERSION}; the client offered ${offered[0] ? offered.join(', ') : 'none'}.`;
}

/** What is said to whoever knocks elsewhere. */
export function wrongPathText(path: string | undefined): string {
  return `Nothing is served at this path; WebSocket connections go to ${path}.`;
}
