import { HoldfastError } from '../../protocol/error-codes.ts';
import { PROTOCOL_VERSION } from '../../protocol/version.ts';
import { cutText } from '../cut-text.ts';
import {
  CLOSE_TIMEOUT_MS,
  REASON_BYTES_MAX,
  whyNotSpoken,
  wrongPathText,
  type Engine,
  type EngineHost,
  type EngineSocket,
  type Handshake,
  type SocketHandler,
} from '../engine.ts';

/** Answers what is no business of Holdfast's: an application's own routes. `server` is Bun's. */
export type Fetch = (request: Request, server: never) => Response | Promise<Response>;

/** Sockets of Bun's own server. What is not Holdfast's goes to `fetch`, where there is one. */
export function bunEngine(host: EngineHost, path: string | undefined, fetch?: Fetch): Engine<never> {
  return new BunEngine(host, path, fetch);
}

/** What Bun says of a message over `maxPayloadLength`, whose sender it has told 1009. */
const TOO_BIG = 'Received too big message';

const BUN_VERSION_MIN = '1.4.4';

const notRecords = new Uint8Array(0);

class BunEngine implements Engine<never> {
  private server: BunServer | undefined;
  /** WebSockets that are open. */
  private open = 0;
  private isClosing = false;
  private readonly host: EngineHost;
  private readonly path: string | undefined;
  private readonly fetch: Fetch | undefined;

  constructor(host: EngineHost, path: string | undefined, fetch: Fetch | undefined) {
    this.host = host;
    this.path = path;
    this.fetch = fetch;
  }

  async listen(port: number, hostname: string | undefined): Promise<{ port: number }> {
    const { host } = this;
    // The first whose WebSockets can be paused: without that, nothing holds a sender to its pace.
    if (!Bun.semver.satisfies(Bun.version, `>=${BUN_VERSION_MIN}`))
      throw new HoldfastError(
        'invalid-option',
        `listen: Holdfast needs Bun ${BUN_VERSION_MIN}; this is ${Bun.version}. Run "bun upgrade".`,
      );
    this.server = Bun.serve({
      port,
      ...(hostname === undefined ? {} : { hostname }),
      // How long a request may take, in seconds, of which Bun takes 255 at most.
      idleTimeout: Math.min(255, Math.ceil(host.handshakeTimeoutMs / 1_000)),
      fetch: (request, server) => this.answer(request, server),
      websocket: {
        maxPayloadLength: host.messageBytesMax,
        // Heartbeats are the server's own business, and so is how much a slow peer is sent.
        idleTimeout: 0,
        sendPings: false,
        backpressureLimit: 2 ** 31 - 1,
        // Compression costs far more memory than it saves traffic on small messages; the log's pages are read once.
        perMessageDeflate: false,
        open: (socket) => {
          this.open++;
          socket.data.open(socket, host);
        },
        message: ({ data }, message) =>
          data.handler.handleMessage(typeof message === 'string' ? notRecords : message),
        drain: ({ data }) => data.handler.handleDrain(),
        close: ({ data }, code, reason) => {
          data.closed(code, reason, host);
          if (--this.open === 0 && this.isClosing) this.stop();
        },
      },
    });
    return { port: this.server.port };
  }

  attach(): never {
    const text =
      'attach: Bun’s server can’t be attached to; give createServer your routes as the option "fetch".';
    throw new HoldfastError('invalid-option', text);
  }

  async close(): Promise<void> {
    this.isClosing = true;
    this.stop();
  }

  /** Stops listening; requests that are never finished, and connections that make none, end with the last WebSocket. */
  private stop(): void {
    void this.server?.stop(this.open === 0);
  }

  private answer(request: Request, server: BunServer): Response | Promise<Response> | undefined {
    const { pathname, search } = new URL(request.url);
    const isUpgrade = request.headers.has('upgrade');
    if (isUpgrade && (this.path === undefined || pathname === this.path))
      return this.upgrade(request, server, pathname + search);
    if (this.fetch) return this.fetch(request, server as never);
    if (isUpgrade) return refuse(404, wrongPathText(this.path));
    const origin = request.headers.get('origin') ?? undefined;
    const { status, headers, text } = this.host.answer(pathname + search, origin);
    return new Response(text, { status, headers });
  }

