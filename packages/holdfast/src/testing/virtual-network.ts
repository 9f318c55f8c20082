import type { OpenSocket, WebSocketLike } from '../client/dialer.ts';
import type { Engine, EngineHost, EngineSocket, SocketHandler } from '../server/engine.ts';
import type { ProcessClock, VirtualClock } from './virtual-clock.ts';

/** How bytes travel on one line, one way. */
export interface LineQuality {
  latencyMs: number;
  jitterMs: number;
  bytesPerMs: number;
}

const perfect: LineQuality = { latencyMs: 1, jitterMs: 0, bytesPerMs: Infinity };
/** `ws` waits this long for the answer to its Close frame. */
const CLOSE_TIMEOUT_MS = 30_000;
/** Below this, a socket never says "drain", because it never said "full". Node's figure is 16 or 64 KiB. */
const DRAIN_BYTES = 1_024;

/** A network of WebSocket messages in virtual time: what is sent arrives in order, late, or never. */
export class VirtualNetwork {
  readonly connections = new Set<VirtualConnection>();
  private readonly listeners = new Map<string, { host: EngineHost; clock: ProcessClock }>();
  readonly clock: VirtualClock;
  readonly random: () => number;
  /** The quality of new connections. */
  quality: LineQuality = perfect;

  constructor(clock: VirtualClock, random: () => number) {
    this.clock = clock;
    this.random = random;
  }

  /** An engine for a server process; `listen(port)` makes it reachable as `ws://virtual:port/`. */
  engine(clock: ProcessClock): (host: EngineHost) => Engine {
    return (host) => {
      let address = '';
      return {
        listen: async (port) => {
          address = `virtual:${port}`;
          this.listeners.set(address, { host, clock });
          return { port };
        },
        attach: () => {
          throw new Error('A virtual server has no HTTP server to attach to; use listen(port).');
        },
        close: async () => this.unlisten(address),
      };
    };
  }

  unlisten(address: string): void {
    this.listeners.delete(address);
  }

  /** How a client process opens sockets. `client` names it, so that faults can find its connections. */
  dialer(client: string, clock: ProcessClock): OpenSocket {
    return (url) => {
      const connection = new VirtualConnection(this, client, clock, new URL(url).host);
      this.connections.add(connection);
      return connection.client;
    };
  }

  /** @internal */
  reach(address: string): { host: EngineHost; clock: ProcessClock } | undefined {
    return this.listeners.get(address);
  }

  of(client: string): VirtualConnection[] {
    return [...this.connections].filter((connection) => connection.name === client);
  }
}

/** One way of a connection: a queue that empties at the line's pace into the other side. */
class Pipe {
  bufferedBytes = 0;
  private readonly connection: VirtualConnection;
  private readonly receive: (bytes: Uint8Array) => void;
  private readonly drained: () => void;
  private held: (() => void)[] = [];
  private freeAtMs = 0;
  private arrivesAtMs = 0;
  private wasFull = false;
  private blocked = false;

  constructor(connection: VirtualConnection, receive: (bytes: Uint8Array) => void, drained: () => void) {
    this.connection = connection;
    this.receive = receive;
    this.drained = drained;
  }

  send(bytes: Uint8Array): void {
    this.bufferedBytes += bytes.length;
    if (this.bufferedBytes >= DRAIN_BYTES) this.wasFull = true;
    this.pass(bytes.length, () => {
      this.bufferedBytes -= bytes.length;
      if (this.bufferedBytes === 0 && this.wasFull) {
        this.wasFull = false;
        this.drained();
      }
      this.travel(() => this.receive(bytes));
    });
  }

  /** Something that follows the data in order, such as a Close frame. */
  follow(action: () => void): void {
    this.pass(0, () => this.travel(action));
  }

  block(): void {
    this.blocked = true;
  }

  unblock(): void {
    this.blocked = false;
    const { held } = this;
    this.held = [];
    for (const action of held) action();
  }

  private pass(bytes: number, action: () => void): void {
    const { clock, quality } = this.connection;
    const now = clock.nowMs();
    this.freeAtMs = Math.max(this.freeAtMs, now) + bytes / quality.bytesPerMs;
    clock.at(this.freeAtMs - now, () => this.unlessBlocked(action));
  }

  private travel(action: () => void): void {
    const { clock, quality, random } = this.connection;
    const now = clock.nowMs();
    const delay = quality.latencyMs + random() * quality.jitterMs;
    this.arrivesAtMs = Math.max(this.arrivesAtMs, now + delay);
    clock.at(this.arrivesAtMs - now, () => this.unlessBlocked(action));
  }

  private unlessBlocked(action: () => void): void {
    if (this.connection.isGone) return;
    if (this.blocked) this.held.push(action);
    else action();
  }
}

