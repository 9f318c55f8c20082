import { decode } from '../protocol/codec.ts';
import { closeCodes, closeNameOf } from '../protocol/close-codes.ts';
import type { ErrorCode } from '../protocol/error-codes.ts';
import type { Position } from '../protocol/position.ts';
import type { Entry, GapReason, WireRecord } from '../protocol/schema.ts';
import { backoffDelayMs, type BackoffOptions } from './backoff.ts';
import { Deadlines } from './deadlines.ts';
import { Outbox } from './outbox.ts';
import { RoundTrip } from './round-trip.ts';
import type { WireStart } from './server-session.ts';
import { subscribeRecord, Subscriptions, type Aliases } from './subscriptions.ts';

/**
 * A client's session over all its connections, sans-IO: `handle` takes what happened, `takeEffects` gives what
 * to do. A link is one attempt at a connection. At most two exist: the one in use, and a rival that is dialled
 * beside it when it is suspect or the server drains; whichever is live first wins (SPEC LIVE-5).
 *
 *              ┌───────────── retry due ──────────────┐
 *              ▼                                      │
 *   idle ▶ connecting ──welcome──▶ live ──lost──▶ waiting
 *              ▲                  │    ▲              ▲
 *              │ link lost,       ▼    │ rival live,  │
 *              └─ rival takes   suspect│ or bytes     │
 *                 its place     draining ──both lost──┘
 *
 *   any ──close──▶ closed        any ──a reason that no retry mends──▶ failed
 */
type State =
  | { name: 'idle' | 'waiting' | 'closed' | 'failed' }
  | { name: 'connecting' | 'live'; link: Link }
  | { name: 'suspect' | 'draining'; link: Link; rival: Link | undefined };

interface Link {
  readonly id: number;
  stage: 'dialing' | 'greeting' | 'live';
  greetedAtMs: number;
  readonly aliases: Aliases;
}

type DeadlineName = 'retry' | 'connect' | 'rival' | 'silence' | 'answer' | 'death' | 'stable' | 'finished';

export interface ClientSessionConfig {
  backoff: BackoffOptions;
  connectTimeoutMs: number;
  random: () => number;
  /** What an earlier life of this client left behind. */
  restored?: RestoredSession | undefined;
}

export interface RestoredSession {
  resumeToken: string;
  node: string;
  sequence: number;
  sequenceSent: number;
  /** Requests of this life are numbered from here, above those of earlier lives. */
  request: number;
  publishes: readonly PublishItem[];
}

export interface PublishItem {
  id: number;
  topic: string;
  payload: Uint8Array;
}

interface RequestItem {
  id: number;
  method: string;
  payload: Uint8Array;
}

/** Why the connection is not live: a short word, and a sentence for people. */
export interface Cause {
  readonly code: string;
  readonly text: string;
}

export type ClientInput =
  | { type: 'connect' }
  | { type: 'close' }
  | { type: 'opened'; link: number; token: string }
  | { type: 'dial-failed'; link: number; text: string; final?: boolean }
  | { type: 'bytes'; link: number; bytes: Uint8Array }
  | { type: 'lost'; link: number; code: number; reason: string }
  | { type: 'subscribe'; subscription: number; topic: string; start: WireStart }
  | { type: 'unsubscribe'; subscription: number }
  | { type: 'hold' | 'release'; subscription: number }
  | { type: 'publish'; topic: string; payload: Uint8Array }
  | { type: 'request'; method: string; payload: Uint8Array }
  | { type: 'abandon-request'; request: number }
  | { type: 'signal'; topic: string; payload: Uint8Array }
  | { type: 'token'; token: string }
  | { type: 'probe' }
  | { type: 'time'; bufferedBytes: number };

export type ClientEffect =
  | { type: 'dial'; link: number; tokenRejected: boolean }
  | { type: 'drop'; link: number; code: number }
  | { type: 'send'; link: number; record: WireRecord }
  | { type: 'status' }
  | { type: 'session' }
  | { type: 'subscribed'; subscription: number; position: Position }
  | { type: 'subscribe-failed'; subscription: number; code: ErrorCode; text: string }
  | { type: 'messages'; subscription: number; epoch: number; entries: readonly Entry[] }
  | { type: 'gap'; subscription: number; from: Position; to: Position; reason: GapReason }
  | { type: 'signaled'; subscription: number; payload: Uint8Array }
  | { type: 'published'; sequence: number; position: Position }
  | { type: 'publish-failed'; sequence: number; code: ErrorCode; text: string }
  | { type: 'replied'; request: number; payload: Uint8Array }
  | { type: 'request-failed'; request: number; code: ErrorCode; text: string }
  | { type: 'token-wanted' }
  | { type: 'probed'; rttMs: number };

