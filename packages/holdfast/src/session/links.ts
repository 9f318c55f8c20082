import { closeCodes, closeNameOf } from '../protocol/close-codes.ts';
import { RETURN_PLACES } from '../protocol/limits.ts';
import type { WireRecord } from '../protocol/schema.ts';
import { Backoff } from './backoff.ts';
import { Deadlines } from './deadlines.ts';
import { FlightRecorder } from './flight-recorder.ts';
import type { Cause, Link, LinksConfig, LinksHost } from './link.ts';
import { Liveness, type LivenessDeadline } from './liveness.ts';

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
type DeadlineName = LivenessDeadline | 'retry' | 'slot' | 'connect' | 'stable';

export class Links {
  readonly #deadlines = new Deadlines<DeadlineName>();
  readonly liveness = new Liveness(this.#deadlines);
  readonly flight = new FlightRecorder();
  readonly backoff: Backoff;
  /** When the present phase began. */
  sinceMs = 0;
  cause: Cause | undefined;
  /** The number of the last link. */
  count = 0;
  #state: State = { name: 'idle' };
  #tokenRejected = false;
  /** Why the link in use is left for another: the server asked for it, or it is the application's own wish. */
  #moveCode = 0;
  /** The last link that said hello. */
  #greeted = 0;
  readonly #config: LinksConfig;
  readonly #host: LinksHost;

  constructor(config: LinksConfig, host: LinksHost) {
    this.#config = config;
    this.backoff = new Backoff(config.backoff, config.random);
    this.#host = host;
  }

  get phase(): State['name'] {
    return this.#state.name;
  }

  /** The next attempt, while one is scheduled. */
  get retryAtMs(): number | undefined {
    return this.#deadlines.get('slot') ?? this.#deadlines.get('retry');
  }

  nextDeadlineMs(): number {
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
    const { name } = this.#state;
    if (name === 'closed' || name === 'connecting' || this.#rival) return;
    this.#leave('draining', nowMs);
    const link = this.#dial(nowMs);
    if ('rival' in this.#state) {
      this.#state.rival = link;
      return this.#host.changed();
    }
    if (name !== 'waiting') this.backoff.liveAtMs = nowMs;
    this.#become({ name: 'connecting', link }, nowMs);
  }

  #dial(nowMs: number): Link {
    this.#dueAt(undefined);
    this.#giveTime(nowMs);
    const link: Link = {
      id: ++this.count,
      stage: 'dialing',
      tokenRejected: this.#tokenRejected,
      greetedAtMs: 0,
      bare: false,
      interval: this.liveness.interval,
      aliases: new Map(),
      pending: [],
    };
    this.#host.dial(link);
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
    if (isRival && this.#state.name === 'draining') this.flight.ended(this.#moveCode, 'move', nowMs);
    this.#giveTime(nowMs);
    return true;
  }

  /** For the attempt under way, there being one at a time; a long way gets it twice: to open, and to be welcomed. */
  #giveTime(nowMs: number): void {
    this.#deadlines.set('connect', nowMs + this.#config.connectTimeoutMs);
  }

  /** The server's welcome: this link is the one from now on. False when it was live already. */
  welcomed(link: Link, welcome: WireRecord<'welcome'>, nowMs: number): boolean {
    const state = this.#state;
    if (!('link' in state) || link.stage !== 'greeting') return false;
    if (state.link !== link) this.#drop(state.link);
    link.stage = 'live';
    this.liveness.restart(link.interval, nowMs - link.greetedAtMs, welcome);
    this.backoff.windowMs = welcome.returnWindowMs;
    this.backoff.place = welcome.returnPlace / RETURN_PLACES;
    this.#tokenRejected = link.tokenRejected = false;
    this.#moveCode = 0;
    this.flight.opened(link.id, link.greetedAtMs, nowMs);
    this.#becomeLive(link, nowMs);
    return true;
  }

  /**
   * The server asks this client to move at its own time (SPEC DRAIN-1); before the welcome, it turns it away until
   * then, and has taken nothing over (SPEC ADM-3).
   */
  goAway(link: Link, { reconnectInMs, reason: text }: WireRecord<'go-away'>, nowMs: number): void {
    const slotAtMs = nowMs + reconnectInMs;
    if (link.stage !== 'live') {
      const dueAtMs = this.#host.turnedAway(link, slotAtMs);
      this.#drop(link);
      return this.lost(link, { code: 'overloaded', text }, nowMs, { slotAtMs: dueAtMs });
    }
    this.cause = { code: 'going-away', text };
    this.#moveCode = closeCodes['going-away'].code;
    this.#leave('draining', nowMs);
    if (!this.#rival) this.#dueAt('slot', slotAtMs);
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
    const isFinal = retry === 'never' || (retry === 'token' && link.tokenRejected);
    if (retry === 'token') this.#tokenRejected = true;
    this.lost(link, cause, nowMs, { code, isFinal });
  }

  #retryAfter(link: Link, name: ReturnType<typeof closeNameOf>): 'backoff' | 'token' | 'never' {
    // A server has no business with 1000, so there it is some proxy's or shutdown's way of hanging up; and when
    // our own rival has taken the session over, it is no wonder that the old link hears "superseded".
    if (name === undefined || name === 'closed') return 'backoff';
    if (name === 'superseded' && link.id !== this.#greeted) return 'backoff';
    return closeCodes[name].retry;
  }

  /**
   * A link is gone, with the code that its peer closed it with, or was given up; it is due again at its slot.
   * `isFinal`: no retry mends it, which ends all attempts but those beside a link that still serves.
   */
  lost(
    link: Link,
    cause: Cause,
    nowMs: number,
    { code, slotAtMs, isFinal }: { code?: number; slotAtMs?: number | undefined; isFinal?: boolean } = {},
  ): void {
    const state = this.#state;
    if (!('link' in state) || !this.has(link)) return;
    // Who has taken the session over has taken it from both.
    if (isFinal && (link === state.link || cause.code === 'superseded'))
      return this.finish('failed', cause, nowMs);
    const rival = this.#rival;
    this.cause = cause;
    if (link.stage === 'live') {
      // Until its peer closed it, however long it had been silent.
      if (code !== undefined) this.backoff.liveAtMs = nowMs;
      this.flight.ended(code ?? 0, code === undefined ? 'error' : 'peer', nowMs);
    } else this.flight.missed();
    if (rival && link !== rival) {
      // It goes on alone.
      this.#deadlines.clear();
      this.#giveTime(nowMs);
      return this.#become({ name: 'connecting', link: rival }, nowMs);
    }
    if ('rival' in state && rival) {
      state.rival = undefined;
      this.#deadlines.delete('connect');
      // The old link serves on.
      if (state.name === 'draining') this.flight.recovered();
    } else {
      slotAtMs ??= this.#deadlines.get('slot');
      this.#deadlines.clear();
      this.#become({ name: 'waiting' }, nowMs);
    }
    this.backoff.attempt++;
    this.#host.changed();
    if (slotAtMs !== undefined) return this.#dueAt('slot', slotAtMs);
    this.#dueAt('retry', nowMs + this.backoff.nextMs(link.stage !== 'dialing', nowMs));
  }

  /** When the next attempt is due, and by whose word; undefined for none. */
  #dueAt(by: 'slot' | 'retry' | undefined, atMs = 0): void {
    this.#deadlines.delete('slot');
    this.#deadlines.delete('retry');
    if (by) this.#deadlines.set(by, atMs);
  }

  /** Ends all attempts. */
  finish(name: 'closed' | 'failed', cause: Cause, nowMs: number): void {
    const state = this.#state;
    if (state.name === 'closed' || state.name === name) return;
    this.cause = cause;
    if (this.#rival) this.#drop(this.#rival);
    if ('link' in state) this.#drop(state.link, name === 'closed' ? closeCodes.closed.code : undefined);
    this.#deadlines.clear();
    this.backoff.restart(nowMs);
    this.#become({ name }, nowMs);
  }

  // ── Liveness ─────────────────────────────────────────────────────────────────────────────────────────────

  /** A message came. */
  heard(link: Link, isHeartbeat: boolean, nowMs: number): void {
    if (link !== this.link || link.stage !== 'live') return;
    this.backoff.liveAtMs = this.flight.inMs = nowMs;
    // Whichever is live first wins (SPEC LIVE-5).
    if (this.phase === 'suspect' && this.isMoving) return;
    if (this.liveness.heard(isHeartbeat, nowMs)) this.#acquit(link, nowMs);
  }

  /** It was not dead after all; one that the server wants to be rid of is left all the same. */
  #acquit(link: Link, nowMs: number): void {
    if (this.phase !== 'suspect' || this.#moveCode) return;
    if (this.#rival) this.#drop(this.#rival);
    this.flight.recovered();
    this.#becomeLive(link, nowMs);
  }

  /** The answer to a probe came. */
  ponged(link: Link, id: number, nowMs: number): void {
    const rttMs = this.liveness.answered(id, nowMs);
    if (rttMs === undefined) return;
    this.heard(link, false, nowMs);
    this.#host.probed(rttMs);
    this.#host.changed();
  }

  /**
   * The page, the device or the network may have changed: looks at once (SPEC LIVE-3). When it is likely that a
   * server can be reached again, what was waited for is tried now, unless the server itself gave the time.
   */
  nudge(isBack: boolean, nowMs: number): void {
    this.probe(nowMs);
    if (!isBack || this.#deadlines.get('retry') === undefined) return;
    this.backoff.reached = 0;
    this.connect(nowMs);
  }

  /** Asks for a sign of life. */
  probe(nowMs: number): void {
    const state = this.#state;
    if (state.name === 'live' || state.name === 'draining') this.liveness.probe(state.link.pending, nowMs);
  }

  handleTime(bufferedBytes: number, nowMs: number): void {
    for (let due = this.#deadlines.takeDue(nowMs); due; due = this.#deadlines.takeDue(nowMs)) {
      this.#handleDue(due, bufferedBytes, nowMs);
    }
  }

  #handleDue(due: DeadlineName, bufferedBytes: number, nowMs: number): void {
    switch (due) {
      case 'slot':
      case 'retry':
        return this.connect(nowMs);
      case 'connect': {
        const link = this.#rival ?? this.link;
        const what = link?.stage === 'dialing' ? 'address, token or connection' : 'welcome';
        const text = `No ${what} within ${this.#config.connectTimeoutMs} ms.`;
        return link && this.#giveUp(link, { code: 'unreachable', text }, nowMs);
      }
      case 'silence':
        return this.probe(nowMs);
      case 'answer':
        if (this.liveness.isOverdue(bufferedBytes, nowMs)) this.#suspect(nowMs);
        return;
      case 'death':
        return this.link && this.#giveUp(this.link, silent, nowMs);
      case 'stable':
        if (this.backoff.attempt > 0) this.#host.changed();
        return this.backoff.restart(nowMs);
    }
  }

  #suspect(nowMs: number): void {
    this.liveness.doubt(nowMs);
    // One that is draining is left anyway, in its slot.
    if (!this.#leave('suspect', nowMs)) return;
    this.cause = silent;
    this.flight.ended(0, 'timeout', nowMs);
    this.connect(nowMs);
  }

  /** The link in use is to be replaced by another, and serves until then; false when it is so already. */
  #leave(name: 'suspect' | 'draining', nowMs: number): boolean {
    if (this.#state.name !== 'live') return false;
    this.#become({ name, link: this.#state.link, rival: undefined }, nowMs);
    return true;
  }

  #becomeLive(link: Link, nowMs: number): void {
    this.backoff.liveAtMs = nowMs;
    this.#deadlines.clear();
    this.#deadlines.set('stable', nowMs + this.#config.backoff.stableMs);
    this.liveness.expect(nowMs);
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
