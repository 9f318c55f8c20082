import { HoldfastError, type ErrorCode } from '../protocol/error-codes.ts';
import type { PayloadCodec } from '../protocol/payload.ts';
import type { Position } from '../protocol/position.ts';
import type { Cause } from '../session/link.ts';
import type { OutboxItem } from '../session/outbox.ts';
import { checkFunction, checkName, wireStart } from './arguments.ts';
import { Driver, type Platform } from './driver.ts';
import { Emitter } from './emitter.ts';
import type { EndpointScore } from './lines.ts';
import {
  resolveClientOptions,
  type ClientOptions,
  type Endpoints,
  type ResolvedClientOptions,
} from './options.ts';
import { Subscription } from './subscription.ts';
import type {
  Contract,
  Handler,
  MethodArguments,
  MethodName,
  MethodResult,
  Phase,
  Status,
  SubscribeOptions,
  TopicData,
  TopicName,
} from './types.ts';

/** Somebody who waits for an answer. */
export interface Caller {
  resolve(answer: never): void;
  reject(error: unknown): void;
  cancelTimeout?: () => void;
}

/** How long `close()` waits for answers that are on their way. */
const CLOSE_GRACE_MS = 2_000;
const PROBE_TIMEOUT_MS = 5_000;

/** A client and its session, as an application sees them: `connect(url, options)` makes one, which dials at once. */
export class Client<C extends Contract = Contract> {
  readonly #options: ResolvedClientOptions;
  readonly #codec: PayloadCodec;
  readonly #platform: Platform;
  readonly #driver: Driver;
  readonly #probes = new Set<Caller>();
  readonly #emitter = new Emitter<{ status: Status }>();
  /** Called when nobody waits for an answer any more. */
  #whenIdle = (): void => {};
  #snapshot: Status | undefined;
  #closing: Promise<void> | undefined;