/** A probe accompanies messages that want an answer at most this often (SPEC LIVE-3). */
const PROBE_SPACING_MS = 1_000;
/** Room in a WebSocket message beside one payload: its record's other fields. */
const RECORD_OVERHEAD_BYTES = 600;

export class ClientSession {
  readonly publishes = new Outbox<PublishItem>();
  readonly requests = new Outbox<RequestItem>();
  readonly subscriptions = new Subscriptions();
  readonly roundTrip = new RoundTrip();
  session = '';
  resumeToken = '';
  node = '';
  sequence = 0;
  attempt = 0;
  sinceMs = 0;
  cause: Cause | undefined;
  messageBytesMax = 1_048_576;
  private request = 0;
  private state: State = { name: 'idle' };
  private effects: ClientEffect[] = [];
  private readonly deadlines = new Deadlines<DeadlineName>();
  private links = 0;
  private window = 16;
  private heartbeatMs = 25_000;
  private graceMs = 20_000;
  private returnWindowMs = 0;
  private ping: { id: number; atMs: number } | undefined;
  private pings = 0;
  private lastProbeMs = -Infinity;
  private bufferedBytes = 0;
  private tokenRejected = false;
  /** After a "too big" nothing is pipelined until the welcome has said what the limit is. */
  private cautious = false;
  private finishedTold = 0;
  private readonly config: ClientSessionConfig;

  constructor(config: ClientSessionConfig) {
    this.config = config;
    const { restored } = config;
    if (!restored) return;
    this.resumeToken = restored.resumeToken;
    this.node = restored.node;
    this.sequence = restored.sequence;
    this.request = restored.request;
    this.requests.sentThrough = restored.request;
    this.publishes.sentThrough = restored.sequenceSent;
    for (const item of restored.publishes) this.publishes.add(item);
  }

  get phase(): State['name'] {
    return this.state.name;
  }

  /** The next attempt, while one is scheduled. */
  get retryAtMs(): number | undefined {
    return this.deadlines.get('retry');
  }

  get isLive(): boolean {
    return 'link' in this.state && this.state.link.stage === 'live';
  }

  takeEffects(): readonly ClientEffect[] {
    const taken = this.effects;
    if (taken.length > 0) this.effects = [];
    return taken;
  }

  nextDeadlineMs(): number | undefined {
    return this.deadlines.next();
  }

  handle(input: ClientInput, nowMs: number): void {
    switch (input.type) {
      case 'connect':
        return this.connect(nowMs);
      case 'close':
        return this.finish(
          'closed',
          { code: 'closed', text: 'The application closed the connection.' },
          nowMs,
        );
      case 'opened':
        return this.handleOpened(input.link, input.token, nowMs);
      case 'dial-failed':
        if (input.final) return this.finish('failed', { code: 'unauthorized', text: input.text }, nowMs);
        return this.handleLost(input.link, { code: 'unreachable', text: input.text }, nowMs);
      case 'bytes':
        return this.handleBytes(input.link, input.bytes, nowMs);
      case 'lost':
        return this.handleClosed(input.link, input.code, input.reason, nowMs);
      case 'subscribe': {
        const cursor = this.subscriptions.add(input.subscription, input.topic, input.start);
        return this.sendIfGreeted(subscribeRecord(cursor));
      }
      case 'unsubscribe':
        this.subscriptions.remove(input.subscription);
        return this.sendIfGreeted({ type: 'unsubscribe', subscription: input.subscription });
      case 'hold':
      case 'release':
        return this.handleHold(input.subscription, input.type === 'hold');
      case 'publish':
        this.publishes.add({ id: ++this.sequence, topic: input.topic, payload: input.payload });
        return this.flush(nowMs);
      case 'request':
        this.requests.add({ id: ++this.request, method: input.method, payload: input.payload });
        return this.flush(nowMs);
      case 'abandon-request':
        this.requests.remove(input.request);
        return;
      case 'signal':
        if (this.isLive) this.sendIfGreeted({ type: 'signal', topic: input.topic, payload: input.payload });
        return;
      case 'token':
        return this.sendIfGreeted({ type: 'token', token: input.token });
      case 'probe':
        return this.probe(nowMs);
      case 'time':
        return this.handleTime(input.bufferedBytes, nowMs);
    }
  }

