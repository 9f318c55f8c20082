import { rmSync } from 'node:fs';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeFrame, FrameReader, type Frame } from './frames.ts';

/** Beyond this, a neighbour that does not read is told to look by itself once it does. */
const UNSENT_BYTES_MAX = 1_048_576;
/** A neighbour that was stopped is not waited for; it says hello when it goes on. */
const HELLO_TIMEOUT_MS = 1_000;
const RETRY_MS = 500;
/** The system's bound on a socket's path (sun_path), with some room. */
const PATH_BYTES_MAX = 100;

/** What the other nodes have to say. */
export interface NeighbourListener {
  handleTops(tops: ReadonlyMap<string, number>): void;
  /** News may have been missed. */
  handleLook(): void;
  handleBroadcast(message: Uint8Array): void;
  /** Nobody listens under this address any more. */
  handleGone(node: string): void;
}

interface Neighbour {
  readonly socket: Socket;
  state: 'greeting' | 'ready' | 'behind';
}

/**
 * The other nodes on the same file, over sockets of the machine: a node that comes dials those that are there,
 * so that each two have one connection. Only hints pass here; what counts is in the file.
 */
export class Neighbours {
  readonly node: string;
  readonly address: string;
  private readonly listener: NeighbourListener;
  private readonly neighbours = new Set<Neighbour>();
  private server: Server | undefined;
  private readonly retries = new Set<NodeJS.Timeout>();
  private closed = false;

  constructor(folder: string, node: string, listener: NeighbourListener) {
    this.node = node;
    this.listener = listener;
    this.address = addressIn(folder, node);
  }

  async listen(): Promise<void> {
    // Answers the hello with its own, so that whoever dialed knows that both know.
    const server = createServer((socket) => void this.add(socket, () => greet(socket)));
    this.server = server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.address, resolve);
    });
    server.on('error', () => {});
    server.unref();
  }

  /** Dials a node; settles when both know of each other, or it is clear that they will not soon. */
  async dial(node: string, address: string): Promise<void> {
    if (this.closed) return;
    const socket = createConnection(address);
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, HELLO_TIMEOUT_MS);
      const settled = (): void => {
        clearTimeout(timer);
        resolve();
      };
      const neighbour = this.add(socket, settled);
      greet(socket);
      socket.once('error', (error: NodeJS.ErrnoException) => {
        // Nobody listens there: the process ended without a word, and its address is left over.
        if (error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT') return;
        if (address.endsWith(fileOf(node))) rmSync(address, { force: true });
        this.listener.handleGone(node);
      });
      socket.once('close', (hadError) => {
        settled();
        if (this.closed || (hadError && neighbour.state === 'greeting')) return;
        this.retry(node, address);
      });
    });
  }

  sendTops(tops: ReadonlyMap<string, number>): void {
    const bytes = encodeFrame({ kind: 'tops', tops });
    for (const neighbour of this.neighbours) {
      if (neighbour.state !== 'ready') continue;
      if (neighbour.socket.writableLength > UNSENT_BYTES_MAX) neighbour.state = 'behind';
      else neighbour.socket.write(bytes);
    }
  }

  broadcast(message: Uint8Array): void {
    const bytes = encodeFrame({ kind: 'broadcast', message });
    for (const { state, socket } of this.neighbours) {
      if (state !== 'greeting' && socket.writableLength <= UNSENT_BYTES_MAX) socket.write(bytes);
    }
  }

  close(): void {
    this.closed = true;
    for (const timer of this.retries) clearTimeout(timer);
    for (const { socket } of this.neighbours) socket.destroy();
    this.server?.close();
  }

  private add(socket: Socket, greeted: () => void): Neighbour {
    const neighbour: Neighbour = { socket, state: 'greeting' };
    const reader = new FrameReader();
    this.neighbours.add(neighbour);
    socket.unref();
    socket.on('error', () => {});
    socket.on('close', () => this.neighbours.delete(neighbour));
    socket.on('drain', () => {
      if (neighbour.state !== 'behind') return;
      neighbour.state = 'ready';
      socket.write(encodeFrame({ kind: 'look' }));
    });
    socket.on('data', (chunk) => {
      for (const frame of reader.take(chunk)) {
        if (!frame) socket.destroy();
        else if (frame.kind !== 'hello') this.hear(frame);
        else {
          neighbour.state = 'ready';
          greeted();
        }
      }
    });
    return neighbour;
  }

  private hear(frame: Exclude<Frame, { kind: 'hello' }>): void {
    if (frame.kind === 'tops') this.listener.handleTops(frame.tops);
    else if (frame.kind === 'look') this.listener.handleLook();
    else this.listener.handleBroadcast(frame.message);
  }

  /** The connection broke, which a node that lives does not do: most likely it has just ended. */
  private retry(node: string, address: string): void {
    const timer = setTimeout(() => {
      this.retries.delete(timer);
      void this.dial(node, address).then(() => this.listener.handleLook());
    }, RETRY_MS);
    timer.unref();
    this.retries.add(timer);
  }
}

function greet(socket: Socket): void {
  socket.write(encodeFrame({ kind: 'hello' }));
}

function fileOf(node: string): string {
  return `holdfast-${node}.sock`;
}

function addressIn(folder: string, node: string): string {
  if (process.platform === 'win32') return `\\\\.\\pipe\\${fileOf(node)}`;
  const inFolder = join(folder, fileOf(node));
  return Buffer.byteLength(inFolder) <= PATH_BYTES_MAX ? inFolder : join(tmpdir(), fileOf(node));
}
