import { HoldfastError, type ErrorCode } from '../protocol/error-codes.ts';
import type { Position } from '../protocol/position.ts';
import { ClientSession, type ClientEffect, type ClientInput } from '../session/client-session.ts';
import type { Cause } from '../session/links.ts';
import type { ClientCursor } from '../session/subscriptions.ts';
import type { OutboxItem } from '../session/outbox.ts';
import type { Clock } from '../session/clock.ts';
import { checkName, wireStart } from './arguments.ts';
import { Dialer, type OpenSocket } from './dialer.ts';
import { Emitter } from './emitter.ts';
import {
  resolveClientOptions,
  type ClientOptions,
  type Endpoints,
  type ResolvedClientOptions,
} from './options.ts';
import { Store } from './store.ts';
import { Subscription, type SubscriptionHost } from './subscription.ts';
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

/** What differs between browsers, Node and a simulation. */
export interface Platform {
  clock: Clock;
  random: () => number;
  openSocket: OpenSocket;
  isOnline(): boolean;
  /** Calls back when the network or the page may have changed, or came `back` for certain; the result stops it. */
  watchHints(onHint: (back: boolean) => void): () => void;
}

/** Somebody who waits for an answer. */
interface Caller {
  resolve(answer: never): void;
  reject(error: unknown): void;
  cancelTimeout?: () => void;
}

/** How long `close()` waits for answers that are on their way. */
const CLOSE_GRACE_MS = 2_000;
const PROBE_TIMEOUT_MS = 5_000;

/** A client and its session: `connect(url, options)` makes one, which dials at once. */
export class Client<C extends Contract = Contract> implements SubscriptionHost {
  readonly codec: ResolvedClientOptions['codec'];
  readonly #options: ResolvedClientOptions;
  readonly #platform: Platform;
  readonly #machine: ClientSession<Caller>;
  readonly #store: Store | undefined;
  readonly #dialer: Dialer;
  readonly #probes: Caller[] = [];
  readonly #emitter = new Emitter<{ status: Status }>();
  /** Called when nobody waits for an answer any more. */
  #whenIdle = (): void => {};
  readonly #stopHints: () => void;
  #snapshot: Status | undefined;
  #isApplying = false;
  #flushAsked = false;
  #timer: { atMs: number; cancel(): void } | undefined;
  #closing: Promise<void> | undefined;

  constructor(endpoints: Endpoints, options: ClientOptions, platform: Platform) {
    this.#options = resolveClientOptions(options);
    this.codec = this.#options.codec;
    this.#platform = platform;
    const { storage, storageKey, backoff, connectTimeoutMs, token } = this.#options;
    const { random, openSocket } = platform;
    this.#dialer = new Dialer(endpoints, token, openSocket, (input) => this.#handle(input));
    if (storage) this.#store = new Store(storage, storageKey ?? `holdfast:${String(endpoints)}`);
    this.#machine = new ClientSession({ backoff, connectTimeoutMs, random, restored: this.#store?.restored });
    this.#stopHints = platform.watchHints((back) => this.#handleHint(back));
    this.#handle({ type: 'connect' });
  }

  // ── What an application calls ────────────────────────────────────────────────────────────────────────────

  /** The state now. The same object until something changes. */
  get status(): Status {
    this.#snapshot ??= this.#takeSnapshot();
    return this.#snapshot;
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
    if (typeof handler !== 'function')
      throw new HoldfastError('invalid-option', 'subscribe: the handler must be a function.');
    checkName(topic);
    this.#checkOpen();
    const key = options.name ?? topic;
    const stored = this.#store?.positions[key];
    const start = wireStart(stored ?? options.from ?? (topic.startsWith('$') ? 'start' : 'now'));
    const subscription = new Subscription<TopicData<C, N>>(this, topic, start, key, handler);
    this.#handle({ type: 'subscribe', cursor: subscription.cursor });
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
    this.#handle({ type: 'signal', topic, payload: this.codec.encode(data) });
  }

