import { setTimeout as pause } from 'node:timers/promises';
import type { WayMeasurements } from './measurements.ts';
import type { Settings } from './options.ts';
import type { Budget } from './probe/budget.ts';
import type { ProbeConnection } from './probe/connection.ts';
import { dial, type Dialled, type DialOptions } from './probe/handshake.ts';
import type { LineOptions } from './probe/line.ts';
import type { Target } from './probe/target.ts';
import type { ForwardProxy } from './probe/forward-proxy.ts';

export type WayName = 'public' | 'direct';

/** Long enough for one more turn at a limit of one per second. */
export const RETRY_PAUSE_MS = 1_100;
/** More of them tell nothing new. */
const REFUSALS_MAX = 20;

/** One way to the server during a run: where it leads, what it showed, and what is open on it. */
export class Way {
  readonly name: WayName;
  readonly target: Target;
  /** The direct way leads past it. */
  readonly proxy: ForwardProxy | null;
  readonly settings: Settings;
  readonly budget: Budget;
  readonly signal: AbortSignal;
  readonly measured: WayMeasurements;
  /** The address that answered, so that every later step meets the same machine. */
  address: string | undefined;
  /** The Origin that the server let in. */
  origin: string | null;
  readonly #open = new Set<ProbeConnection>();

  constructor(name: WayName, target: Target, settings: Settings, budget: Budget, signal: AbortSignal) {
    this.name = name;
    this.target = target;
    this.proxy = name === 'public' ? settings.proxy : null;
    this.settings = settings;
    this.budget = budget;
    this.signal = signal;
    this.measured = { url: target.url, secure: target.secure, refusals: [] };
    this.origin = target.origin;
    // Whoever waits for a connection is woken by its end, so a run stops at once.
    signal.addEventListener('abort', () => this.#open.forEach((connection) => connection.drop()));
  }

  /** WebSocket connections that are open on this way now. */
  get held(): number {
    return this.#open.size;
  }

  get lineOptions(): LineOptions & { readonly budget: Budget; readonly answerTimeoutMs: number } {
    const { timeoutMs, ca } = this.settings;
    return {
      address: this.address,
      proxy: this.proxy,
      ca,
      timeoutMs,
      answerTimeoutMs: timeoutMs,
      signal: this.signal,
      budget: this.budget,
    };
  }

  async dial(change: Partial<DialOptions> = {}): Promise<Dialled> {
    const { headers, subprotocols } = this.settings;
    const dialled = await dial(this.target, {
      ...this.lineOptions,
      origin: this.origin,
      headers,
      subprotocols,
      ...change,
    });
    const { connection } = dialled;
    if (connection) {
      this.#open.add(connection);
      void connection.ended.then(() => this.#open.delete(connection));
      if (this.signal.aborted) connection.drop();
    }
    return dialled;
  }

  /** A connection for a step after the handshake had worked once: a refusal is noted and tried again. */
  async open(step: string, change: Partial<DialOptions> = {}): Promise<ProbeConnection | null> {
    const first = await this.dial(change);
    if (first.connection) return first.connection;
    const { held } = this;
    this.signal.throwIfAborted();
    await pause(RETRY_PAUSE_MS, undefined, { signal: this.signal });
    const second = await this.dial(change);
    this.signal.throwIfAborted();
    const retry = second.connection ? 'opened' : 'refused';
    const { refusals } = this.measured;
    if (refusals.length < REFUSALS_MAX) refusals.push({ step, outcome: first.outcome, held, retry });
    return second.connection;
  }
}
