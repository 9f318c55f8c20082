import { closeCodes, closeNameOf } from '../protocol/close-codes.ts';
import type { WireRecord } from '../protocol/schema.ts';
import { backoffDelayMs } from './backoff.ts';
import { Deadlines } from './deadlines.ts';
import { FlightRecorder } from './flight-recorder.ts';
import type { Cause, Link, LinksConfig, LinksHost } from './link.ts';
import { RoundTrip } from './round-trip.ts';

/**
 * A client's connections over time. A link is one attempt at a connection; at most two exist: the one in use,
 * and a rival that is dialled beside it when it is suspect or has to move. Whichever is live first wins (SPEC LIVE-5).
 *
 *   idle ──connect──▶ connecting ──welcome──▶ live ◀──────── bytes ────────┐
 *                       ▲   ▲                 │ │                          │
 *            retry due  │   │                 │ └──── no answer ───────▶ suspect ┐
 *                       │   │                 └────── go-away ─────────▶ draining│
 *                    waiting│                                              │     │
 *                       ▲   └── the link is lost, its rival goes on alone ─┴─────┤
 *                       └────── the last link is lost ───────────────────────────┘
 *
 *   any ──close()──▶ closed        any ──a reason that no retry mends──▶ failed
 */
type State =
  | { name: 'idle' | 'waiting' | 'closed' | 'failed' }
  | { name: 'connecting' | 'live'; link: Link }
  | { name: 'suspect' | 'draining'; link: Link; rival: Link | undefined };

/** `retry` is this client's own guess, `slot` the time that the server gave it; there is one of the two. */
type DeadlineName = 'retry' | 'slot' | 'connect' | 'rival' | 'silence' | 'answer' | 'death' | 'stable';

/** A probe accompanies messages that want an answer at most this often (SPEC LIVE-3). */
const PROBE_SPACING_MS = 1_000;

export class Links {
  readonly roundTrip = new RoundTrip();
  readonly flight = new FlightRecorder();
  /** Attempts since the connection was last stable. */
  attempt = 0;
  /** When the present phase began. */
  sinceMs = 0;
  cause: Cause | undefined;
  /** The number of the last link. */
  count = 0;
  /** How often the server shows itself on the connection in use. */
  heartbeatMs = 25_000;
  /** The server wants returns after a loss spread over this long. */
  returnWindowMs = 0;
  #state: State = { name: 'idle' };
  readonly #deadlines = new Deadlines<DeadlineName>();
  #graceMs = 20_000;
  /** Attempts since the connection was last stable that got through to something. */
  #reached = 0;
  /** When the connection was last known to be live, or was first wanted. */
  #liveAtMs = 0;
  #ping: { id: number; atMs: number } | undefined;
  #pings = 0;
  #lastProbeMs = -Infinity;
  #bufferedBytes = 0;
  #tokenRejected = false;
  /** Why the link in use is left for another: the server asked for it, or it is the application's own wish. */
  #moveCode = 0;
  /** The last link that said hello. */
  #greeted = 0;
  readonly #config: LinksConfig;
  readonly #host: LinksHost;

  constructor(config: LinksConfig, host: LinksHost) {
    this.#config = config;
    this.#host = host;
  }

  get phase(): State['name'] {
    return this.#state.name;
  }

  /** The next attempt, while one is scheduled. */
  get retryAtMs(): number | undefined {
    return this.#deadlines.get('slot') ?? this.#deadlines.get('retry');
  }

  nextDeadlineMs(): number | undefined {
    return this.#deadlines.next();
  }

  /** The link in use. */
  get link(): Link | undefined {
    return 'link' in this.#state ? this.#state.link : undefined;
  }

  /** Whether a rival has said hello, and so the session may be on its way to it. */
  get isMoving(): boolean {
    return this.#rival?.stage === 'greeting';
  }

  /** Whether the link was not given up. */
  has(link: Link): boolean {
    return link === this.link || link === this.#rival;
  }