  /** Measures a round trip now. Rejects with `timed-out` when the connection is not live or does not answer. */
  probe(): Promise<{ rttMs: number }> {
    return new Promise((resolve, reject) => {
      const caller: Caller = { resolve, reject };
      this.#giveTime(
        caller,
        PROBE_TIMEOUT_MS,
        () => void this.#probes.splice(this.#probes.indexOf(caller), 1),
      );
      this.#probes.push(caller);
      this.#handle({ type: 'probe' });
    });
  }

  /** Tries now: what "Try now" buttons call. A connection that is live is replaced without a break. */
  reconnect(): void {
    this.#handle({ type: 'connect' });
  }

  /** Ends the session. Waits a moment for answers that are on their way; what is left rejects with `closed`. */
  close(): Promise<void> {
    this.#closing ??= this.#finishAndClose();
    return this.#closing;
  }

  // ── What its subscriptions call ──────────────────────────────────────────────────────────────────────────

  /** @internal */
  change(type: 'unsubscribe' | 'hold' | 'release', cursor: ClientCursor): void {
    this.#handle({ type, cursor });
  }

  /** @internal */
  processed(key: string, position: Position): void {
    if (!this.#store) return;
    this.#store.positions[key] = position;
    this.#store.touch('session');
    this.#flushLater();
  }

  // ── The machine ──────────────────────────────────────────────────────────────────────────────────────────

  #handle(input: ClientInput<Caller>): void {
    this.#machine.handle(input, this.#platform.clock.nowMs());
    // What a handler asks for meanwhile waits its turn, or it would be sent ahead of older publishes (SPEC PUB-2).
    if (!this.#isApplying) this.#applyAll();
    this.#flushLater();
    this.#arm();
  }

  #applyAll(): void {
    this.#isApplying = true;
    try {
      for (
        let effects = this.#machine.takeEffects();
        effects.length > 0;
        effects = this.#machine.takeEffects()
      )
        for (const effect of effects) this.#apply(effect);
    } finally {
      this.#isApplying = false;
    }
  }

  #apply(effect: ClientEffect<Caller>): void {
    switch (effect.type) {
      case 'read':
        return effect.cursor.reader.take(effect.event);
      case 'send':
        return this.#dialer.send(effect.link, effect.record);
      case 'answered':
        return this.#answer(effect);
      case 'failed':
        return this.#settle(effect.item)?.reject(failure(effect));
      case 'probed':
        for (const { cancelTimeout, resolve } of this.#probes.splice(0)) {
          cancelTimeout?.();
          resolve({ rttMs: effect.rttMs } as never);
        }
        return;
      case 'dial':
        return void this.#dialer.dial(effect.link, effect.tokenRejected);
      case 'drop':
        // What was said last, such as a publish just before `close()`, still goes out.
        this.#flushLines();
        return this.#dialer.drop(effect.link, effect.code);
      case 'token-wanted':
        return void this.#renewToken();
      case 'session':
        return this.#store?.touch('session');
      case 'status':
        return this.#changed();
    }
  }

  async #renewToken(): Promise<void> {
    try {
      this.#handle({ type: 'token', token: await this.#dialer.fetchToken(false) });
    } catch (error) {
      // The server says when time is up; until then the next reconnect may do better.
      console.warn('Holdfast: the token could not be refreshed:', error);
    }
  }

  #handleHint(back: boolean): void {
    this.#handle({ type: back && this.#machine.links.phase === 'waiting' ? 'connect' : 'probe' });
    this.#changed();
  }

  #arm(): void {
    const atMs = this.#machine.nextDeadlineMs();
    // A timer that rings too early only looks at the clock; so deadlines may move later without a new timer.
    if (atMs === undefined || (this.#timer && this.#timer.atMs <= atMs)) return;
    this.#timer?.cancel();
    const ring = (): void => {
      this.#timer = undefined;
      this.#handle({ type: 'time', bufferedBytes: this.#dialer.bufferedBytes });
    };
    this.#timer = {
      atMs,
      cancel: this.#platform.clock.setTimer(ring, Math.max(0, atMs - this.#platform.clock.nowMs())),
    };
  }

  // ── Waiting callers ──────────────────────────────────────────────────────────────────────────────────────

  #ask<T>(type: 'publish' | 'request', name: string, data: unknown, timeoutMs?: number): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      checkName(name);
      const payload = this.codec.encode(data);
      this.#checkRoom(payload);
      const caller: Caller = { resolve, reject };
      const item = { id: 0, name, payload, caller };
      this.#handle({ type, item });
      this.#store?.touch('outbox');
      this.#changed();
      if (timeoutMs === undefined) return;
      this.#giveTime(caller, timeoutMs, () => {
        this.#handle({ type: 'abandon', request: item.id });
        this.#settle(item);
      });
    });
  }

  /** Rejects unless somebody cancels it first. */
  #giveTime(caller: Caller, timeoutMs: number, giveUp: () => void): void {
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
    const { publish, request, links } = this.#machine;
    this.#checkOpen();
    if (links.phase === 'failed') throw failure(links.cause!);
    if (this.#machine.isTooBig(payload))
      throw new HoldfastError('too-big', this.#machine.tooBigText(payload));
    const { countMax, bytesMax } = this.#options.outbox;
    const count = publish.size + request.size;
    const bytes = publish.bytes + request.bytes;
    if (count < countMax && bytes + payload.length <= bytesMax) return;
    const text = `${count} messages of ${bytes} bytes wait for an answer. Wait for some, or raise the option "outbox".`;
    throw new HoldfastError('outbox-full', text);
  }

  #answer({ item, answer }: ClientEffect<Caller> & { type: 'answered' }): void {
    const caller = this.#settle(item);
    try {
      caller?.resolve((answer instanceof Uint8Array ? this.codec.decode(answer) : answer) as never);
    } catch (error) {
      caller?.reject(error);
    }
  }

  /** Whoever waited for the item, which does not wait any more. */
  #settle({ caller }: OutboxItem<Caller>): Caller | undefined {
    this.#store?.touch('outbox');
    this.#changed();
    if (this.#waiting === 0) this.#whenIdle();
    caller?.cancelTimeout?.();
    return caller;
  }

  get #waiting(): number {
    return this.#machine.publish.size + this.#machine.request.size;
  }

  async #finishAndClose(): Promise<void> {
    if (this.#machine.links.phase === 'live' && this.#waiting > 0) {
      await new Promise<void>((resolve) => {
        const cancel = this.#platform.clock.setTimer(resolve, CLOSE_GRACE_MS);
        this.#whenIdle = () => {
          cancel();
          resolve();
        };
      });
    }
    this.#handle({ type: 'close' });
  }

  /** Nothing more will come: everybody who waits is told. */
  #end(cause: Cause): void {
    this.#stopHints();
    this.#timer?.cancel();
    this.#timer = undefined;
    const { publish, request } = this.#machine;
    const waiting = [...publish.values(), ...request.values()].map(({ caller }) => caller);
    for (const caller of [...waiting, ...this.#probes.splice(0)]) {
      caller?.cancelTimeout?.();
      caller?.reject(failure(cause));
    }
    for (const reader of this.#machine.readers) reader.take({ type: 'ended', ...cause });
  }

  // ── Once a turn ──────────────────────────────────────────────────────────────────────────────────────────

  #changed(): void {
    this.#snapshot = undefined;
    this.#flushLater();
  }

  #flushLater(): void {
    if (this.#flushAsked) return;
    this.#flushAsked = true;
    this.#platform.clock.defer(() => this.#flush());
  }

  #flush(): void {
    this.#flushAsked = false;
    this.#flushLines();
    if (this.#snapshot) return;
    const { phase, cause } = this.status;
    this.#emitter.emit('status', this.status);
    if (phase === 'closed' || phase === 'failed') this.#end(cause!);
  }

  #flushLines(): void {
    // Stored before it is sent: a page that dies in between must not take a sent publish for an unsent one.
    this.#save();
    this.#dialer.flush(this.#machine.messageBytesMax);
  }

  #save(): void {
    const { resumeToken, node, publish } = this.#machine;
    try {
      this.#store?.flush(
        { token: resumeToken, node, sequence: publish.lastId, sent: publish.sentThrough },
        publish.values(),
      );
    } catch (error) {
      console.error(
        'Holdfast: the storage refused to keep the outbox; it would not survive a reload:',
        error,
      );
    }
  }

  #takeSnapshot(): Status {
    const { links, publish, request } = this.#machine;
    const unacknowledged = publish.unanswered + request.unanswered;
    return Object.freeze({
      phase: this.#phase(),
      since: links.sinceMs,
      attempt: links.attempt,
      retryAt: links.retryAtMs,
      rttMs: links.roundTrip.smoothedMs,
      endpoint: this.#dialer.endpoint,
      queued: publish.size + request.size - unacknowledged,
      unacknowledged,
      cause: links.cause,
    });
  }

  #phase(): Phase {
    const { phase } = this.#machine.links;
    if (phase === 'idle') return 'connecting';
    return phase === 'waiting' && !this.#platform.isOnline() ? 'offline' : phase;
  }
}

function failure({ code, text }: Cause): HoldfastError {
  return new HoldfastError(code as ErrorCode, text);
}
