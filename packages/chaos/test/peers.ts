import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { createChaosProxy } from '../src/proxy.ts';
import type { ChaosProxy, ChaosProxyOptions } from '../src/proxy.ts';

/** How a socket learned of its end: `FIN`, or the code of its error. */
type Ending = 'FIN' | string;

/** One end of a connection, with what it saw so far. */
export class Peer {
  readonly socket: Socket;
  /** One entry for each read. */
  readonly reads: Buffer[] = [];
  ending: Ending | undefined;
  #receivedBytes = 0;
  #handleChange: () => void = () => undefined;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (bytes: Buffer) => this.#record(() => this.#keep(bytes)));
    socket.on('end', () => this.#record(() => (this.ending ??= 'FIN')));
    socket.on('error', (error: NodeJS.ErrnoException) => this.#record(() => (this.ending ??= error.code)));
  }

  get received(): Buffer {
    return Buffer.concat(this.reads);
  }

  send(text: string | Buffer): void {
    this.socket.write(text);
  }

  /** Resolves with what was received, once it holds at least so many bytes. */
  async bytes(count: number): Promise<Buffer> {
    await this.#until(() => this.#receivedBytes >= count);
    return this.received;
  }

  async text(count: number): Promise<string> {
    return (await this.bytes(count)).toString();
  }

  async ended(): Promise<Ending> {
    await this.#until(() => this.ending !== undefined);
    return this.ending as Ending;
  }

  #keep(bytes: Buffer): void {
    this.reads.push(bytes);
    this.#receivedBytes += bytes.length;
  }

  #record(change: () => void): void {
    change();
    this.#handleChange();
  }

  async #until(isDone: () => boolean): Promise<void> {
    while (!isDone()) await new Promise<void>((resolve) => (this.#handleChange = resolve));
  }
}

/** A target that keeps the peers that reached it. It answers nothing by itself. */
export class Target {
  readonly server: Server;
  readonly peers: Peer[] = [];
  #taken = 0;

  constructor(allowHalfOpen = false) {
    this.server = createServer({ allowHalfOpen }, (socket) => {
      this.peers.push(new Peer(socket));
      this.server.emit('peer');
    });
  }

  async listen(): Promise<this> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    return this;
  }

  get address(): { host: string; port: number } {
    return { host: '127.0.0.1', port: (this.server.address() as AddressInfo).port };
  }

  /** The next peer that nobody took yet, in the order in which they connected. */
  async next(): Promise<Peer> {
    while (this.peers.length <= this.#taken) await once(this.server, 'peer');
    this.#taken += 1;
    return this.peers[this.#taken - 1] as Peer;
  }

  async close(): Promise<void> {
    for (const { socket } of this.peers) socket.destroy();
    this.server.close();
    await once(this.server, 'close');
  }
}

/** A target, a proxy before it, and clients; all closed by `close()`. */
export class Stage {
  readonly target: Target;
  readonly proxy: ChaosProxy;
  readonly #clients: Socket[] = [];

  private constructor(target: Target, proxy: ChaosProxy) {
    this.target = target;
    this.proxy = proxy;
  }

  static async create(
    options: Partial<ChaosProxyOptions> & { allowHalfOpen?: boolean } = {},
  ): Promise<Stage> {
    const { allowHalfOpen = false, ...rest } = options;
    const target = await new Target(allowHalfOpen).listen();
    return new Stage(target, await createChaosProxy({ target: target.address, ...rest }));
  }

  /** A client that may not be connected yet. */
  dial(port = this.proxy.port, allowHalfOpen = false): Peer {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen });
    this.#clients.push(socket);
    return new Peer(socket);
  }

  /** A client and its peer at the target, through the proxy. */
  async pair(allowHalfOpen = false): Promise<{ client: Peer; server: Peer }> {
    const client = this.dial(this.proxy.port, allowHalfOpen);
    const server = await this.target.next();
    // The target has accepted, but the proxy learns of it only when the event loop comes round to its socket.
    for (let turn = 0; turn < 2; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    return { client, server };
  }

  /**
   * Waits for 20 round trips past the proxy. Everything runs in one event loop, so what the proxy could pass on
   * without waiting for a timer has arrived by then: the way to show that something did not happen.
   */
  async letThingsHappen(): Promise<void> {
    const beside = await new Target().listen();
    const client = this.dial(beside.address.port);
    const server = await beside.next();
    for (let trip = 1; trip <= 20; trip += 1) {
      client.send('a');
      await server.bytes(trip);
      server.send('b');
      await client.bytes(trip);
    }
    client.socket.destroy();
    await beside.close();
  }

  async close(): Promise<void> {
    await this.proxy.close();
    for (const socket of this.#clients) socket.destroy();
    await this.target.close();
  }
}
