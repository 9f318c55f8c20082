import { HoldfastError, type ErrorCode } from '../protocol/error-codes.ts';
import type { Position } from '../protocol/position.ts';
import { ClientSession, type ClientHost } from '../session/client-session.ts';
import type { Clock } from '../session/clock.ts';
import { HINT } from '../session/flight-recorder.ts';
import { HeartbeatInterval } from '../session/heartbeat-interval.ts';
import type { Cause } from '../session/links.ts';
import type { OutboxItem } from '../session/outbox.ts';
import type { ClientCursor, ReaderEvent } from '../session/subscriptions.ts';
import { checkName, wireStart } from './arguments.ts';
import { Dialer, type OpenSocket } from './dialer.ts';
import { Emitter } from './emitter.ts';
import type { HttpAnswer } from './http-probe.ts';
import { Lines, type EndpointScore, type Measure } from './lines.ts';
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
  /** Calls back when the page, the device or the network may have changed; the result stops it. */
  watchHints(onHint: OnHint): () => void;
  /** What kind of network this is, where that is known: what was learned of one says nothing of another. */
  networkType?(): string;
  /** What plain HTTP says of an address; undefined when nothing answers. */
  ask?(url: string): Promise<HttpAnswer | undefined>;
  /** How long a round trip to an address takes. */
  measure?: Measure;
}

/** Something was noticed; `slept` with how long for. `visible` stands for all that brings a page to the front. */
export type OnHint = (hint: keyof typeof HINT | 'visible', sleptMs?: number) => void;

/** Somebody who waits for an answer. */
export interface Caller {
  resolve(answer: never): void;
  reject(error: unknown): void;
  cancelTimeout?: () => void;
}

/** Tells the session what happened. */
export type Tell = (input: (session: ClientSession<Caller>, nowMs: number) => unknown) => void;

/** How long `close()` waits for answers that are on their way. */
const CLOSE_GRACE_MS = 2_000;
const PROBE_TIMEOUT_MS = 5_000;

/**
 * A client and its session: `connect(url, options)` makes one, which dials at once. It drives the session: tells
 * it what the application, the sockets and the clock say, and does what the session asks of its host. What was
 * put on its links in one turn of the event loop leaves at the turn's end.
 */
export class Client<C extends Contract = Contract> implements SubscriptionHost {
  readonly codec: ResolvedClientOptions['codec'];
  readonly #options: ResolvedClientOptions;
  readonly #platform: Platform;
  readonly #session: ClientSession<Caller>;
  readonly #store: Store | undefined;
  readonly #lines: Lines;
  readonly #dialer: Dialer;
  /** What was learned of each path: an endpoint over a kind of network. */
  readonly #intervals = new Map<string, HeartbeatInterval>();
  readonly #probes: Caller[] = [];
  readonly #emitter = new Emitter<{ status: Status }>();
  /** What subscriptions are to be told at the end of the present input. */
  #events: [ClientCursor, ReaderEvent][] = [];
  #isTellingReaders = false;
  /** Called when nobody waits for an answer any more. */
  #whenIdle = (): void => {};
  readonly #stopHints: () => void;
  #snapshot: Status | undefined;
  #flushAsked = false;
  #timer: { atMs: number; cancel(): void } | undefined;
  #closing: Promise<void> | undefined;

  constructor(endpoints: Endpoints, options: ClientOptions, platform: Platform) {
    this.#options = resolveClientOptions(options);
    this.codec = this.#options.codec;
    this.#platform = platform;
    const { storage, storageKey, backoff, connectTimeoutMs, token, lines } = this.#options;
    const { random, clock, measure } = platform;
    this.#lines = new Lines(endpoints, clock, measure, lines, () =>
      this.#tell(({ links }, nowMs) => links.phase === 'live' && links.connect(nowMs)),
    );
    this.#dialer = new Dialer(this.#lines, token, platform, this.#tell, (url) => this.#intervalOf(url));
    if (storage) this.#store = new Store(storage, storageKey ?? `holdfast:${String(endpoints)}`);
    this.#lines.current = this.#store?.endpoint;
    const config = { backoff, connectTimeoutMs, random, restored: this.#store?.restored };
    this.#session = new ClientSession(config, this.#host());
    this.#stopHints = platform.watchHints((...hint) => this.#handleHint(...hint));
    this.reconnect();
  }

