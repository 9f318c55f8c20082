export const peerNames = ['ws', 'socket-io', 'holdfast'] as const;
export type PeerName = (typeof peerNames)[number];

/** What a scenario needs of a server; each peer sets itself up the way its own documentation proposes. */
export interface PeerServer {
  readonly port: number;
  /** Sends one message to every subscriber. */
  broadcast(text: string): unknown;
}

export interface PeerServerOptions {
  /** Keep what a client misses while it is away, where the peer can. */
  readonly recovery: boolean;
  /** How much of a topic to keep, where the peer has a log. */
  readonly retentionBytesMax?: number;
  /** The budget of handshakes, where the peer keeps one; else its default. */
  readonly handshakesPerSecond?: number;
}

/** A client of the peer's own library, as a user would write it. */
export interface PeerClient {
  /** Resolves when the server has acknowledged the message. */
  publish(text: string): Promise<void>;
  close(): void;
}

export interface PeerClientOptions {
  readonly port: number;
  readonly role: 'publisher' | 'subscriber';
  onMessage?(text: string): void;
  /** Told at each connection, the first and every later one. */
  onConnected?(): void;
  /** An attempt was given up because nothing came of it in time. */
  onTimedOut?(): void;
}

/** `caller` sends requests that the server echoes; `subscriber` receives what is broadcast. */
export type RawRole = 'caller' | 'subscriber';

/** How to speak to the peer over a bare TCP socket: the cheapest client there can be. */
export interface Dialect {
  readonly path: Readonly<Record<RawRole, string>>;
  readonly subprotocol?: string;
  open(role: RawRole, send: (frames: Buffer) => void): RawSession;
}

/** One raw connection's view of the messages. `bytes` from `start` to `end` is one whole WebSocket message. */
export interface RawSession {
  /** Frames to send when the upgrade is through; without them the connection stands at once. */
  readonly opening?: Buffer;
  /** Whether this message says that the connection stands. */
  completesOpening(bytes: Buffer, start: number, end: number): boolean;
  /** How many replies (caller) or messages (subscriber) the message carries. */
  count(bytes: Buffer, start: number, end: number): number;
  /** The next requests, as one piece of bytes. */
  requests(count: number): Buffer;
}

export interface Peer {
  startServer(options: PeerServerOptions): Promise<PeerServer>;
  /** Resolves when the client is connected and, as a subscriber, sure to receive what is sent from now on. */
  connectClient(options: PeerClientOptions): Promise<PeerClient>;
  readonly dialect: Dialect;
}

/** What a request carries and its reply brings back; also the least that a peer's codec has to work on. */
export const requestText = 'a request of sixty-four characters, echoed as it came, no more.';