/** One WebSocket connection, with a side for each process and the faults between them. */
export class VirtualConnection {
  readonly name: string;
  readonly clock: VirtualClock;
  readonly random: () => number;
  quality: LineQuality;
  readonly client: WebSocketLike & { readyState: number };
  isGone = false;
  /** What the server has not yet got rid of towards this client. */
  readonly down: Pipe;
  private readonly up: Pipe;
  private readonly network: VirtualNetwork;
  private readonly clientClock: ProcessClock;
  /** The process at the other end, once the line has reached it. */
  serverClock: ProcessClock | undefined;
  private handler: SocketHandler | undefined;
  private clientClosed = false;
  private serverClosed = false;
  private reading = true;
  private unread: Uint8Array[] = [];

  constructor(network: VirtualNetwork, name: string, clientClock: ProcessClock, address: string) {
    this.network = network;
    this.name = name;
    this.clock = network.clock;
    this.random = network.random;
    this.quality = network.quality;
    this.clientClock = clientClock;
    this.client = this.clientSide();
    this.up = new Pipe(
      this,
      (bytes) => this.deliverUp(bytes),
      () => {},
    );
    this.down = new Pipe(
      this,
      (bytes) => this.onClient(() => this.client.onmessage?.({ data: bytes } as never)),
      () => this.onServer((handler) => handler.handleDrain()),
    );
    this.up.follow(() => this.arrive(address));
  }

  /** Nothing passes any more, either way, and nobody is told, until `heal`. */
  blackHole(): void {
    this.up.block();
    this.down.block();
  }

  heal(): void {
    this.up.unblock();
    this.down.unblock();
  }

  /** Both sides see the connection break; what was under way is lost. */
  cut(): void {
    this.isGone = true;
    this.network.connections.delete(this);
    this.closeClient(1006, '');
    this.closeServer(1006, '');
  }

  private clientSide(): WebSocketLike & { readyState: number } {
    const { up } = { up: () => this.up };
    return {
      binaryType: 'arraybuffer',
      readyState: 0,
      onopen: null,
      onmessage: null,
      onclose: null,
      onerror: null,
      get bufferedAmount() {
        return up().bufferedBytes;
      },
      send: (bytes) => this.up.send(bytes.slice()),
      close: (code = 1005, reason = '') => {
        this.clientClosed = true;
        this.up.follow(() => this.closeServer(code, reason));
      },
    };
  }

  private arrive(address: string): void {
    const reached = this.network.reach(address);
    if (!reached) return this.refuse();
    this.serverClock = reached.clock;
    reached.clock.run(() => {
      const handshake = { url: '/', headers: {}, address: this.name };
      if (reached.host.admit(handshake)) return this.refuse();
      this.handler = reached.host.open(this.serverSide(), handshake);
      this.down.follow(() =>
        this.onClient(() => {
          this.client.readyState = 1;
          this.client.onopen?.(undefined as never);
        }),
      );
    });
  }

  private refuse(): void {
    this.down.follow(() => this.cut());
  }

  private serverSide(): EngineSocket {
    const { down } = this;
    return {
      send: (bytes) => {
        if (!this.serverClosed) down.send(bytes.slice());
      },
      get bufferedBytes() {
        return down.bufferedBytes;
      },
      close: (code, reason) => {
        down.follow(() => {
          this.closeClient(code, reason);
          this.up.follow(() => this.closeServer(code, reason));
        });
        this.clock.at(CLOSE_TIMEOUT_MS, () => this.closeServer(1006, ''));
      },
      terminate: () => {
        this.closeServer(1006, '');
        down.follow(() => this.closeClient(1006, ''));
      },
      pause: () => (this.reading = false),
      resume: () => {
        this.reading = true;
        for (const bytes of this.unread.splice(0)) this.deliverUp(bytes);
      },
    };
  }

  private deliverUp(bytes: Uint8Array): void {
    if (!this.reading) this.unread.push(bytes);
    else this.onServer((handler) => handler.handleMessage(bytes));
  }

  private onClient(action: () => void): void {
    if (!this.clientClosed) this.clientClock.run(() => this.clientClosed || action());
  }

  private onServer(action: (handler: SocketHandler) => void): void {
    if (!this.serverClosed)
      this.serverClock?.run(() => this.serverClosed || (this.handler && action(this.handler)));
  }

  private closeClient(code: number, reason: string): void {
    this.onClient(() => {
      this.clientClosed = true;
      this.client.onclose?.({ code, reason } as never);
    });
  }

  private closeServer(code: number, reason: string): void {
    this.onServer((handler) => {
      this.serverClosed = true;
      handler.handleClose(code, reason);
    });
  }
}
