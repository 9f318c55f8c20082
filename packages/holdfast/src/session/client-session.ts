import { decode } from '../protocol/codec.ts';
import { closeCodes, closeNameOf } from '../protocol/close-codes.ts';
import { FIRST_WINDOW } from '../protocol/limits.ts';
import type { Position } from '../protocol/position.ts';
import type { WireRecord } from '../protocol/schema.ts';
import { Links, type Cause, type Link, type LinkEffect, type LinksConfig } from './links.ts';
import { Outbox, type OutboxItem } from './outbox.ts';
import { Subscriptions, type ClientCursor, type Reader, type ReaderEvent } from './subscriptions.ts';

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
  /** The cursor's id is given here. */
  | { type: 'subscribe' | 'unsubscribe' | 'hold' | 'release'; cursor: ClientCursor }
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
  | { type: 'read'; cursor: ClientCursor; event: ReaderEvent }
  /** A publish or request has its answer. */
  | { type: 'answered'; item: OutboxItem<Caller>; answer: Position | Uint8Array }
  | { type: 'failed'; item: OutboxItem<Caller>; code: string; text: string }
  | { type: 'token-wanted' };

/** Room in a WebSocket message beside one payload: its record's other fields. */
const RECORD_OVERHEAD_BYTES = 600;

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
  readonly #subscriptions = new Subscriptions(
    (cursor, event) => this.#push({ type: 'read', cursor, event }),
    (record) => this.#send(record),
  );
  #effects: ClientEffect<Caller>[] = [];
  #window = FIRST_WINDOW;
  /** After a "too big" nothing is pipelined until the welcome has said what the limit is (SPEC HELLO-4). */
  #cautious = false;

  constructor(config: ClientSessionConfig) {
    this.links = new Links(config, (effect) => this.#push(effect));
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

  get readers(): Reader[] {
    return this.#subscriptions.readers;
  }

  takeEffects(): readonly ClientEffect<Caller>[] {
    const taken = this.#effects;
    if (taken.length > 0) this.#effects = [];
    return taken;
  }

  nextDeadlineMs(): number | undefined {
    return this.links.nextDeadlineMs();
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
        return this.#handleOpened(input.link, input.token, nowMs);
      case 'dial-failed':
        return input.final
          ? links.finish('failed', input.cause, nowMs)
          : links.lost(input.link, input.cause, nowMs);
      case 'bytes':
        return this.#handleBytes(input.link, input.bytes, nowMs);
      case 'lost':
        if (closeNameOf(input.code) === 'too-big') this.#cautious = true;
        return links.closed(input.link, input.code, input.reason, nowMs);
      case 'subscribe':
      case 'unsubscribe':
        return this.#subscriptions[input.type](input.cursor);
      case 'hold':
      case 'release':
        return this.#subscriptions.hold(input.cursor, input.type === 'hold');
      case 'publish':
      case 'request': {
        const { item } = input;
        const outbox = this[input.type];
        item.id = outbox.lastId + 1;
        outbox.add(item);
        return this.#flush(nowMs);
      }
      case 'abandon':
        return void this.request.remove(input.request);
      case 'signal':
        if (links.phase === 'live')
          this.#send({ type: 'signal', topic: input.topic, payload: input.payload });
        return;
      case 'token':
        return this.#send({ type: 'token', token: input.token });
      case 'probe':
        return links.probe(nowMs);
      case 'time':
        return links.handleTime(input.bufferedBytes, nowMs);
    }
  }

  #handleOpened(id: number, token: string, nowMs: number): void {
    const link = this.links.opened(id, nowMs);
    if (!link) return;
    this.publish.restart();
    this.request.restart();
    const { sentThrough: sequenceSent } = this.publish;
    const { sentThrough: requestSent } = this.request;
    const { resumeToken, node } = this;
    const hello = { connection: link.id, resumeToken, token, node, sequenceSent, requestSent };
    this.#sendOn(link, { type: 'hello', ...hello });
    if (!this.#cautious) this.#sendAll(link, nowMs);
  }

  /** What a new connection begins with, right after the hello (SPEC HELLO-2). */
  #sendAll(link: Link, nowMs: number): void {
    for (const record of this.#subscriptions.requests()) this.#sendOn(link, record);
    this.#flush(nowMs);
  }

  #handleWelcome(link: Link, welcome: WireRecord<'welcome'>, nowMs: number): void {
    if (!this.links.welcomed(link, welcome, nowMs)) return;
    this.resumeToken = welcome.resumeToken;
    this.node = welcome.node;
    this.messageBytesMax = welcome.messageBytesMax;
    this.#window = welcome.window;
    this.#push({ type: 'session' });
    const cautious = this.#cautious;
    this.#cautious = false;
    if (cautious) this.#sendAll(link, nowMs);
    else this.#flush(nowMs);
  }

  // ── Records ──────────────────────────────────────────────────────────────────────────────────────────────

  #handleBytes(id: number, bytes: Uint8Array, nowMs: number): void {
    const link = this.links.find(id);
    if (!link) return;
    const records = decode(bytes);
    if (typeof records === 'string') {
      this.#push({ type: 'drop', link: id, code: closeCodes['protocol-error'].code });
      const text = `The server sent a message that could not be decoded: ${records}.`;
      return this.links.lost(id, { code: 'protocol-error', text }, nowMs);
    }
    this.links.heard(link, nowMs);
    for (const record of records) this.#handleRecord(link, record, nowMs);
  }

  #handleRecord(link: Link, record: WireRecord, nowMs: number): void {
    switch (record.type) {
      case 'messages':
      case 'signaled':
      case 'subscribed':
      case 'gap':
        return this.#subscriptions.handle(link.aliases, record);
      case 'reply':
        return this.#answer(link, 'request', record.request, record.payload, nowMs);
      case 'published': {
        const { sequence, epoch, offset } = record;
        return this.#answer(link, 'publish', sequence, { epoch, offset }, nowMs);
      }
      case 'failed':
        return this.#handleFailed(link, record, nowMs);
      case 'welcome':
        return this.#handleWelcome(link, record, nowMs);
      case 'ping':
        // Answered here, in the receive callback, because a background tab's timers may sleep (SPEC LIVE-2).
        this.#sendOn(link, { type: 'pong', id: record.id, finished: this.request.answeredBelow });
        return this.#subscriptions.compare(link.aliases, record.tops);
      case 'pong':
        return this.links.ponged(record.id, nowMs);
      case 'resume-token':
        this.resumeToken = record.resumeToken;
        return this.#push({ type: 'session' });
      case 'token-wanted':
        return this.#push({ type: 'token-wanted' });
      case 'go-away':
        return this.links.goAway(link, record, nowMs);
      default:
        // Records of the client's own kind make no sense from a server, and do no harm.
        return;
    }
  }

  // ── Sending ──────────────────────────────────────────────────────────────────────────────────────────────

  /** Sends what waits, within the window, and asks for a sign of life with it. */
  #flush(nowMs: number): void {
    const link = this.#ready;
    if (!link) return;
    let sent = false;
    let refused = false;
    for (const type of ['publish', 'request'] as const) {
      for (const item of this[type].takeSendable(this.#window, this.#sendableThrough(type, link))) {
        const { id, name, payload } = item;
        if (this.isTooBig(payload)) {
          refused = true;
          this.#refuseTooBig(this.#takeAnswered(link, type, id)!);
          continue;
        }
        sent = true;
        if (type === 'publish') this.#sendOn(link, { type, sequence: id, topic: name, payload });
        else
          this.#sendOn(link, {
            type,
            request: id,
            finished: this.request.answeredBelow,
            method: name,
            payload,
          });
      }
    }
    if (sent) this.links.probeAlong(nowMs);
    // What was refused made room for others.
    if (refused) this.#flush(nowMs);
  }

  /**
   * A request that was never sent waits for the welcome, unless there was none yet: were this link lost before
   * its welcome, the next hello would name the node before this one, which never saw the request (SPEC REQ-5).
   */
  #sendableThrough(type: 'publish' | 'request', link: Link): number {
    return type === 'publish' || link.stage === 'live' || this.node === ''
      ? Infinity
      : this.request.sentThrough;
  }

  #refuseTooBig(item: OutboxItem<Caller>): void {
    this.#push({ type: 'failed', item, code: 'too-big', text: this.tooBigText(item.payload) });
  }

  #answer(
    link: Link,
    type: 'publish' | 'request',
    id: number,
    answer: Position | Uint8Array,
    nowMs: number,
  ): void {
    const item = this.#takeAnswered(link, type, id);
    if (item) this.#push({ type: 'answered', item, answer });
    this.#flush(nowMs);
  }

  #handleFailed(link: Link, record: WireRecord<'failed'>, nowMs: number): void {
    const { operation, id, code, text } = record;
    if (operation === 'subscribe') return this.#subscriptions.handle(link.aliases, record);
    const item = this.#takeAnswered(link, operation, id);
    if (item) this.#push({ type: 'failed', item, code, text });
    this.#flush(nowMs);
  }

  /** What an answer is for; undefined when nobody waits for it any more. It makes room in its own link's window. */
  #takeAnswered(link: Link, type: 'publish' | 'request', id: number): OutboxItem<Caller> | undefined {
    return this[type].remove(id, link === this.links.out);
  }

  isTooBig(payload: Uint8Array): boolean {
    return payload.length + RECORD_OVERHEAD_BYTES > this.messageBytesMax;
  }

  tooBigText({ length }: Uint8Array): string {
    return `The payload has ${length} bytes, and the server takes messages of at most ${this.messageBytesMax}. Split it, or raise limits.messageBytesMax there.`;
  }

  /** The link that takes records now. */
  get #ready(): Link | undefined {
    const link = this.links.out;
    return link?.stage === 'greeting' && this.#cautious ? undefined : link;
  }

  /** Sends now or never: whoever must be heard later is asked again at the next hello. */
  #send(record: WireRecord): void {
    const link = this.#ready;
    if (link) this.#sendOn(link, record);
  }

  #sendOn({ id: link }: Link, record: WireRecord): void {
    this.#push({ type: 'send', link, record });
  }

  #push(effect: ClientEffect<Caller>): void {
    this.#effects.push(effect);
  }
}