  // ── What an application calls ────────────────────────────────────────────────────────────────────────────

  /** The state now. The same object until something changes. */
  get status(): Status {
    this.#snapshot ??= this.#takeSnapshot();
    return this.#snapshot;
  }

  /** The client's endpoints and how good the way to each is; lower scores are better. */
  get endpoints(): readonly EndpointScore[] {
    return this.#lines.scores;
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
    this.#tell(({ subscriptions }) => subscriptions.subscribe(subscription.cursor));
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
    const payload = this.codec.encode(data);
    this.#tell((session) => session.signal(topic, payload));
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
      this.#tell(({ links }, nowMs) => links.probe(nowMs));
    });
  }

  /** Tries now: what "Try now" buttons call. A connection that is live is replaced without a break. */
  reconnect(): void {
    this.#tell(({ links }, nowMs) => links.connect(nowMs));
  }

  /** Ends the session. Waits a moment for answers that are on their way; what is left rejects with `closed`. */
  close(): Promise<void> {
    this.#closing ??= this.#finishAndClose();
    return this.#closing;
  }

  // ── What its subscriptions call ──────────────────────────────────────────────────────────────────────────

  /** @internal */
  unsubscribe(cursor: ClientCursor): void {
    this.#tell(({ subscriptions }) => subscriptions.unsubscribe(cursor));
  }

  /** @internal */
  hold(cursor: ClientCursor, held: boolean): void {
    this.#tell(({ subscriptions }) => subscriptions.hold(cursor, held));
  }

  /** @internal */
  processed(key: string, position: Position): void {
    if (!this.#store) return;
    this.#store.positions[key] = position;
    this.#store.touch('session');
    this.#flushLater();
  }

  // ── The session ──────────────────────────────────────────────────────────────────────────────────────────

  #tell: Tell = (input) => {
    input(this.#session, this.#platform.clock.nowMs());
    // What a handler asks for meanwhile is taken in at once; what it is told next waits its turn.
    if (!this.#isTellingReaders) this.#tellReaders();
    this.#flushLater();
    this.#arm();
  };

  #tellReaders(): void {
    this.#isTellingReaders = true;
    // By index, because a handler may add to what is told.
    for (let i = 0; i < this.#events.length; i++) {
      const [cursor, event] = this.#events[i]!;
      cursor.reader.take(event);
    }
    this.#events = [];
    this.#isTellingReaders = false;
  }

  #host(): ClientHost<Caller> {
    return {
      dial: (link, tokenRejected) => void this.#dialer.dial(link, tokenRejected),
      drop: (link, code) => {
        // What was said last, such as a publish just before `close()`, still goes out.
        this.#flushLines();
        this.#dialer.drop(link, code);
      },
      changed: () => this.#changed(),
      probed: (rttMs) => {
        this.#lines.noteRtt(rttMs);
        for (const { cancelTimeout, resolve } of this.#probes.splice(0)) {
          cancelTimeout?.();
          resolve({ rttMs } as never);
        }
      },
      read: (cursor, event) => this.#events.push([cursor, event]),
      answered: (item, answer) => this.#answer(item, answer),
      failed: (item, code, text) => this.#settle(item)?.reject(failure({ code, text })),
      tokenWanted: () => void this.#renewToken(),
      sessionChanged: () => this.#store?.touch('session'),
    };
  }

  async #renewToken(): Promise<void> {
    try {
      const token = await this.#dialer.fetchToken(false);
      this.#tell((session) => session.send({ type: 'token', token }));
    } catch (error) {
      // The server says when time is up; until then the next reconnect may do better.
      console.warn('Holdfast: the token could not be refreshed:', error);
    }
  }

  #handleHint: OnHint = (hint, sleptMs) => {
    this.#tell(({ links }, nowMs) => {
      if (hint !== 'visible') links.flight.hint(HINT[hint], nowMs, sleptMs);
      links.nudge(hint !== 'offline' && hint !== 'hidden', nowMs);
    });
    this.#changed();
  };

  #intervalOf(url: string): HeartbeatInterval {
    const path = `${url} ${this.#platform.networkType?.() ?? ''}`;
    const { heartbeat } = this.#options;
    const beginMs = typeof heartbeat === 'object' ? heartbeat.intervalMs : undefined;
    const known = this.#intervals.get(path);
    const interval =
      known ?? new HeartbeatInterval(heartbeat === 'battery', this.#store?.intervals[path] ?? beginMs);
    this.#intervals.set(path, interval);
    return interval;
  }

  #arm(): void {
    const atMs = this.#session.links.nextDeadlineMs();
    // A timer that rings too early only looks at the clock; so deadlines may move later without a new timer.
    if (atMs === undefined || (this.#timer && this.#timer.atMs <= atMs)) return;
    this.#timer?.cancel();
    const ring = (): void => {
      this.#timer = undefined;
      this.#tell((session, nowMs) => session.handleTime(this.#dialer.bufferedBytes, nowMs));
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
      this.#tell((session, nowMs) => session.add(type, item, nowMs));
      this.#store?.touch('outbox');
      this.#changed();
      if (timeoutMs === undefined) return;
      this.#giveTime(caller, timeoutMs, () => {
        this.#tell(({ request }) => request.remove(item.id));
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
    const { publish, request, links } = this.#session;
    this.#checkOpen();
    if (links.phase === 'failed') throw failure(links.cause!);
    const tooBig = this.#session.tooBig(payload);
    if (tooBig) throw new HoldfastError('too-big', tooBig);
    const { countMax, bytesMax } = this.#options.outbox;
    const count = publish.size + request.size;
    const bytes = publish.bytes + request.bytes;
    if (count < countMax && bytes + payload.length <= bytesMax) return;
    const text = `${count} messages of ${bytes} bytes wait for an answer. Wait for some, or raise the option "outbox".`;
    throw new HoldfastError('outbox-full', text);
  }

  #answer(item: OutboxItem<Caller>, answer: Position | Uint8Array): void {
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
    return this.#session.publish.size + this.#session.request.size;
  }

  async #finishAndClose(): Promise<void> {
    if (this.#session.links.phase === 'live' && this.#waiting > 0) {
      await new Promise<void>((resolve) => {
        const cancel = this.#platform.clock.setTimer(resolve, CLOSE_GRACE_MS);
        this.#whenIdle = () => {
          cancel();
          resolve();
        };
      });
    }
    const cause = { code: 'closed', text: 'The application closed the connection.' };
    this.#tell(({ links }, nowMs) => links.finish('closed', cause, nowMs));
  }

  /** Nothing more will come: everybody who waits is told. */
  #end(cause: Cause): void {
    // A client that failed may be asked to go on.
    if (this.status.phase === 'closed') this.#stopHints();
    this.#timer?.cancel();
    this.#timer = undefined;
    const { publish, request } = this.#session;
    const waiting = [...publish.values(), ...request.values()].map(({ caller }) => caller);
    for (const caller of [...waiting, ...this.#probes.splice(0)]) {
      caller?.cancelTimeout?.();
      caller?.reject(failure(cause));
    }
    for (const reader of this.#session.subscriptions.readers) reader.take({ type: 'ended', ...cause });
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
    const sent = this.#dialer.flush(this.#session.messageBytesMax);
    if (sent) this.#session.links.flight.outMs = this.#platform.clock.nowMs();
  }

  #save(): void {
    const { resumeToken, node, publish } = this.#session;
    try {
      this.#store?.flush(
        {
          token: resumeToken,
          node,
          sequence: publish.lastId,
          sent: publish.sentThrough,
          endpoint: this.#lines.current ?? '',
          intervals: Object.fromEntries(Array.from(this.#intervals, ([path, { ms }]) => [path, ms])),
        },
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
    const { links, publish, request } = this.#session;
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
    const { phase } = this.#session.links;
    if (phase === 'idle') return 'connecting';
    return phase === 'waiting' && !this.#platform.isOnline() ? 'offline' : phase;
  }
}

function failure({ code, text }: Cause): HoldfastError {
  return new HoldfastError(code as ErrorCode, text);
}
