import { decode } from '../protocol/codec.ts';
import { closeCodes, closeNameOf } from '../protocol/close-codes.ts';
import { FIRST_WINDOW } from '../protocol/limits.ts';
import type { Position } from '../protocol/position.ts';
import type { Entry, GapReason, WireRecord } from '../protocol/schema.ts';
import { Links, type Cause, type Link, type LinkEffect, type LinksConfig } from './links.ts';
import { Outbox, type OutboxItem } from './outbox.ts';
import type { WireStart } from './server-session.ts';
import { subscribeRecord, Subscriptions } from './subscriptions.ts';

export interface ClientSessionConfig extends LinksConfig {
  /** What an earlier life of this client left behind. */
  restored?: RestoredSession | undefined;
}

export interface RestoredSession {
  resumeToken: string;
  node: string;
  /** The last sequence given, and the last that may have reached the server. */
  sequence: number;
  sequenceSent: number;
  /** Requests and connections of this life are numbered from here, above those of earlier lives. */
  firstNumber: number;
  publishes: readonly OutboxItem<never>[];
}

export type ClientInput<Caller> =
  | { type: 'connect' }
  | { type: 'close' }
  | { type: 'opened'; link: number; token: string }
  /** `final` when trying again can't help. */
  | { type: 'dial-failed'; link: number; cause: Cause; final: boolean }
  | { type: 'bytes'; link: number; bytes: Uint8Array }
  | { type: 'lost'; link: number; code: number; reason: string }
  | { type: 'subscribe'; subscription: number; topic: string; start: WireStart }
  | { type: 'unsubscribe' | 'hold' | 'release'; subscription: number }
  /** The item's id is given here. */
  | { type: 'publish' | 'request'; item: OutboxItem<Caller> }
  /** Nobody waits for the reply any more. */
  | { type: 'abandon'; request: number }
  | { type: 'signal'; topic: string; payload: Uint8Array }
  | { type: 'token'; token: string }
  | { type: 'probe' }
  /** `bufferedBytes`: what the sockets have not yet sent. */
  | { type: 'time'; bufferedBytes: number };

export type ClientEffect<Caller> =
  | LinkEffect
  /** What the next life would want to know has changed. */
  | { type: 'session' }
  | { type: 'subscribed'; subscription: number; position: Position }
  | { type: 'refused'; subscription: number; code: string; text: string }
  | { type: 'messages'; subscription: number; epoch: number; entries: readonly Entry[] }
  | { type: 'gap'; subscription: number; from: Position; to: Position; reason: GapReason }
  | { type: 'signaled'; subscription: number; payload: Uint8Array }
  /** A publish or request has its answer. */
  | { type: 'answered'; item: OutboxItem<Caller>; answer: Position | Uint8Array }
  | { type: 'failed'; item: OutboxItem<Caller>; code: string; text: string }
  | { type: 'token-wanted' };

/** Room in a WebSocket message beside one payload: its record's other fields. */
const RECORD_OVERHEAD_BYTES = 600;
/** Replies are confirmed with the next request, or after this long when none follows. */
const FINISHED_DELAY_MS = 1_000;

/**
 * A client's session, sans-IO: what was published, asked and subscribed to, over however many connections it
 * takes. `handle` takes what happened, `takeEffects` gives what to do. The connections themselves are `Links`'.
 */
export class ClientSession<Caller = unknown> {
  readonly publish = new Outbox<Caller>();
  readonly request = new Outbox<Caller>();
  readonly links: Links;
  resumeToken = '';
  node = '';
  messageBytesMax = 1_048_576;
  private readonly subscriptions = new Subscriptions();
  private effects: ClientEffect<Caller>[] = [];
  private window = FIRST_WINDOW;
  /** After a "too big" nothing is pipelined until the welcome has said what the limit is (SPEC HELLO-4). */
  private cautious = false;
  private finishedTold = 0;
  private finishedAtMs: number | undefined;

  constructor(config: ClientSessionConfig) {
    this.links = new Links(config, (effect) => this.push(effect));
    const { restored } = config;
    if (!restored) return;
    this.resumeToken = restored.resumeToken;
    this.node = restored.node;
    this.links.count = restored.firstNumber;
    this.request.lastId = this.request.sentThrough = restored.firstNumber;
    this.publish.lastId = restored.sequence;
    this.publish.sentThrough = restored.sequenceSent;
    for (const item of restored.publishes) this.publish.add(item);
  }

  takeEffects(): readonly ClientEffect<Caller>[] {
    const taken = this.effects;
    if (taken.length > 0) this.effects = [];
    return taken;
  }

  nextDeadlineMs(): number | undefined {
    const deadline = Math.min(this.links.nextDeadlineMs() ?? Infinity, this.finishedAtMs ?? Infinity);
    return deadline === Infinity ? undefined : deadline;
  }

