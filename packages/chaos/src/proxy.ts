import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { Connection } from './connection.ts';
import type { ChaosConnection, ChaosTarget, CloseCause } from './connection.ts';
import { parseFaults, show } from './faults.ts';
import type { ChaosFaults } from './faults.ts';
import type { Conditions } from './lane.ts';
import { Listener } from './listener.ts';
import { seededRandom } from './random.ts';

export { faultDescriptions, parseFaults } from './faults.ts';
export type { ChaosFaults, FaultDescription } from './faults.ts';
export type { ChaosConnection, ChaosTarget, CloseCause } from './connection.ts';

export interface ChaosProxyOptions {
  /** Where connections lead. A function is asked for each of them, so that the target may move. */
  readonly target: ChaosTarget | (() => ChaosTarget);
  /** Port to listen on; 0, the default, takes a free one. */
  readonly port?: number;
  /** Address to listen on. Default `127.0.0.1`. */
  readonly host?: string;
  /** Faults to start with. Default none. */
  readonly faults?: ChaosFaults;
  /** Seed of the jitter. The same seed gives the same delays. Default 1. */
  readonly seed?: number;
  /**
   * Bytes that one direction of one connection may hold (delayed, throttled or in a black hole) before its sender
   * feels back-pressure. Under latency this is the window: throughput can't exceed it per `latencyMs`.
   * Default 262,144 (256 KiB).
   */
  readonly heldBytesMax?: number;
}

/** A connection at its end, and why it ended. */
export interface ClosedConnection extends ChaosConnection {
  readonly cause: CloseCause;
  /** What broke it, where a socket failed. */
  readonly error: Error | undefined;
}

export interface ChaosProxyEvents {
  open: [connection: ChaosConnection];
  close: [connection: ClosedConnection];
}

/**
 * Starts a TCP proxy in front of `target`.
 *
 * @throws TypeError if an option has a wrong value; what `listen` throws (EADDRINUSE …) if the port can't be had.
 */
export async function createChaosProxy(options: ChaosProxyOptions): Promise<ChaosProxy> {
  const { seed = 1, heldBytesMax = 256 * 1024, port = 0, host = '127.0.0.1' } = options;
  if (!Number.isSafeInteger(seed)) throw new TypeError(`seed must be an integer, not ${show(seed)}.`);
  if (!Number.isSafeInteger(heldBytesMax) || heldBytesMax < 1) {
    throw new TypeError(`heldBytesMax must be a whole number of bytes from 1, not ${show(heldBytesMax)}.`);
  }
  const { target } = options;
  const findTarget = typeof target === 'function' ? () => checkTarget(target()) : () => target;
  if (typeof target !== 'function') checkTarget(target);
  const conditions = { faults: parseFaults(options.faults ?? {}), random: seededRandom(seed), heldBytesMax };
  const proxy = new ChaosProxy(findTarget, conditions, host, port);
  await proxy.open();
  return proxy;
}

/**
 * A running proxy. Every change of the faults takes effect at once: on open connections, on what is on its way in
 * them, and on later connections.
 */
export class ChaosProxy extends EventEmitter<ChaosProxyEvents> {
  readonly #target: () => ChaosTarget;
  readonly #conditions: Conditions;
  readonly #host: string;
  readonly #listener: Listener;
  readonly #open = new Map<number, Connection>();
  /** Open ones, and those that are over but whose sockets still wait for a FIN. */
  readonly #connections = new Set<Connection>();
  #lastId = 0;
  #closing: Promise<void> | undefined;
  #handleLastGone: () => void = () => undefined;

  /** Use {@link createChaosProxy}. */
  constructor(target: () => ChaosTarget, conditions: Conditions, host: string, port: number) {
    super();
    this.#target = target;
    this.#conditions = conditions;
    this.#host = host;
    this.#listener = new Listener(host, port, (client) => this.#handleSocket(client));
  }

  /** Takes its port. Done by {@link createChaosProxy}. */
  async open(): Promise<void> {
    await this.#listener.open();
    await this.#listener.want(!this.#conditions.faults.refuse);
  }