  /** The number that the last `publish` or `request` was given. */
  get lastRequest(): number {
    return this.request;
  }

  // ── Links ────────────────────────────────────────────────────────────────────────────────────────────────

  private connect(nowMs: number): void {
    const { state } = this;
    switch (state.name) {
      case 'idle':
      case 'waiting':
      case 'closed':
      case 'failed':
        return this.dialFirst(nowMs);
      case 'live':
        this.become({ name: 'draining', link: state.link, rival: undefined }, nowMs);
        return this.dialRival(nowMs);
      case 'suspect':
      case 'draining':
        return state.rival ? undefined : this.dialRival(nowMs);
      case 'connecting':
    }
  }

  private dialFirst(nowMs: number): void {
    this.deadlines.clear('retry');
    this.become({ name: 'connecting', link: this.dial() }, nowMs);
    this.deadlines.set('connect', nowMs + this.config.connectTimeoutMs);
  }

  private dialRival(nowMs: number): void {
    if (this.state.name !== 'suspect' && this.state.name !== 'draining') return;
    this.deadlines.clear('retry');
    this.state.rival = this.dial();
    this.deadlines.set('rival', nowMs + this.config.connectTimeoutMs);
    this.push({ type: 'status' });
  }

  private dial(): Link {
    const link: Link = { id: ++this.links, stage: 'dialing', greetedAtMs: 0, aliases: new Map() };
    this.push({ type: 'dial', link: link.id, tokenRejected: this.tokenRejected });
    return link;
  }

  private find(id: number): Link | undefined {
    const { state } = this;
    if ('rival' in state && state.rival?.id === id) return state.rival;
    return 'link' in state && state.link.id === id ? state.link : undefined;
  }

  /** The link that new records go to: a rival, once it has said hello, since the server then turns to it. */
  private get outLink(): Link | undefined {
    const { state } = this;
    if (!('link' in state)) return undefined;
    return 'rival' in state && state.rival && state.rival.stage !== 'dialing' ? state.rival : state.link;
  }

  private handleOpened(id: number, token: string, nowMs: number): void {
    const link = this.find(id);
    if (!link) return;
    link.stage = 'greeting';
    link.greetedAtMs = nowMs;
    this.publishes.restart();
    this.requests.restart();
    this.send(link, {
      type: 'hello',
      resumeToken: this.resumeToken,
      token,
      node: this.node,
      sequenceSent: this.publishes.sentThrough,
      requestSent: this.requests.sentThrough,
    });
    if (!this.cautious) this.sendWaiting(link, nowMs);
  }

  private sendWaiting(link: Link, nowMs: number): void {
    for (const record of this.subscriptions.requests()) this.send(link, record);
    this.flush(nowMs);
  }

  private handleWelcome(link: Link, record: WireRecord<'welcome'>, nowMs: number): void {
    const { state } = this;
    if (!('link' in state) || link.stage !== 'greeting') return;
    if (state.link !== link) this.push({ type: 'drop', link: state.link.id, code: closeCodes.gone.code });
    link.stage = 'live';
    this.roundTrip.sample(nowMs - link.greetedAtMs);
    this.session = record.session;
    this.resumeToken = record.resumeToken;
    this.node = record.node;
    this.messageBytesMax = record.messageBytesMax;
    this.window = record.window;
    this.heartbeatMs = record.heartbeatMs;
    this.graceMs = record.graceMs;
    this.returnWindowMs = record.returnWindowMs;
    this.tokenRejected = false;
    this.ping = undefined;
    this.cause = undefined;
    this.deadlines.clearAll();
    this.deadlines.set('stable', nowMs + this.config.backoff.stableMs);
    this.become({ name: 'live', link }, nowMs);
    this.heard(nowMs);
    this.push({ type: 'session' });
    if (this.cautious) {
      this.cautious = false;
      this.sendWaiting(link, nowMs);
    } else this.flush(nowMs);
  }