  constructor(endpoints: Endpoints, options: ClientOptions, platform: Platform) {
    this.#options = resolveClientOptions(options);
    this.#codec = this.#options.codec;
    this.#platform = platform;
    this.#driver = new Driver(endpoints, this.#options, platform, {
      answered: (item, answer) => this.#answer(item, answer),
      failed: (item, code, text) => this.#settle(item)?.reject(failure({ code, text })),
      probed: (rttMs) => {
        for (const { cancelTimeout, resolve } of this.#probes) {
          cancelTimeout?.();
          resolve({ rttMs } as never);
        }
        this.#probes.clear();
      },
      changed: () => (this.#snapshot = undefined),
      hasChanged: () => this.#showStatus(),
    });
    this.reconnect();
  }

  // ── What an application calls ────────────────────────────────────────────────────────────────────────────

  /** The state now. The same object until something changes. */
  get status(): Status {
    return (this.#snapshot ??= this.#takeSnapshot());
  }

  /** The client's endpoints and how good the way to each is; lower scores are better. */
  get endpoints(): readonly EndpointScore[] {
    return this.#driver.lines.scores;
  }

  /** Calls the listener with each new state; the result removes it. */
  onStatus(listener: (status: Status) => void): () => void {
    return this.#emitter.on('status', listener);
  }

  /**
   * Reads a topic. Messages come once and in order, one at a time; what can't be delivered is told by `gap`.
   * `ready` of the result rejects with `not-authorized`, `invalid-name` or `too-many-subscriptions`.
   */
  subscribe<N extends TopicName<C>>(
    topic: N,
    handler: Handler<TopicData<C, N>>,
    options: SubscribeOptions = {},
  ): Subscription<TopicData<C, N>> {
    checkFunction(handler);
    checkName(topic);
    this.#checkOpen();
    const key = options.name ?? topic;
    const stored = this.#driver.store?.positions[key];
    const start = wireStart(stored ?? options.from ?? (topic.startsWith('$') ? 'start' : 'now'));
    const subscription = new Subscription<TopicData<C, N>>(this.#driver, topic, start, key, handler);
    this.#driver.tell(({ subscriptions }) => subscriptions.subscribe(subscription.cursor));
    const { phase, cause } = this.status;
    if (phase === 'failed') subscription.take({ type: 'ended', ...cause! });
    return subscription;
  }

  /**
   * Appends to a topic, exactly once however often the connection breaks. Resolves with the position once the
   * log has it. Rejects with `outbox-full`, `too-big`, `not-authorized`, or `outcome-unknown` when the session
   * was lost with the publish under way.
   */
  publish<N extends TopicName<C>>(topic: N, data: TopicData<C, N>): Promise<Position> {
    return this.#ask('publish', topic, data);
  }

  /**
   * Calls a method of the server; it runs at most once. Rejects with the server's error, `timed-out`, or
   * `outcome-unknown` when nobody can know any more whether it ran.
   */
  request<N extends MethodName<C>>(
    method: N,
    data: MethodArguments<C, N>,
    { timeoutMs = this.#options.requestTimeoutMs }: { timeoutMs?: number } = {},
  ): Promise<MethodResult<C, N>> {
    return this.#ask('request', method, data, timeoutMs);
  }

  /** Sends to whoever is live on the topic now. At most once: not stored, and dropped while not connected. */
  signal<N extends TopicName<C>>(topic: N, data: TopicData<C, N>): void {
    checkName(topic);
    const payload = this.#codec.encode(data);
    this.#checkSize(payload);
    this.#driver.tell((session) => session.signal(topic, payload));
  }

  /** Measures a round trip now. Rejects with `timed-out` when the connection is not live or does not answer. */
  probe(): Promise<{ rttMs: number }> {
    return new Promise((resolve, reject) => {
      const caller: Caller = { resolve, reject };
      this.#giveTime(caller, PROBE_TIMEOUT_MS, () => this.#probes.delete(caller));
      this.#probes.add(caller);
      this.#driver.tell(({ links }, nowMs) => links.probe(nowMs));
    });
  }

  /** Tries now: what "Try now" buttons call. A connection that is live is replaced without a break. */
  reconnect(): void {
    this.#driver.tell(({ links }, nowMs) => links.connect(nowMs));
  }

  /** Ends the session. Waits a moment for answers that are on their way; what is left rejects with `closed`. */
  close(): Promise<void> {
    this.#closing ??= this.#finishAndClose();
    return this.#closing;
  }

  // ── Waiting callers ──────────────────────────────────────────────────────────────────────────────────────

  #ask<T>(type: 'publish' | 'request', name: string, data: unknown, timeoutMs?: number): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      checkName(name);
      const payload = this.#codec.encode(data);
      this.#checkRoom(payload);
      const caller: Caller = { resolve, reject };
      const item = { id: 0, name, payload, caller };
      this.#driver.tell((session, nowMs) => session.add(type, item, nowMs));
      this.#driver.store?.touch('outbox');
      this.#driver.changed();
      if (timeoutMs === undefined) return;
      this.#giveTime(caller, timeoutMs, () => {
        this.#driver.tell(({ request }) => request.remove(item.id));
        this.#settle(item);
      });
    });
  }

  /** Rejects unless somebody cancels it first. */
  #giveTime(caller: Caller, timeoutMs: number, giveUp: () => unknown): void {
    caller.cancelTimeout = this.#platform.clock.setTimer(() => {
      giveUp();
      caller.reject(
        new HoldfastError('timed-out', `No answer within ${timeoutMs} ms. A method may have run.`),
      );
    }, timeoutMs);
  }

  #checkOpen(): void {
    if (this.#closing) throw new HoldfastError('closed', 'The client was closed.');
  }

  #checkRoom(payload: Uint8Array): void {
    const { publish, request, links } = this.#driver.session;
    this.#checkOpen();
    if (links.phase === 'failed') throw failure(links.cause!);
    this.#checkSize(payload);
    const { countMax, bytesMax } = this.#options.outbox;
    const count = publish.size + request.size;
    const bytes = publish.bytes + request.bytes;
    if (count < countMax && bytes + payload.length <= bytesMax) return;
    const text = `${count} messages of ${bytes} bytes wait for an answer. Wait for some, or raise the option "outbox".`;
    throw new HoldfastError('outbox-full', text);
  }

  #checkSize(payload: Uint8Array): void {
    const tooBig = this.#driver.session.tooBig(payload);
    if (tooBig) throw new HoldfastError('too-big', tooBig);
  }

  #answer(item: OutboxItem<Caller>, answer: Position | Uint8Array): void {
    const caller = this.#settle(item);
    try {
      caller?.resolve((answer instanceof Uint8Array ? this.#codec.decode(answer) : answer) as never);
    } catch (error) {
      caller?.reject(error);
    }
  }

  /** Whoever waited for the item, which does not wait any more. */
  #settle({ caller }: OutboxItem<Caller>): Caller | undefined {
    this.#driver.store?.touch('outbox');
    this.#driver.changed();
    if (this.#waiting === 0) this.#whenIdle();
    caller?.cancelTimeout?.();
    return caller;
  }

  get #waiting(): number {
    return this.#driver.session.publish.size + this.#driver.session.request.size;
  }

  async #finishAndClose(): Promise<void> {
    if (this.#driver.session.links.link?.stage === 'live' && this.#waiting > 0) {
      await new Promise<void>((resolve) => {
        const cancel = this.#platform.clock.setTimer(resolve, CLOSE_GRACE_MS);
        this.#whenIdle = () => {
          cancel();
          resolve();
        };
      });
    }
    const cause = { code: 'closed', text: 'The application closed the connection.' };
    this.#driver.tell(({ links }, nowMs) => links.finish('closed', cause, nowMs));
  }

  /** Nothing more will come: everybody who waits is told. */
  #end(cause: Cause): void {
    this.#driver.stop(this.status.phase === 'closed');
    const { publish, request } = this.#driver.session;
    const waiting = [...publish.values(), ...request.values()].map(({ caller }) => caller);
    for (const caller of [...waiting, ...this.#probes]) {
      caller?.cancelTimeout?.();
      caller?.reject(failure(cause));
    }
    this.#probes.clear();
    // To do what its caller was told has failed would be a surprise; but storage is for another life to go on with.
    for (const { id } of request.values()) request.remove(id);
    if (!this.#driver.store) for (const { id } of publish.values()) publish.remove(id);
    for (const reader of this.#driver.session.subscriptions.readers) reader.take({ type: 'ended', ...cause });
  }

  // ── The state ────────────────────────────────────────────────────────────────────────────────────────────

  #showStatus(): void {
    const { phase, cause } = this.status;
    // Before the application's listeners, which may throw.
    if (phase === 'closed' || phase === 'failed') this.#end(cause!);
    this.#emitter.emit('status', this.status);
  }

  #takeSnapshot(): Status {
    const { links, publish, request } = this.#driver.session;
    const unacknowledged = publish.unanswered + request.unanswered;
    return Object.freeze({
      phase: this.#phase(),
      since: links.sinceMs,
      attempt: links.backoff.attempt,
      retryAt: links.retryAtMs,
      rttMs: links.liveness.roundTrip.smoothedMs,
      endpoint: this.#driver.dialer.endpointOf(links.link),
      queued: publish.size + request.size - unacknowledged,
      unacknowledged,
      cause: links.cause,
    });
  }

  #phase(): Phase {
    const { phase } = this.#driver.session.links;
    if (phase === 'idle') return 'connecting';
    return phase === 'waiting' && !this.#platform.isOnline() ? 'offline' : phase;
  }
}

function failure({ code, text }: Cause): HoldfastError {
  return new HoldfastError(code as ErrorCode, text);
}