  get port(): number {
    return this.#listener.port;
  }

  /** The proxy's own address, such as `ws://127.0.0.1:41234` for `url('ws')`. */
  url(scheme: string): string {
    const host = this.#host.includes(':') ? `[${this.#host}]` : this.#host;
    return `${scheme}://${host}:${this.port}`;
  }

  /** The faults in force. */
  get faults(): ChaosFaults {
    return this.#conditions.faults;
  }

  /** The open connections, oldest first, as they are at this moment. */
  get connections(): readonly ChaosConnection[] {
    return [...this.#open.values()].map((connection) => connection.snapshot());
  }

  /**
   * Replaces the faults that are named and keeps the others; `undefined` takes one away. A closed proxy ignores it.
   *
   * @returns resolves at once, except after `refuse` was taken away: then, when the port is open again. Rejects with
   *   EADDRINUSE if someone else has taken the port meanwhile and keeps it for five seconds.
   * @throws TypeError if there is no such fault or the value is not one of its values.
   */
  set(changes: ChaosFaults): Promise<void> {
    return this.#replaceFaults({ ...this.#conditions.faults, ...parseFaults(changes) });
  }

  /** Takes all faults away, and a pending {@link cutMidFrame} too. Resolves when the port is open. */
  clear(): Promise<void> {
    for (const connection of this.#open.values()) connection.expectFrame('whole');
    return this.#replaceFaults({});
  }

  /** Closes open connections, all or the one with this id, with a FIN to both sides, even inside a black hole. */
  cut(id?: number): void {
    for (const connection of this.#chosen(id)) connection.cut('cut');
  }

  /** Breaks open connections, all or the one with this id, with a RST to both sides, even inside a black hole. */
  reset(id?: number): void {
    for (const connection of this.#chosen(id)) connection.reset('reset');
  }

  /**
   * Lets the next bytes that flow down on open connections, all or the one with this id, end in the middle of a
   * frame: all but the last byte of the next chunk is passed on, then the connection is cut.
   */
  cutMidFrame(id?: number): void {
    for (const connection of this.#chosen(id)) connection.expectFrame('partial');
  }

  /** Stops listening and closes all connections. Resolves when every socket is closed and no timer is left. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const allGone = new Promise<void>((resolve) => (this.#handleLastGone = resolve));
    const listenerClosed = this.#listener.want(false);
    for (const connection of this.#connections) connection.destroy('proxy-closed');
    if (this.#connections.size > 0) await allGone;
    await listenerClosed;
  }

  async #replaceFaults(faults: ChaosFaults): Promise<void> {
    if (this.#closing) return;
    this.#conditions.faults = faults;
    const listenerSettled = this.#listener.want(!faults.refuse);
    for (const connection of this.#open.values()) connection.handleFaultsChanged();
    await listenerSettled;
  }

  #chosen(id: number | undefined): Connection[] {
    if (id === undefined) return [...this.#open.values()];
    const connection = this.#open.get(id);
    return connection ? [connection] : [];
  }

  #handleSocket(client: Socket): void {
    this.#lastId += 1;
    const connection: Connection = new Connection(this.#lastId, client, this.#target, this.#conditions, {
      handleOver: (cause, error) => {
        this.#open.delete(connection.id);
        this.emit('close', { ...connection.snapshot(), cause, error });
      },
      handleGone: () => {
        this.#connections.delete(connection);
        if (this.#connections.size === 0) this.#handleLastGone();
      },
    });
    this.#open.set(connection.id, connection);
    this.#connections.add(connection);
    this.emit('open', connection.snapshot());
    connection.start();
  }
}

/** Node would take a missing host for localhost and fail on a wrong port with a text that doesn't name the target. */
function checkTarget(target: ChaosTarget): ChaosTarget {
  const isHost = typeof target?.host === 'string' && target.host !== '';
  const isPort = Number.isInteger(target?.port) && target.port > 0 && target.port < 65_536;
  if (isHost && isPort) return target;
  throw new TypeError(`target must be { host, port } with a port from 1 to 65535, not ${show(target)}.`);
}