  private handleClosed(id: number, code: number, reason: string, nowMs: number): void {
    const name = closeNameOf(code);
    if (!this.find(id)) return;
    const cause: Cause = {
      code: name ?? 'lost',
      text: reason || (name ?? `The connection was cut (code ${code}).`),
    };
    if (name === 'too-big') this.cautious = true;
    const retry = name ? closeCodes[name].retry : 'backoff';
    const isRival = 'rival' in this.state && this.state.rival?.id === id;
    // A rival that is superseding this very link is the reason for its end; a plain 1000 is a proxy's or a
    // server's shutdown, since our own close has already left this state.
    if (name === 'superseded' && !isRival && this.outLink?.id !== id)
      return this.handleLost(id, cause, nowMs);
    if (retry === 'token' && !this.tokenRejected) this.tokenRejected = true;
    else if (retry === 'token' || (retry === 'never' && name !== 'closed'))
      return this.finish('failed', cause, nowMs);
    this.handleLost(id, cause, nowMs);
  }

  private handleLost(id: number, cause: Cause, nowMs: number): void {
    const { state } = this;
    if (!this.find(id) || !('link' in state)) return;
    this.cause = cause;
    if ('rival' in state && state.rival) {
      const { link, rival } = state;
      if (rival.id === id && rival.stage === 'dialing') {
        state.rival = undefined;
        this.deadlines.clear('rival');
        return this.scheduleRetry(nowMs);
      }
      if (link.id === id) {
        // The rival goes on alone.
        this.deadlines.clearAll();
        this.deadlines.set('connect', nowMs + this.config.connectTimeoutMs);
        return this.become({ name: 'connecting', link: rival }, nowMs);
      }
      // The server had already turned to the rival, so the old link is of no use any more.
      this.push({ type: 'drop', link: link.id, code: closeCodes.gone.code });
    }
    const slotAtMs = state.name === 'draining' ? this.deadlines.get('retry') : undefined;
    this.deadlines.clearAll();
    this.become({ name: 'waiting' }, nowMs);
    if (slotAtMs !== undefined) this.deadlines.set('retry', slotAtMs);
    else this.scheduleRetry(nowMs);
  }

  private scheduleRetry(nowMs: number): void {
    const { backoff, random } = this.config;
    this.deadlines.set('retry', nowMs + backoffDelayMs(this.attempt++, backoff, this.returnWindowMs, random));
    this.push({ type: 'status' });
  }

  private finish(name: 'closed' | 'failed', cause: Cause, nowMs: number): void {
    const { state } = this;
    if (state.name === 'closed' || state.name === 'failed') return;
    this.cause = cause;
    if ('rival' in state && state.rival)
      this.push({ type: 'drop', link: state.rival.id, code: closeCodes.gone.code });
    if ('link' in state) this.push({ type: 'drop', link: state.link.id, code: closeCodes.closed.code });
    this.deadlines.clearAll();
    this.attempt = 0;
    this.become({ name }, nowMs);
  }

  // ── Time ─────────────────────────────────────────────────────────────────────────────────────────────────

  private handleTime(bufferedBytes: number, nowMs: number): void {
    const progressed = bufferedBytes > 0 && bufferedBytes < this.bufferedBytes;
    this.bufferedBytes = bufferedBytes;
    for (let due = this.deadlines.takeDue(nowMs); due; due = this.deadlines.takeDue(nowMs)) {
      this.handleDue(due, progressed, nowMs);
    }
  }

  private handleDue(due: DeadlineName, progressed: boolean, nowMs: number): void {
    const { state } = this;
    switch (due) {
      case 'retry':
        return this.connect(nowMs);
      case 'connect':
      case 'rival': {
        const link =
          due === 'rival' && 'rival' in state ? state.rival : 'link' in state ? state.link : undefined;
        if (!link) return;
        const text = `No answer within ${this.config.connectTimeoutMs} ms of dialling.`;
        this.push({ type: 'drop', link: link.id, code: closeCodes.gone.code });
        return this.handleLost(link.id, { code: 'unreachable', text }, nowMs);
      }
      case 'silence':
        return this.probe(nowMs);
      case 'answer':
        // A slow link that still delivers, here outwards, is not dead (SPEC LIVE-1).
        if (progressed) this.deadlines.set('answer', nowMs + this.roundTrip.timeoutMs);
        else this.suspect(nowMs);
        return;
      case 'death':
        if (!('rival' in state)) return;
        this.push({ type: 'drop', link: state.link.id, code: closeCodes.gone.code });
        return this.handleLost(state.link.id, silent, nowMs);
      case 'stable':
        this.attempt = 0;
        return;
      case 'finished':
        return this.tellFinished();
    }
  }