  private upgrade(request: Request, server: BunServer, url: string): Response | undefined {
    const address = server.requestIP(request)?.address ?? '';
    const handshake: Handshake = { url, headers: Object.fromEntries(request.headers), address };
    const unspoken = whyNotSpoken(request.headers.get('sec-websocket-protocol'));
    if (unspoken) return refuse(400, unspoken);
    const refused = this.host.admit(handshake);
    if (refused) return refuse(refused.status, refused.text, refused.retryAfterSeconds);
    const data = new BunSocket(handshake);
    const headers = { 'sec-websocket-protocol': PROTOCOL_VERSION };
    if (server.upgrade(request, { data, headers })) return undefined;
    return refuse(400, 'This is no upgrade to a WebSocket as RFC 6455 §4.1 has it.');
  }
}

/** One connection: Bun keeps it with its socket. */
class BunSocket implements EngineSocket {
  handler!: SocketHandler;
  private socket: ServerWebSocket | undefined;
  private handshake: Handshake | undefined;
  private closing: { code: number; reason: string; timer: ReturnType<typeof setTimeout> } | undefined;

  constructor(handshake: Handshake) {
    this.handshake = handshake;
  }

  open(socket: ServerWebSocket, host: EngineHost): void {
    this.socket = socket;
    this.handler = host.open(this, this.handshake!);
    this.handshake = undefined;
  }

  closed(code: number, reason: string, host: EngineHost): void {
    this.socket = undefined;
    clearTimeout(this.closing?.timer);
    if (reason === TOO_BIG)
      this.handler.handleClose(1009, `A message exceeded ${host.messageBytesMax} bytes.`);
    else this.handler.handleClose(code, reason);
  }

  send(bytes: Uint8Array): void {
    if (!this.closing) this.socket?.sendBinary(bytes);
  }

  get bufferedBytes(): number {
    return this.socket?.getBufferedAmount() ?? 0;
  }

  close(code: number, reason: string): void {
    if (!this.socket || this.closing) return;
    const cut = cutText(reason, REASON_BYTES_MAX);
    this.closing = { code, reason: cut, timer: setTimeout(() => this.terminate(), CLOSE_TIMEOUT_MS) };
    this.socket.close(code, cut);
  }

  terminate(): void {
    this.socket?.terminate();
  }

  pause(): void {
    this.socket?.pause();
  }

  resume(): void {
    this.socket?.resume();
  }
}

function refuse(status: number, text: string, retryAfterSeconds?: number): Response {
  const headers = retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) };
  return new Response(`${text}\n`, { status, headers: { connection: 'close', ...headers } });
}

/** What is used of Bun here; its own types would clash with Node's in a package that serves both. */
interface BunServer {
  readonly port: number;
  stop(closeActiveConnections: boolean): Promise<void>;
  requestIP(request: Request): { address: string } | null;
  upgrade(request: Request, options: { data: BunSocket; headers: Record<string, string> }): boolean;
}

interface ServerWebSocket {
  readonly data: BunSocket;
  sendBinary(bytes: Uint8Array): number;
  getBufferedAmount(): number;
  close(code: number, reason: string): void;
  terminate(): void;
  pause(): void;
  resume(): void;
}

declare const Bun: {
  readonly version: string;
  readonly semver: { satisfies(version: string, range: string): boolean };
  serve(options: {
    port: number;
    hostname?: string;
    idleTimeout: number;
    fetch(request: Request, server: BunServer): Response | Promise<Response> | undefined;
    websocket: {
      maxPayloadLength: number;
      idleTimeout: number;
      sendPings: boolean;
      backpressureLimit: number;
      perMessageDeflate: boolean;
      open(socket: ServerWebSocket): void;
      message(socket: ServerWebSocket, message: string | Uint8Array): void;
      drain(socket: ServerWebSocket): void;
      close(socket: ServerWebSocket, code: number, reason: string): void;
    };
  }): BunServer;
};
