import { HoldfastError } from '../protocol/error-codes.ts';
import type { Position } from '../protocol/position.ts';
import type { Cause } from '../session/link.ts';
import { checkFunction, checkName, checkNames, checkNumbers, wireStart } from './arguments.ts';
import { Driver, type Platform } from './driver.ts';
import { Emitter } from './emitter.ts';
import { failure } from './failure.ts';
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
}

/** How long `close()` waits for answers that are on their way. */
const CLOSE_GRACE_MS = 2_000;
const PROBE_TIMEOUT_MS = 5_000;
const closed: Cause = { code: 'closed', text: 'The application closed the client.' };

/** A client and its session, as an application sees them: `connect(url, options)` makes one, which dials at once. */
export class Client<C extends Contract = Contract> {
  readonly #options: ResolvedClientOptions;
  readonly #platform: Platform;
  readonly #driver: Driver;
  readonly #probes = new Set<Caller>();
  readonly #emitter = new Emitter<{ status: Status }>();
  /** Called when nobody waits for an answer any more. */
  #whenIdle: (() => void) | undefined;
  #snapshot: Status | undefined;
  #closing: Promise<void> | undefined;

  constructor(endpoints: Endpoints, options: ClientOptions, platform: Platform) {
    this.#options = resolveClientOptions(options);
    this.#platform = platform;
    this.#driver = new Driver(endpoints, this.#options, platform, {
      probed: (rttMs) => {
        for (const { resolve } of this.#probes) resolve({ rttMs } as never);
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
    checkNames(options, ['from', 'name']);
    if (this.#closing) throw failure(closed);
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
  async request<N extends MethodName<C>>(
    method: N,
    data: MethodArguments<C, N>,
    { timeoutMs = this.#options.requestTimeoutMs }: { timeoutMs?: number } = {},
  ): Promise<MethodResult<C, N>> {
    checkNumbers({ timeoutMs });
    const reply = await this.#ask<Uint8Array>('request', method, data, timeoutMs);
    return this.#driver.codec.decode(reply) as MethodResult<C, N>;
  }

  /** Sends to whoever is live on the topic now. At most once: not stored, and dropped while not connected. */
  signal<N extends TopicName<C>>(topic: N, data: TopicData<C, N>): void {
    checkName(topic);
    const payload = this.#driver.codec.encode(data);
    this.#checkSize(payload);
    this.#driver.tell((session) => session.signal(topic, payload));
  }

  /**
   * Measures a round trip, now or as soon as the connection is live. Rejects with `timed-out` when there is no answer
   * within 5 s, and at once with `closed` or why the client failed.
   */
  probe(): Promise<{ rttMs: number }> {
    return this.#within(PROBE_TIMEOUT_MS, (caller) => {
      this.#checkGoing();
      this.#probes.add(caller);
      this.#askForLife();
      return () => this.#probes.delete(caller);
    });
  }

  /** Tries now: what "Try now" buttons call. A connection that is live is replaced without a break. */
  reconnect(): void {
    this.#driver.tell(({ links }, nowMs) => links.connect(nowMs));
  }

  /** Ends the session. Waits a moment for answers that are on their way; what is left rejects with `closed`. */
  close(): Promise<void> {
    return (this.#closing ??= this.#finishAndClose());
  }

  // ── Waiting callers ──────────────────────────────────────────────────────────────────────────────────────

  #ask<T>(type: 'publish' | 'request', name: string, data: unknown, timeoutMs?: number): Promise<T> {
    return this.#within(timeoutMs, (caller) => {
      checkName(name);
      const payload = this.#driver.codec.encode(data);
      this.#checkRoom(payload);
      const item = { id: 0, name, payload, caller };
      this.#driver.tell((session, nowMs) => session.add(type, item, nowMs));
      this.#driver.outboxChanged();
      return () => {
        this.#driver.tell(({ request }) => request.remove(item.id));
        this.#driver.outboxChanged();
      };
    });
  }

  /** Whatever answers the caller that is handed to `ask`; in time, where there is one, or `giveUp` is called. */
  #within<T>(timeoutMs: number | undefined, ask: (caller: Caller) => () => unknown): Promise<T> {
    let cancel: (() => void) | undefined;
    const answer = new Promise<T>((resolve, reject) => {
      const giveUp = ask({ resolve, reject });
      if (timeoutMs === undefined) return;
      cancel = this.#platform.clock.setTimer(() => {
        giveUp();
        reject(new HoldfastError('timed-out', `No answer within ${timeoutMs} ms. A method may have run.`));
      }, timeoutMs);
    });
    return cancel ? answer.finally(cancel) : answer;
  }

  #askForLife(): void {
    this.#driver.tell(({ links }, nowMs) => links.probe(nowMs));
  }

  #checkGoing(): void {
    const { phase, cause } = this.#driver.session.links;
    if (this.#closing || phase === 'failed') throw failure(this.#closing ? closed : cause!);
  }

  #checkRoom(payload: Uint8Array): void {
    this.#checkGoing();
    this.#checkSize(payload);
    const { countMax, bytesMax } = this.#options.outbox;
    const { publish, request } = this.#driver.session;
    const count = this.#waiting;
    const bytes = publish.bytes + request.bytes;
    if (count < countMax && bytes + payload.length <= bytesMax) return;
    const text = `${count} messages of ${bytes} bytes are unanswered. Wait, or raise "outbox".`;
    throw new HoldfastError('outbox-full', text);
  }

  #checkSize(payload: Uint8Array): void {
    const tooBig = this.#driver.session.tooBig(payload);
    if (tooBig) throw new HoldfastError('too-big', tooBig);
  }

  get #waiting(): number {
    return this.#driver.session.publish.size + this.#driver.session.request.size;
  }

  async #finishAndClose(): Promise<void> {
    // When time is up it is taken for idle, too.
    if (this.#driver.session.links.link?.stage === 'live' && this.#waiting > 0)
      await this.#within(CLOSE_GRACE_MS, ({ resolve }) => (this.#whenIdle = resolve as () => void));
    this.#driver.tell(({ links }, nowMs) => links.finish('closed', closed, nowMs));
  }

  /** Nothing more will come: everybody who waits is told. */
  #end(cause: Cause): void {
    const { publish, request, subscriptions } = this.#driver.session;
    this.#driver.stop(this.status.phase === 'closed');
    for (const { reject } of this.#probes) reject(failure(cause));
    this.#probes.clear();
    for (const outbox of [publish, request]) {
      for (const { id, caller } of outbox.values()) {
        caller?.reject(failure(cause));
        // To do what its caller was told has failed would be a surprise; but storage is for another life to go on with.
        if (outbox === request || !this.#driver.store) outbox.remove(id);
      }
    }
    for (const reader of subscriptions.readers) reader.take({ type: 'ended', ...cause });
    this.#snapshot = undefined;
  }

  // ── The state ────────────────────────────────────────────────────────────────────────────────────────────

  #showStatus(): void {
    const { phase, cause } = this.status;
    // Before the application's listeners, which may throw.
    if (phase === 'closed' || phase === 'failed') this.#end(cause!);
    // What was asked before there was a connection, or on one that is gone.
    if (phase === 'live' && this.#probes.size > 0) this.#askForLife();
    if (this.#waiting === 0) this.#whenIdle?.();
    this.#emitter.emit('status', this.status);
  }

  #takeSnapshot(): Status {
    const { links, publish, request } = this.#driver.session;
    const { phase } = links;
    const unacknowledged = publish.unanswered + request.unanswered;
    return Object.freeze({
      // It dials in its constructor, so nobody sees it idle.
      phase: phase === 'waiting' && !this.#platform.isOnline() ? 'offline' : (phase as Phase),
      since: links.sinceMs,
      attempt: links.backoff.attempt,
      retryAt: links.retryAtMs,
      rttMs: links.liveness.roundTrip.smoothedMs,
      endpoint: this.#driver.dialer.endpointOf(links.link),
      queued: this.#waiting - unacknowledged,
      unacknowledged,
      cause: links.cause,
    });
  }
}