  private suspect(nowMs: number): void {
    if (this.state.name !== 'live') return;
    const { link } = this.state;
    this.cause = silent;
    this.deadlines.clear('silence');
    this.deadlines.set('death', nowMs + this.graceMs);
    this.become({ name: 'suspect', link, rival: undefined }, nowMs);
    this.dialRival(nowMs);
  }

  /** Any byte proves the peer alive (SPEC LIVE-1). */
  private heard(nowMs: number): void {
    this.deadlines.clear('answer');
    const { state } = this;
    if (state.name === 'live') {
      this.deadlines.set('silence', nowMs + this.heartbeatMs + this.roundTrip.timeoutMs);
    } else if (state.name === 'suspect' && (!state.rival || state.rival.stage === 'dialing')) {
      if (state.rival) this.push({ type: 'drop', link: state.rival.id, code: closeCodes.gone.code });
      for (const name of ['rival', 'retry', 'death'] as const) this.deadlines.clear(name);
      this.cause = undefined;
      this.become({ name: 'live', link: state.link }, nowMs);
      this.deadlines.set('silence', nowMs + this.heartbeatMs + this.roundTrip.timeoutMs);
    }
  }

  private probe(nowMs: number): void {
    if (this.state.name !== 'live') return;
    this.lastProbeMs = nowMs;
    this.ping ??= { id: ++this.pings, atMs: nowMs };
    this.send(this.state.link, { type: 'ping', id: this.ping.id, tops: [] });
    if (this.deadlines.get('answer') === undefined)
      this.deadlines.set('answer', nowMs + this.roundTrip.timeoutMs);
  }

  // ── Records ──────────────────────────────────────────────────────────────────────────────────────────────

  private handleBytes(id: number, bytes: Uint8Array, nowMs: number): void {
    const link = this.find(id);
    if (!link) return;
    const records = decode(bytes);
    if (typeof records === 'string') {
      this.push({ type: 'drop', link: id, code: closeCodes['protocol-error'].code });
      const text = `The server sent a message that could not be decoded: ${records}.`;
      return this.handleLost(id, { code: 'protocol-error', text }, nowMs);
    }
    const { state } = this;
    if ('link' in state && state.link === link) this.heard(nowMs);
    for (const record of records) this.handleRecord(link, record, nowMs);
  }

  private handleRecord(link: Link, record: WireRecord, nowMs: number): void {
    switch (record.type) {
      case 'messages':
        for (const cursor of link.aliases.get(record.alias) ?? []) {
          const entries = this.subscriptions.accept(cursor, record);
          if (entries.length > 0) {
            this.push({ type: 'messages', subscription: cursor.id, epoch: record.epoch, entries });
          }
        }
        return;
      case 'reply':
        if (this.answerRequest(record.request, nowMs)) {
          this.push({ type: 'replied', request: record.request, payload: record.payload });
        }
        return;
      case 'request-failed':
        if (this.answerRequest(record.request, nowMs)) {
          this.push({ ...record, code: record.code as ErrorCode });
        }
        return;
      case 'published': {
        const { sequence, epoch, offset } = record;
        if (this.publishes.remove(sequence))
          this.push({ type: 'published', sequence, position: { epoch, offset } });
        return this.flush(nowMs);
      }
      case 'publish-failed':
        if (this.publishes.remove(record.sequence)) this.push({ ...record, code: record.code as ErrorCode });
        return this.flush(nowMs);
      case 'welcome':
        return this.handleWelcome(link, record, nowMs);
      case 'subscribed':
        if (this.subscriptions.place(link.aliases, record)) {
          const { subscription, epoch, offset } = record;
          this.push({ type: 'subscribed', subscription, position: { epoch, offset } });
        }
        return;
      case 'subscribe-failed':
        this.subscriptions.remove(record.subscription);
        return this.push({ ...record, code: record.code as ErrorCode });
      case 'gap': {
        const gap = this.subscriptions.acceptGap(record);
        if (gap) this.push({ type: 'gap', subscription: record.subscription, ...gap });
        return;
      }
      case 'signaled':
        for (const { id } of link.aliases.get(record.alias) ?? []) {
          this.push({ type: 'signaled', subscription: id, payload: record.payload });
        }
        return;
      case 'ping':
        // Answered here, in the receive callback, because a background tab's timers may sleep (SPEC LIVE-2).
        this.send(link, { type: 'pong', id: record.id });
        for (const cursor of this.subscriptions.behind(link.aliases, record.tops)) {
          this.handleHold(cursor.id, true);
          this.handleHold(cursor.id, false);
        }
        return;
      case 'pong':
        return this.handlePong(record.id, nowMs);
      case 'resume-token':
        this.resumeToken = record.resumeToken;
        return this.push({ type: 'session' });
      case 'token-wanted':
        return this.push({ type: 'token-wanted' });
      case 'go-away':
        return this.handleGoAway(link, record, nowMs);
      default:
        // Records of the client's own kind make no sense from a server, and do no harm.
        return;
    }
  }

