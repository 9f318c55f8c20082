import { Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { Lane } from './lane.ts';
import type { Conditions, LaneEnd } from './lane.ts';
import { resetSocket } from './reset-socket.ts';

/** Where a proxy connects to. */
export interface ChaosTarget {
  readonly host: string;
  readonly port: number;
}

/**
 * Why a connection is over.
 * - `ended`, `peer-reset`: the client or the target closed it (FIN) or broke it (RST, time-out).
 * - `target-unreachable`: the target could not be dialled. The client saw a RST.
 * - the others: the proxy did it, by a fault, by a call, or because it closed.
 */
export type CloseCause =
  | 'ended'
  | 'peer-reset'
  | 'target-unreachable'
  | 'cut'
  | 'reset'
  | 'mid-frame-cut'
  | 'idle-cut'
  | 'lifetime-cut'
  | 'proxy-closed';

/** A connection at one moment. Bytes count when they are passed on, not when they arrive at the proxy. */
export interface ChaosConnection {
  readonly id: number;
  /** Unix time in milliseconds at which the client was accepted. */
  readonly openedAtMs: number;
  /** Bytes handed on to the target. */
  readonly bytesUp: number;
  /** Bytes handed on to the client. */
  readonly bytesDown: number;
}

interface ConnectionListener {
  /** The connection no longer carries anything. Called once. */
  handleOver(cause: CloseCause, error: Error | undefined): void;
  /** Both of its sockets are closed as well. Called once, after `handleOver`. */
  handleGone(): void;
}

/** How long a cut connection waits for the peers' own FIN. A socket closed with unread bytes sends RST, not FIN. */
const lingerMs = 1000;

/**
 *   waiting ──> dialling ──> open ──> lingering ──> gone
 *
 * `waiting` is passed at once, unless a black hole swallows what would be the SYN to the target. `lingering` is a
 * connection that is over, whose sockets aren't closed yet; each state before it can jump to it.
 */
type Phase = 'waiting' | 'dialling' | 'open' | 'lingering' | 'gone';

/** A client's socket, the socket to the target, and the two lanes between them. */
export class Connection {
  readonly id: number;
  readonly #client: Socket;
  readonly #upstream = new Socket({ allowHalfOpen: true });
  readonly #target: () => ChaosTarget;
  readonly #conditions: Conditions;
  readonly #listener: ConnectionListener;
  readonly #up: Lane;
  readonly #down: Lane;
  readonly #openedAtUnixMs = Date.now();
  readonly #openedAtMs = performance.now();
  #phase: Phase = 'waiting';
  #openSockets = 2;
  /** The next timed cut, or the end of lingering; none when no fault needs one. */
  #timer: NodeJS.Timeout | undefined;

  /** @param client accepted with `allowHalfOpen`, so that a FIN passes through like anything else. */
  constructor(
    id: number,
    client: Socket,
    target: () => ChaosTarget,
    conditions: Conditions,
    listener: ConnectionListener,
  ) {
    this.id = id;
    this.#client = client;
    this.#target = target;
    this.#conditions = conditions;
    this.#listener = listener;
    this.#up = new Lane('up', client, this.#upstream, conditions, (end) => this.#handleLaneEnd(end));
    this.#down = new Lane('down', this.#upstream, client, conditions, (end) => this.#handleLaneEnd(end));
    for (const socket of [client, this.#upstream]) {
      socket.setNoDelay(true);
      socket.once('close', () => this.#handleSocketClosed());
    }
    this.#upstream.once('connect', () => {
      if (this.#phase === 'dialling') this.#phase = 'open';
    });
  }

  /** Apart from the constructor, because what follows may already call the listener. */
  start(): void {
    this.handleFaultsChanged();
  }

  snapshot(): ChaosConnection {
    return {
      id: this.id,
      openedAtMs: this.#openedAtUnixMs,
      bytesUp: this.#up.bytesDelivered,
      bytesDown: this.#down.bytesDelivered,
    };
  }

  handleFaultsChanged(): void {
    if (this.#phase === 'waiting') this.#dialUnlessSwallowed();
    this.#up.advance();
    this.#down.advance();
    this.#watchClock();
  }

  /** FIN to both sides, after what was already handed to their sockets. What is still in a lane is lost. */
  cut(cause: CloseCause): void {
    if (!this.#end(cause)) return;
    this.#timer = setTimeout(() => this.#destroySockets(), lingerMs);
    if (this.#upstream.pending) this.#upstream.destroy();
    for (const socket of [this.#client, this.#upstream]) {
      socket.resume();
      socket.end();
    }
  }

  /** RST to both sides. */
  reset(cause: CloseCause, error?: Error): void {
    if (!this.#end(cause, error)) return;
    resetSocket(this.#client);
    resetSocket(this.#upstream);
  }

  /** Closes both sockets without waiting for anything. */
  destroy(cause: CloseCause): void {
    this.#end(cause);
    clearTimeout(this.#timer);
    this.#destroySockets();
  }

  /** Whether the next chunk down will end in the middle of a frame, after which the connection is cut. */
  expectFrame(frame: 'whole' | 'partial'): void {
    this.#down.cutsNextChunk = frame === 'partial';
  }

  #dialUnlessSwallowed(): void {
    const { blackHole } = this.#conditions.faults;
    if (blackHole === 'up' || blackHole === 'both') return;
    // A client that left while its SYN would still have been lost never reaches a server.
    if (this.#up.sourceIsDone) return this.destroy('ended');
    this.#phase = 'dialling';
    try {
      const { host, port } = this.#target();
      this.#upstream.connect({ host, port });
    } catch (error) {
      this.#upstream.destroy(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #handleLaneEnd(end: LaneEnd): void {
    if (end === 'cut') return this.cut('mid-frame-cut');
    if (end === 'fin') return;
    const error: NodeJS.ErrnoException | undefined = this.#socketError();
    // A target that resets right after it accepted fails the dial too, but not with ECONNREFUSED.
    const wasReached = this.#phase === 'open' || error?.code === 'ECONNRESET';
    this.reset(wasReached ? 'peer-reset' : 'target-unreachable', error);
  }

  #handleSocketClosed(): void {
    this.#openSockets -= 1;
    if (this.#openSockets > 0) return;
    const error = this.#socketError();
    this.#end(error ? 'peer-reset' : 'ended', error);
    clearTimeout(this.#timer);
    this.#phase = 'gone';
    this.#listener.handleGone();
  }

  /** @returns false if the connection was over already. */
  #end(cause: CloseCause, error?: Error): boolean {
    if (this.#phase === 'lingering' || this.#phase === 'gone') return false;
    this.#phase = 'lingering';
    clearTimeout(this.#timer);
    this.#up.stop();
    this.#down.stop();
    this.#listener.handleOver(cause, error);
    return true;
  }

  #socketError(): Error | undefined {
    return this.#upstream.errored ?? this.#client.errored ?? undefined;
  }

  #destroySockets(): void {
    this.#client.destroy();
    this.#upstream.destroy();
  }

  /**
   * Timed cuts share one timer, set for the sooner of the two; traffic doesn't touch it, it looks at the last byte
   * when it rings. A black hole would swallow a cut as well, so what falls due inside waits for its end.
   */
  #watchClock(): void {
    if (this.#phase === 'lingering' || this.#phase === 'gone') return;
    clearTimeout(this.#timer);
    const { idleCutMs, lifetimeCutMs, blackHole } = this.#conditions.faults;
    if (blackHole || (idleCutMs === undefined && lifetimeCutMs === undefined)) return;
    const idleCutAtMs = Math.max(this.#up.lastByteAtMs, this.#down.lastByteAtMs) + (idleCutMs ?? Infinity);
    const lifetimeCutAtMs = this.#openedAtMs + (lifetimeCutMs ?? Infinity);
    const nowMs = performance.now();
    if (lifetimeCutAtMs <= nowMs) return this.cut('lifetime-cut');
    if (idleCutAtMs <= nowMs) return this.cut('idle-cut');
    const waitMs = Math.min(idleCutAtMs, lifetimeCutAtMs) - nowMs;
    this.#timer = setTimeout(() => this.#watchClock(), Math.ceil(waitMs));
  }
}
