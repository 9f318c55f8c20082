import type { PayloadCodec } from '../protocol/payload.ts';
import type { Position } from '../protocol/position.ts';
import { ClientSession, type ClientHost } from '../session/client-session.ts';
import type { Clock } from '../session/clock.ts';
import type { Link } from '../session/link.ts';
import type { OutboxItem } from '../session/outbox.ts';
import { HINT } from '../session/flight-recorder.ts';
import { HeartbeatInterval, type Learned } from '../session/heartbeat-interval.ts';
import type { ClientCursor, ReaderEvent } from '../session/subscriptions.ts';
import type { Caller } from './client.ts';
import { Dialer, type DialerHost, type OpenSocket } from './dialer.ts';
import { failure } from './failure.ts';
import type { HttpAnswer } from './http-probe.ts';
import { Lines, type Measure } from './lines.ts';
import type { Endpoints, ResolvedClientOptions } from './options.ts';
import { Store } from './store.ts';
import type { SubscriptionHost } from './subscription.ts';

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

/** Paths of which it is remembered what they bear: an application may give another address for each attempt. */
const PATHS_MAX = 32;

/** Tells the session what happened. */
export type Tell = (input: (session: ClientSession<Caller>, nowMs: number) => unknown) => void;

/** What the driver tells the client. */
export interface DriverListener extends Pick<ClientHost<Caller>, 'probed'> {
  /** The state that people see is another. */
  changed(): void;
  /** It was another in the turn that ends now. */
  hasChanged(): void;
}

/**
 * Drives the session: tells it what the application, the sockets and the clock say, and does what it asks of its
 * host. Nothing else of the client touches time and sockets. What was put on its links in one turn of the event loop
 * leaves at the turn's end, as one message each.
 */
export class Driver implements ClientHost<Caller>, DialerHost, SubscriptionHost {
  readonly codec: PayloadCodec;
  readonly session: ClientSession<Caller>;
  readonly store: Store | undefined;
  readonly lines: Lines;
  readonly dialer: Dialer;
  readonly #options: ResolvedClientOptions;
  readonly #platform: Platform;
  readonly #listener: DriverListener;
  /** What was learned of each path: an endpoint over a kind of network. */
  readonly #intervals = new Map<string, HeartbeatInterval>();
  /** What subscriptions are to be told at the end of the present input. */
  #events: [ClientCursor, ReaderEvent][] = [];
  #isTellingReaders = false;
  readonly #stopHints: () => void;
  #hasChanged = false;
  #hasComplained = false;
  #flushAsked = false;
  #timer: { atMs: number; cancel(): void } | undefined;

  constructor(
    endpoints: Endpoints,
    options: ResolvedClientOptions,
    platform: Platform,
    listener: DriverListener,
  ) {
    this.#options = options;
    this.#platform = platform;
    this.#listener = listener;
    const { storage, storageKey, codec } = options;
    this.codec = codec;
    this.lines = new Lines(endpoints, platform, options.lines, () =>
      this.tell(({ links }, nowMs) => links.phase === 'live' && links.connect(nowMs)),
    );
    this.dialer = new Dialer(this, options.token, platform);
    // The text of a function would be another after each build, and what was kept be lost.
    const address = typeof endpoints === 'function' ? '' : [endpoints].flat()[0];
    if (storage) this.store = new Store(storage, storageKey ?? `holdfast:${address}`);
    for (const [path, learned] of Object.entries(this.store?.intervals ?? {}))
      this.#keepInterval(path, learned);
    this.lines.current = this.store?.endpoint;
    const { random } = platform;
    this.session = new ClientSession({ ...options, random, restored: this.store?.restored }, this);
    this.#stopHints = platform.watchHints(this.#handleHint);
  }