  handle(input: ClientInput<Caller>, nowMs: number): void {
    const { links } = this;
    switch (input.type) {
      case 'connect':
        return links.connect(nowMs);
      case 'close':
        return links.finish(
          'closed',
          { code: 'closed', text: 'The application closed the connection.' },
          nowMs,
        );
      case 'opened':
        return this.handleOpened(input.link, input.token, nowMs);
      case 'dial-failed':
        return input.final
          ? links.finish('failed', input.cause, nowMs)
          : links.lost(input.link, input.cause, nowMs);
      case 'bytes':
        return this.handleBytes(input.link, input.bytes, nowMs);
      case 'lost':
        if (closeNameOf(input.code) === 'too-big') this.cautious = true;
        return links.closed(input.link, input.code, input.reason, nowMs);
      case 'subscribe':
        return this.send(
          subscribeRecord(this.subscriptions.add(input.subscription, input.topic, input.start)),
        );
      case 'unsubscribe':
        this.subscriptions.remove(input.subscription);
        return this.send({ type: 'unsubscribe', subscription: input.subscription });
      case 'hold':
      case 'release':
        return this.handleHold(input.subscription, input.type === 'hold');
      case 'publish':
      case 'request': {
        const { item } = input;
        const outbox = this[input.type];
        item.id = outbox.lastId + 1;
        outbox.add(item);
        return this.flush(nowMs);
      }
      case 'abandon':
        return void this.request.remove(input.request);
      case 'signal':
        if (links.phase === 'live') this.send({ type: 'signal', topic: input.topic, payload: input.payload });
        return;
      case 'token':
        return this.send({ type: 'token', token: input.token });
      case 'probe':
        return links.probe(nowMs);
      case 'time':
        links.handleTime(input.bufferedBytes, nowMs);
        if (this.finishedAtMs !== undefined && nowMs >= this.finishedAtMs) this.tellFinished();
    }
  }

  private handleOpened(id: number, token: string, nowMs: number): void {
    const link = this.links.opened(id, nowMs);
    if (!link) return;
    this.publish.restart();
    this.request.restart();
    const { sentThrough: sequenceSent } = this.publish;
    const { sentThrough: requestSent } = this.request;
    const { resumeToken, node } = this;
    const hello = { connection: link.id, resumeToken, token, node, sequenceSent, requestSent };
    this.sendOn(link, { type: 'hello', ...hello });
    if (!this.cautious) this.sendAll(link, nowMs);
  }

  /** What a new connection begins with, right after the hello (SPEC HELLO-2). */
  private sendAll(link: Link, nowMs: number): void {
    for (const record of this.subscriptions.requests()) this.sendOn(link, record);
    this.flush(nowMs);
  }

  private handleWelcome(link: Link, welcome: WireRecord<'welcome'>, nowMs: number): void {
    if (!this.links.welcomed(link, welcome, nowMs)) return;
    this.resumeToken = welcome.resumeToken;
    this.node = welcome.node;
    this.messageBytesMax = welcome.messageBytesMax;
    this.window = welcome.window;
    this.push({ type: 'session' });
    const { cautious } = this;
    this.cautious = false;
    if (cautious) this.sendAll(link, nowMs);
    else this.flush(nowMs);
  }

  // ── Records ──────────────────────────────────────────────────────────────────────────────────────────────