  private handlePong(id: number, nowMs: number): void {
    if (this.ping?.id !== id) return;
    const rttMs = nowMs - this.ping.atMs;
    this.roundTrip.sample(rttMs);
    this.ping = undefined;
    this.push({ type: 'probed', rttMs });
  }

  private handleGoAway(link: Link, record: WireRecord<'go-away'>, nowMs: number): void {
    this.cause = { code: 'going-away', text: record.reason };
    if (this.state.name === 'live' || this.state.name === 'connecting') {
      this.become({ name: 'draining', link, rival: undefined }, nowMs);
    }
    if (this.state.name === 'draining') this.deadlines.set('retry', nowMs + record.reconnectInMs);
  }

  private handleHold(id: number, held: boolean): void {
    const cursor = this.subscriptions.get(id);
    if (!cursor || cursor.held === held) return;
    cursor.held = held;
    this.sendIfGreeted(held ? { type: 'unsubscribe', subscription: id } : subscribeRecord(cursor));
  }

  // ── Sending ──────────────────────────────────────────────────────────────────────────────────────────────

  /** Sends what waits, within the window, and asks for a sign of life with it (SPEC LIVE-3). */
  private flush(nowMs: number): void {
    const link = this.outLink;
    if (!link || link.stage === 'dialing' || (this.cautious && link.stage !== 'live')) return;
    let sent = false;
    for (const { id, topic, payload } of this.publishes.takeSendable(this.window)) {
      if (this.isTooBig(payload)) {
        this.publishes.remove(id);
        this.push({ type: 'publish-failed', sequence: id, code: 'too-big', text: this.tooBigText(payload) });
        continue;
      }
      this.send(link, { type: 'publish', sequence: id, topic, payload });
      sent = true;
    }
    for (const { id, method, payload } of this.requests.takeSendable(this.window)) {
      if (this.isTooBig(payload)) {
        this.requests.remove(id);
        this.push({ type: 'request-failed', request: id, code: 'too-big', text: this.tooBigText(payload) });
        continue;
      }
      this.finishedTold = this.requests.oldest ?? id;
      this.send(link, { type: 'request', request: id, finished: this.finishedTold, method, payload });
      sent = true;
    }
    if (sent && nowMs >= this.lastProbeMs + PROBE_SPACING_MS) this.probe(nowMs);
  }

  private answerRequest(request: number, nowMs: number): boolean {
    const awaited = this.requests.remove(request);
    // Told with the next request, or by itself when none follows, so that the server need not keep the reply.
    if (this.requests.size === 0) this.deadlines.set('finished', nowMs + PROBE_SPACING_MS);
    else this.flush(nowMs);
    return awaited;
  }

  private tellFinished(): void {
    const finished = this.requests.oldest ?? this.request + 1;
    if (finished === this.finishedTold) return;
    this.finishedTold = finished;
    this.sendIfGreeted({ type: 'finished', finished });
  }

  isTooBig(payload: Uint8Array): boolean {
    return payload.length + RECORD_OVERHEAD_BYTES > this.messageBytesMax;
  }

  tooBigText(payload: Uint8Array): string {
    return `The payload has ${payload.length} bytes, and the server takes messages of at most ${this.messageBytesMax}. Split it, or raise limits.messageBytesMax there.`;
  }

  private sendIfGreeted(record: WireRecord): void {
    const link = this.outLink;
    if (link && link.stage !== 'dialing' && (link.stage === 'live' || !this.cautious))
      this.send(link, record);
  }

  private send(link: Link, record: WireRecord): void {
    this.push({ type: 'send', link: link.id, record });
  }

  private become(state: State, nowMs: number): void {
    if (state.name !== this.state.name) this.sinceMs = nowMs;
    this.state = state;
    this.push({ type: 'status' });
  }

  private push(effect: ClientEffect): void {
    this.effects.push(effect);
  }
}

const silent: Cause = {
  code: 'silent',
  text: 'The server does not answer. A second connection is being tried.',
};