  get #rival(): Link | undefined {
    return 'rival' in this.#state ? this.#state.rival : undefined;
  }

  // ── Dialling ─────────────────────────────────────────────────────────────────────────────────────────────

  /** Tries now, unless it was closed. A link that is live is replaced without a break. */
  connect(nowMs: number): void {
    const state = this.#state;
    if (state.name === 'closed') return;
    if (state.name === 'live') this.#become({ name: 'draining', link: state.link, rival: undefined }, nowMs);
    if ('rival' in this.#state) return this.#dialRival(this.#state, nowMs);
    if (state.name === 'connecting') return;
    if (state.name !== 'waiting') this.#liveAtMs = nowMs;
    this.#dueAt(undefined);
    this.#become({ name: 'connecting', link: this.#dial() }, nowMs);
    this.#deadlines.set('connect', nowMs + this.#config.connectTimeoutMs);
  }

  #dialRival(state: State & { rival: Link | undefined }, nowMs: number): void {
    if (state.rival) return;
    this.#dueAt(undefined);
    state.rival = this.#dial();
    this.#deadlines.set('rival', nowMs + this.#config.connectTimeoutMs);
    this.#host.changed();
  }

  #dial(): Link {
    const link: Link = {
      id: ++this.count,
      stage: 'dialing',
      greetedAtMs: 0,
      bare: false,
      aliases: new Map(),
      pending: [],
    };
    this.#host.dial(link, this.#tokenRejected);
    return link;
  }

  /**
   * A link's socket is open, so its hello is due; false when it was given up. A rival says no more than hello: until
   * it is welcomed the old link serves, and goes on serving if the rival is turned away (SPEC DRAIN-1).
   */
  opened(link: Link, nowMs: number): boolean {
    if (!this.has(link)) return false;
    const isRival = link === this.#rival;
    link.stage = 'greeting';
    link.bare = isRival;
    link.greetedAtMs = nowMs;
    this.#greeted = link.id;
    if (isRival && this.#state.name === 'draining') this.flight.closed(this.#moveCode, 'move', nowMs);
    // A long way gets its time twice: to open, and to be welcomed.
    this.#deadlines.set(isRival ? 'rival' : 'connect', nowMs + this.#config.connectTimeoutMs);
    return true;
  }

  /** The server's welcome: this link is the one from now on. False when it was live already. */
  welcomed(link: Link, welcome: WireRecord<'welcome'>, nowMs: number): boolean {
    const state = this.#state;
    if (!('link' in state) || link.stage !== 'greeting') return false;
    if (state.link !== link) this.#drop(state.link);
    link.stage = 'live';
    this.roundTrip.sample(nowMs - link.greetedAtMs);
    this.heartbeatMs = welcome.heartbeatMs;
    this.#graceMs = welcome.graceMs;
    this.returnWindowMs = welcome.returnWindowMs;
    this.#tokenRejected = false;
    this.#ping = undefined;
    this.#moveCode = 0;
    this.flight.opened(link.id, link.greetedAtMs, nowMs);
    this.#becomeLive(link, nowMs);
    this.#deadlines.set('stable', nowMs + this.#config.backoff.stableMs);
    return true;
  }

  /**
   * The server asks this client to move at its own time (SPEC DRAIN-1); before the welcome, it turns it away until
   * then, and has taken nothing over (SPEC ADM-3).
   */
  goAway(link: Link, { reconnectInMs, reason: text }: WireRecord<'go-away'>, nowMs: number): void {
    const slotAtMs = nowMs + reconnectInMs;
    if (link.stage !== 'live') {
      this.#drop(link);
      return this.lost(link, { code: 'overloaded', text }, nowMs, { slotAtMs });
    }
    this.cause = { code: 'going-away', text };
    this.#moveCode = closeCodes['going-away'].code;
    if (this.#state.name === 'live') this.#become({ name: 'draining', link, rival: undefined }, nowMs);
    if (this.#rival) return;
    this.#dueAt('slot', slotAtMs);
  }

  /** The server's verdict on why the last connection was lost (SPEC CAUSE-2). */
  explained({ id: code, text, confidence, fix }: WireRecord<'cause'>): void {
    this.cause = { code, text, confidence: confidence / 100, fix };
    this.#host.changed();
  }

  // ── Losing ───────────────────────────────────────────────────────────────────────────────────────────────

  /** A socket has closed. */
  closed(link: Link, code: number, reason: string, nowMs: number): void {
    if (!this.has(link)) return;
    const name = closeNameOf(code);
    const cause = {
      code: name ?? 'lost',
      text: reason || (name ?? `The connection was cut (close code ${code}).`),
    };
    const retry = this.#retryAfter(link, name);
    if (retry === 'never' || (retry === 'token' && this.#tokenRejected))
      return this.finish('failed', cause, nowMs);
    if (retry === 'token') this.#tokenRejected = true;
    this.lost(link, cause, nowMs, { code });
  }

  #retryAfter(link: Link, name: ReturnType<typeof closeNameOf>): 'backoff' | 'token' | 'never' {
    // A server has no business with 1000, so there it is some proxy's or shutdown's way of hanging up; and when
    // our own rival has taken the session over, it is no wonder that the old link hears "superseded".
    if (name === undefined || name === 'closed') return 'backoff';
    if (name === 'superseded' && link.id !== this.#greeted) return 'backoff';
    return closeCodes[name].retry;
  }

  /** A link is gone, with the code that its peer closed it with, or was given up; it is due again at its slot. */
  lost(
    link: Link,
    cause: Cause,
    nowMs: number,
    { code, slotAtMs }: { code?: number; slotAtMs?: number | undefined } = {},
  ): void {
    const state = this.#state;
    if (!('link' in state) || !this.has(link)) return;
    const rival = this.#rival;
    const wasReached = link.stage !== 'dialing';
    // It was live until its peer closed it, however long it had been silent.
    if (code !== undefined && link.stage === 'live') this.#liveAtMs = nowMs;
    this.cause = cause;
    this.flight.closed(code ?? 0, code !== undefined && link === state.link ? 'peer' : 'error', nowMs);
    if ('rival' in state && link === rival) {
      state.rival = undefined;
      this.#deadlines.clear('rival');
      // The old link serves on.
      if (state.name === 'draining') this.flight.recovered();
      return this.#scheduleRetry(wasReached, slotAtMs, nowMs);
    }
    if (state.name === 'draining') slotAtMs ??= this.#deadlines.get('slot');
    this.#deadlines.clearAll();
    if (!rival) {
      this.#become({ name: 'waiting' }, nowMs);
      return this.#scheduleRetry(wasReached, slotAtMs, nowMs);
    }
    this.#deadlines.set('connect', nowMs + this.#config.connectTimeoutMs);
    this.#become({ name: 'connecting', link: rival }, nowMs);
  }

  #scheduleRetry(wasReached: boolean, slotAtMs: number | undefined, nowMs: number): void {
    const { backoff, random } = this.#config;
    this.attempt++;
    this.#host.changed();
    if (slotAtMs !== undefined) return this.#dueAt('slot', slotAtMs);
    if (wasReached) this.#reached++;
    const failure = { reached: this.#reached, wasReached, downMs: nowMs - this.#liveAtMs };
    this.#dueAt('retry', nowMs + backoffDelayMs(failure, backoff, this.returnWindowMs, random));
  }

  /** When the next attempt is due, and by whose word; undefined for none. */
  #dueAt(by: 'slot' | 'retry' | undefined, atMs = 0): void {
    this.#deadlines.clear('slot');
    this.#deadlines.clear('retry');
    if (by) this.#deadlines.set(by, atMs);
  }

  /** Ends all attempts. */
  finish(name: 'closed' | 'failed', cause: Cause, nowMs: number): void {
    const state = this.#state;
    if (state.name === 'closed' || state.name === name) return;
    this.cause = cause;
    if (this.#rival) this.#drop(this.#rival);
    if ('link' in state) this.#drop(state.link, name === 'closed' ? closeCodes.closed.code : undefined);
    this.#deadlines.clearAll();
    this.attempt = this.#reached = 0;
    this.#become({ name }, nowMs);
  }

  // ── Liveness ─────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * A message came, which proves the way from the server alive (SPEC LIVE-1). A mere heartbeat does not answer a
   * probe: it says nothing of the way to the server.
   */
  heard(link: Link, isHeartbeat: boolean, nowMs: number): void {
    const state = this.#state;
    if (!('link' in state) || state.link !== link || link.stage !== 'live') return;
    this.#liveAtMs = this.flight.inMs = nowMs;
    if (isHeartbeat && this.#ping) return;
    if (state.name === 'suspect') {
      // Whichever is live first wins (SPEC LIVE-5).
      if (this.isMoving) return;
      if (state.rival) this.#drop(state.rival);
      this.flight.recovered();
      return this.#becomeLive(link, nowMs);
    }
    this.#deadlines.clear('answer');
    this.#deadlines.clear('death');
    this.#deadlines.set('silence', nowMs + this.heartbeatMs + this.roundTrip.timeoutMs);
  }

  /**
   * The page, the device or the network may have changed: looks at once (SPEC LIVE-3). When it is likely that a
   * server can be reached again, what was waited for is tried now, unless the server itself gave the time.
   */
  nudge(isBack: boolean, nowMs: number): void {
    this.probe(nowMs);
    if (!isBack || this.#deadlines.get('retry') === undefined) return;
    this.#reached = 0;
    this.connect(nowMs);
  }

  /** Asks for a sign of life. */
  probe(nowMs: number): void {
    if (this.#state.name !== 'live' && this.#state.name !== 'draining') return;
    this.#lastProbeMs = nowMs;
    this.#ping ??= { id: ++this.#pings, atMs: nowMs };
    this.#state.link.pending.push({ type: 'ping', id: this.#ping.id, tops: [] });
    if (this.#deadlines.get('answer') !== undefined) return;
    this.#deadlines.set('answer', nowMs + this.roundTrip.timeoutMs);
    // What is unsent at the first look may be on its way: only the second can tell (SPEC LIVE-1).
    this.#bufferedBytes = Infinity;
  }

  /** Something was sent that wants an answer: asks for a sign of life with it, or a little later (SPEC LIVE-3). */
  probeAlong(nowMs: number): void {
    const nextMs = this.#lastProbeMs + PROBE_SPACING_MS;
    if (nowMs >= nextMs) return this.probe(nowMs);
    const silenceMs = this.#deadlines.get('silence');
    // What is heard until then moves it away again.
    if (silenceMs !== undefined && silenceMs > nextMs) this.#deadlines.set('silence', nextMs);
  }

  ponged(id: number, nowMs: number): void {
    if (this.#ping?.id !== id) return;
    const rttMs = nowMs - this.#ping.atMs;
    this.roundTrip.sample(rttMs);
    this.#ping = undefined;
    this.#host.probed(rttMs);
    this.#host.changed();
  }

  handleTime(bufferedBytes: number, nowMs: number): void {
    const progressed = bufferedBytes > 0 && bufferedBytes < this.#bufferedBytes;
    this.#bufferedBytes = bufferedBytes;
    for (let due = this.#deadlines.takeDue(nowMs); due; due = this.#deadlines.takeDue(nowMs)) {
      this.#handleDue(due, progressed, nowMs);
    }
  }

  #handleDue(due: DeadlineName, progressed: boolean, nowMs: number): void {
    switch (due) {
      case 'slot':
      case 'retry':
        return this.connect(nowMs);
      case 'connect':
      case 'rival': {
        const link = due === 'rival' ? this.#rival : this.link;
        const text = `No welcome within ${this.#config.connectTimeoutMs} ms of dialling.`;
        return link && this.#giveUp(link, { code: 'unreachable', text }, nowMs);
      }
      case 'silence':
        return this.probe(nowMs);
      case 'answer':
        // A slow link that still delivers, here outwards, is not dead (SPEC LIVE-1).
        if (progressed) this.#deadlines.set('answer', nowMs + this.roundTrip.timeoutMs);
        else this.#suspect(nowMs);
        return;
      case 'death':
        return this.link && this.#giveUp(this.link, silent, nowMs);
      case 'stable':
        if (this.attempt > 0) this.#host.changed();
        this.attempt = this.#reached = 0;
        return;
    }
  }

  #suspect(nowMs: number): void {
    this.#deadlines.clear('silence');
    // Of several probes the first counts.
    this.#deadlines.set('death', this.#deadlines.get('death') ?? nowMs + this.#graceMs);
    // One that is draining is left anyway, in its slot.
    if (this.#state.name !== 'live') return;
    this.cause = silent;
    this.flight.closed(0, 'timeout', nowMs);
    this.#become({ name: 'suspect', link: this.#state.link, rival: undefined }, nowMs);
    this.connect(nowMs);
  }

  #becomeLive(link: Link, nowMs: number): void {
    this.#liveAtMs = nowMs;
    const stableAtMs = this.#deadlines.get('stable');
    this.#deadlines.clearAll();
    if (stableAtMs !== undefined) this.#deadlines.set('stable', stableAtMs);
    this.#deadlines.set('silence', nowMs + this.heartbeatMs + this.roundTrip.timeoutMs);
    this.#become({ name: 'live', link }, nowMs);
  }

  #giveUp(link: Link, cause: Cause, nowMs: number): void {
    this.#drop(link);
    this.lost(link, cause, nowMs);
  }

  #drop(link: Link, code: number = closeCodes.gone.code): void {
    this.#host.drop(link, code);
  }

  #become(state: State, nowMs: number): void {
    if (state.name !== this.#state.name) this.sinceMs = nowMs;
    this.#state = state;
    this.#host.changed();
  }
}

const silent: Cause = {
  code: 'silent',
  text: 'The server did not answer in time.',
};