  private handleBytes(id: number, bytes: Uint8Array, nowMs: number): void {
    const link = this.links.find(id);
    if (!link) return;
    const records = decode(bytes);
    if (typeof records === 'string') {
      this.push({ type: 'drop', link: id, code: closeCodes['protocol-error'].code });
      const text = `The server sent a message that could not be decoded: ${records}.`;
      return this.links.lost(id, { code: 'protocol-error', text }, nowMs);
    }
    this.links.heard(link, nowMs);
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
        this.answer(this.request.remove(record.request), record.payload, nowMs);
        return;
      case 'published': {
        const { sequence, epoch, offset } = record;
        return this.answer(this.publish.remove(sequence), { epoch, offset }, nowMs);
      }
      case 'failed':
        return this.handleFailed(record, nowMs);
      case 'welcome':
        return this.handleWelcome(link, record, nowMs);
      case 'subscribed':
        if (this.subscriptions.place(link.aliases, record)) {
          const { subscription, epoch, offset } = record;
          this.push({ type: 'subscribed', subscription, position: { epoch, offset } });
        }
        return;
      case 'gap': {
        const gap = this.subscriptions.acceptGap(record);
        if (gap === 'stale') this.askAgain(record.subscription);
        else if (gap) this.push({ type: 'gap', subscription: record.subscription, ...gap });
        return;
      }
      case 'signaled':
        for (const { id } of link.aliases.get(record.alias) ?? []) {
          this.push({ type: 'signaled', subscription: id, payload: record.payload });
        }
        return;
      case 'ping':
        // Answered here, in the receive callback, because a background tab's timers may sleep (SPEC LIVE-2).
        this.sendOn(link, { type: 'pong', id: record.id });
        for (const { id } of this.subscriptions.behind(link.aliases, record.tops)) this.askAgain(id);
        return;
      case 'pong':
        return this.links.ponged(record.id, nowMs);
      case 'resume-token':
        this.resumeToken = record.resumeToken;
        return this.push({ type: 'session' });
      case 'token-wanted':
        return this.push({ type: 'token-wanted' });
      case 'go-away':
        return this.links.goAway(link, record, nowMs);
      default:
        // Records of the client's own kind make no sense from a server, and do no harm.
        return;
    }
  }

  /** Takes a subscription off the wire, or puts it back on from where its cursor stands (SPEC FLOW-5). */
  private handleHold(id: number, held: boolean): void {
    const cursor = this.subscriptions.get(id);
    if (!cursor || cursor.held === held) return;
    cursor.held = held;
    this.send(held ? { type: 'unsubscribe', subscription: id } : subscribeRecord(cursor));
  }

  private askAgain(id: number): void {
    this.handleHold(id, true);
    this.handleHold(id, false);
  }

  // ── Sending ──────────────────────────────────────────────────────────────────────────────────────────────

  /** Sends what waits, within the window, and asks for a sign of life with it. */
  private flush(nowMs: number): void {
    const link = this.ready;
    if (!link) return;
    let sent = false;
    for (const type of ['publish', 'request'] as const) {
      for (const item of this[type].takeSendable(this.window, this.sendableThrough(type, link))) {
        sent = true;
        const { id, name, payload } = item;
        if (this.isTooBig(payload)) this.refuseTooBig(this[type].remove(id)!);
        else if (type === 'publish') this.sendOn(link, { type, sequence: id, topic: name, payload });
        else this.sendOn(link, { type, request: id, finished: this.finish(), method: name, payload });
      }
    }
    if (sent) this.links.probeAlong(nowMs);
  }

  /**
   * A request that was never sent waits for the welcome, unless there was none yet: were this link lost before
   * its welcome, the next hello would name the node before this one, which never saw the request (SPEC REQ-5).
   */
  private sendableThrough(type: 'publish' | 'request', link: Link): number {
    return type === 'publish' || link.stage === 'live' || this.node === ''
      ? Infinity
      : this.request.sentThrough;
  }

  private refuseTooBig(item: OutboxItem<Caller>): void {
    this.push({ type: 'failed', item, code: 'too-big', text: this.tooBigText(item.payload) });
  }

  /** An answer came, which makes room in the window. Nothing happens when nobody waits for it any more. */
  private answer(item: OutboxItem<Caller> | undefined, answer: Position | Uint8Array, nowMs: number): void {
    if (item) this.push({ type: 'answered', item, answer });
    this.answered(nowMs);
  }

  private answered(nowMs: number): void {
    this.finishedAtMs ??= nowMs + FINISHED_DELAY_MS;
    this.flush(nowMs);
  }

  private handleFailed({ operation, id, code, text }: WireRecord<'failed'>, nowMs: number): void {
    if (operation === 'subscribe') {
      this.subscriptions.remove(id);
      return this.push({ type: 'refused', subscription: id, code, text });
    }
    const item = this[operation].remove(id);
    if (item) this.push({ type: 'failed', item, code, text });
    this.answered(nowMs);
  }

  /** The requests whose replies the server need not keep any more (SPEC REQ-3). */
  private finish(): number {
    this.finishedTold = this.request.answeredBelow;
    return this.finishedTold;
  }

  /** Confirms replies when no request follows that would. */
  private tellFinished(): void {
    this.finishedAtMs = undefined;
    if (this.request.answeredBelow > Math.max(1, this.finishedTold))
      this.send({ type: 'finished', finished: this.finish() });
  }

  isTooBig(payload: Uint8Array): boolean {
    return payload.length + RECORD_OVERHEAD_BYTES > this.messageBytesMax;
  }

  tooBigText({ length }: Uint8Array): string {
    return `The payload has ${length} bytes, and the server takes messages of at most ${this.messageBytesMax}. Split it, or raise limits.messageBytesMax there.`;
  }

  /** The link that takes records now. */
  private get ready(): Link | undefined {
    const link = this.links.out;
    return link?.stage === 'greeting' && this.cautious ? undefined : link;
  }

  /** Sends now or never: whoever must be heard later is asked again at the next hello. */
  private send(record: WireRecord): void {
    const link = this.ready;
    if (link) this.sendOn(link, record);
  }

  private sendOn({ id: link }: Link, record: WireRecord): void {
    this.push({ type: 'send', link, record });
  }

  private push(effect: ClientEffect<Caller>): void {
    this.effects.push(effect);
  }
}