  tell: Tell = (input) => {
    input(this.session, this.#platform.clock.nowMs());
    // What a handler asks for meanwhile is taken in at once; what it is told next waits its turn.
    if (!this.#isTellingReaders) this.#tellReaders();
    this.#flushLater();
    this.#arm();
  };

  /** Nothing is awaited any more; `isFinal` when nothing ever will be. */
  stop(isFinal: boolean): void {
    // A client that failed may be asked to go on.
    if (isFinal) this.#stopHints();
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  // ── What subscriptions ask for ───────────────────────────────────────────────────────────────────────────

  processed(key: string, position: Position): void {
    if (key) this.store?.keep(key, position);
    if (this.store) this.#flushLater();
  }

  // ── What the dialer asks for ─────────────────────────────────────────────────────────────────────────────

  intervalOf(url: string): HeartbeatInterval {
    const path = `${url} ${this.#platform.networkType?.() ?? ''}`;
    return this.#intervals.get(path) ?? this.#keepInterval(path);
  }

  // ── What the session asks for ────────────────────────────────────────────────────────────────────────────

  dial(link: Link): void {
    void this.dialer.dial(link);
  }

  drop(link: Link, code: number): void {
    // What was said last, such as a publish just before `close()`, still goes out.
    this.#flushLines();
    this.dialer.drop(link, code);
  }

  turnedAway(link: Link, slotAtMs: number): number | undefined {
    return this.lines.refused(this.dialer.endpointOf(link)!, slotAtMs);
  }

  probed(rttMs: number): void {
    this.lines.noteRtt(rttMs);
    this.#listener.probed(rttMs);
  }

  read(cursor: ClientCursor, event: ReaderEvent): void {
    this.#events.push([cursor, event]);
  }

  answered({ caller }: OutboxItem<Caller>, answer: Position | Uint8Array): void {
    this.outboxChanged();
    caller?.resolve(answer as never);
  }

  failed({ caller }: OutboxItem<Caller>, code: string, text: string): void {
    this.outboxChanged();
    caller?.reject(failure({ code, text }));
  }

  async tokenWanted(): Promise<void> {
    try {
      const token = await this.dialer.fetchToken(false);
      this.tell((session) => session.send({ type: 'token', token }));
    } catch (error) {
      // The server says when time is up; until then the next reconnect may do better.
      console.warn('Holdfast: the token could not be refreshed:', error);
    }
  }

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

  #handleHint: OnHint = (hint, sleptMs) => {
    this.tell(({ links }, nowMs) => {
      if (hint !== 'visible') links.flight.hint(HINT[hint], nowMs, sleptMs);
      links.nudge(hint !== 'offline' && hint !== 'hidden', nowMs);
    });
    this.changed();
  };

  #keepInterval(path: string, learned?: Learned): HeartbeatInterval {
    const { heartbeat } = this.#options;
    const { intervalMs: firstMs } = Object(heartbeat) as { intervalMs?: number };
    const interval = new HeartbeatInterval(heartbeat === 'battery', firstMs, learned);
    this.#intervals.set(path, interval);
    const [oldest] = this.#intervals.keys();
    if (this.#intervals.size > PATHS_MAX) this.#intervals.delete(oldest!);
    return interval;
  }

  #arm(): void {
    const atMs = this.session.links.nextDeadlineMs();
    // A timer that rings too early only looks at the clock; so deadlines may move later without a new timer.
    if (atMs >= (this.#timer?.atMs ?? Infinity)) return;
    this.#timer?.cancel();
    const ring = (): void => {
      this.#timer = undefined;
      this.tell((session, nowMs) => session.handleTime(this.dialer.bufferedBytes, nowMs));
    };
    this.#timer = {
      atMs,
      cancel: this.#platform.clock.setTimer(ring, Math.max(0, atMs - this.#platform.clock.nowMs())),
    };
  }

  outboxChanged(): void {
    this.store?.touch();
    this.changed();
  }

  // ── Once a turn ──────────────────────────────────────────────────────────────────────────────────────────

  changed(): void {
    this.#hasChanged = true;
    this.#listener.changed();
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
    if (!this.#hasChanged) return;
    this.#hasChanged = false;
    this.#listener.hasChanged();
  }

  #flushLines(): void {
    // Stored before it is sent: a page that dies in between must not take a sent publish for an unsent one.
    this.#save();
    const sent = this.dialer.flush(this.session.messageBytesMax);
    if (sent) this.session.links.flight.outMs = this.#platform.clock.nowMs();
  }

  #save(): void {
    const { resumeToken, node, publish } = this.session;
    try {
      this.store?.flush(
        {
          token: resumeToken,
          node,
          sequence: publish.lastId,
          sent: publish.sentThrough,
          endpoint: this.lines.current ?? '',
          intervals: Object.fromEntries(
            Array.from(this.#intervals, ([path, { learned }]) => [path, learned]),
          ),
        },
        publish.values(),
      );
    } catch (error) {
      // Once: what is full is full at each write.
      if (!this.#hasComplained)
        console.error('Holdfast: the storage refused; a reload loses the outbox:', error);
      this.#hasComplained = true;
    }
  }
}
