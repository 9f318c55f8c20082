import { decode } from '../protocol/codec.ts';
import { closeCodes, closeNameOf } from '../protocol/close-codes.ts';
import { FIRST_WINDOW, RECORD_OVERHEAD_BYTES } from '../protocol/limits.ts';
import type { Position } from '../protocol/position.ts';
import type { WireRecord } from '../protocol/schema.ts';
import type { Cause, Link, LinksConfig, LinksHost } from './link.ts';
import { Links } from './links.ts';
import { Outbox, type OutboxItem } from './outbox.ts';
import { Subscriptions, type ClientCursor, type ReaderEvent } from './subscriptions.ts';

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

/** What a session asks of its driver. None of these may call back before it returns. */
export interface ClientHost<Caller> extends LinksHost {
  /** A subscription's reader is to be told. */
  read(cursor: ClientCursor, event: ReaderEvent): void;
  /** A publish has its position, a request its reply. */
  answered(item: OutboxItem<Caller>, answer: Position | Uint8Array): void;
  failed(item: OutboxItem<Caller>, code: string, text: string): void;
  /** The server asks for a fresh token, for `renew`. */
  tokenWanted(): void;
}

/** The verdict that says how long a path bears silence. */
const idleCut = 'idle-cut-by-intermediary';

/**
 * A client's session, sans-IO: what was published, asked and subscribed to, over however many connections it
 * takes. It is told what happened, and puts records into its links' `pending`, which leave at the end of the turn;
 * the rest it asks of its host. The connections themselves are `Links`'.
 */
export class ClientSession<Caller = unknown> {
  readonly publish = new Outbox<Caller>();
  readonly request = new Outbox<Caller>();
  readonly links: Links;
  readonly subscriptions: Subscriptions;
  resumeToken = '';
  node = '';
  /** What servers take by default, until the first welcome says what this one does. */
  messageBytesMax = 1_048_576;
  #isSupposed = true;
  #window = FIRST_WINDOW;
  /** After a "too big" nothing is pipelined until the welcome has said what the limit is (SPEC HELLO-4). */
  #cautious = false;
  /** How long nothing had come or gone before the present message. */
  #silentMs = 0;
  readonly #host: ClientHost<Caller>;

  constructor(config: ClientSessionConfig, host: ClientHost<Caller>) {
    this.#host = host;
    this.links = new Links(config, host);
    this.subscriptions = new Subscriptions(host, (record) => this.send(record));
    const { restored } = config;
    if (!restored) return;
    this.resumeToken = restored.resumeToken;
    this.node = restored.node;
    this.links.count = restored.firstNumber;
    this.request.lastId = this.request.sentThrough = restored.firstNumber;
    // Of two that grew from one copy, as a duplicated tab does, neither's publishes pass for the other's (SPEC PUB-2).
    this.publish.lastId = restored.sequence + Math.floor(config.random() * 2 ** 32);
    this.publish.sentThrough = restored.sequenceSent;
    for (const item of restored.publishes) this.publish.add(item);
  }

  // ── Connections ──────────────────────────────────────────────────────────────────────────────────────────

  /** The socket is open: says hello, and everything else with it (SPEC HELLO-2). */
  opened(link: Link, token: string, nowMs: number): void {
    const { links } = this;
    if (!links.opened(link, nowMs)) return;
    // Nothing is refused by a limit that is only supposed, nor sent beyond it.
    const { publish, request } = this;
    link.bare ||=
      this.#cautious || (this.#isSupposed && publish.bytes + request.bytes > this.messageBytesMax);
    link.pending.push({
      type: 'hello',
      connection: link.id,
      resumeToken: this.resumeToken,
      token,
      node: this.node,
      sequenceSent: publish.sentThrough,
      requestSent: request.sentThrough,
    });
    link.sentBefore = [publish.sentThrough, request.sentThrough];
    const flight = links.flight.record(nowMs);
    if (flight) link.pending.push(flight);
    this.#askInterval(link);
    if (!link.bare) this.#sendAll(link, nowMs);
  }

  /** The socket has closed. */
  closed(link: Link, code: number, reason: string, nowMs: number): void {
    const name = closeNameOf(code);
    if (name === 'too-big') this.#cautious = true;
    if (name && code >= 4_000) this.#untake(link);
    this.links.closed(link, code, reason, nowMs);
    if (name === 'superseded' && this.links.phase === 'failed') this.#leave(reason);
    this.flush(nowMs);
  }

  /** Another client goes on with this session, its numbers and its outbox; what is said here later is of a new one (SPEC RES-7). */
  #leave(text: string): void {
    this.resumeToken = '';
    for (const item of this.publish.values()) this.#fail(this.publish, item, 'superseded', text);
  }

  /** Takes an item out of its outbox, and tells its caller why. */
  #fail(outbox: Outbox<Caller>, item: OutboxItem<Caller>, code: string, text: string): void {
    outbox.remove(item.id, true);
    this.#host.failed(item, code, text);
  }

  /** Who turns a client away before the welcome has taken in nothing that came with its hello (SPEC ADM-3). */
  #untake({ stage, sentBefore }: Link): void {
    if (stage === 'greeting' && sentBefore) [this.publish.sentThrough, this.request.sentThrough] = sentBefore;
  }

  /** A link could not be dialled; `isFinal` when trying again can't help, `waitMs` when the server wants nobody before. */
  dialFailed(link: Link, cause: Cause, isFinal: boolean, nowMs: number, waitMs?: number): void {
    this.links.lost(link, cause, nowMs, { isFinal, slotAtMs: waitMs && nowMs + waitMs });
    this.flush(nowMs);
  }

  /** A deadline may be due. `bufferedBytes`: what the sockets have not yet sent. */
  handleTime(bufferedBytes: number, nowMs: number): void {
    this.links.handleTime(bufferedBytes, nowMs);
    this.flush(nowMs);
  }

  /** Asks for the heartbeat that the path bears, where something is known of it (SPEC LIVE-7). */
  #askInterval(link: Link): void {
    const { ms: intervalMs } = link.interval;
    if (intervalMs) link.pending.push({ type: 'heartbeat', intervalMs });
  }

  #sendAll(link: Link, nowMs: number): void {
    this.publish.restart();
    this.request.restart();
    link.pending.push(...this.subscriptions.requests());
    this.flush(nowMs);
  }

  #handleWelcome(link: Link, welcome: WireRecord<'welcome'>, nowMs: number): void {
    if (!this.links.welcomed(link, welcome, nowMs)) return;
    this.resumeToken = welcome.resumeToken;
    this.node = welcome.node;
    this.messageBytesMax = welcome.messageBytesMax;
    this.#isSupposed = false;
    this.#window = welcome.window;
    this.#cautious = false;
    if (!link.bare) return this.flush(nowMs);
    if (!welcome.resumed) this.#forgetSent();
    this.#sendAll(link, nowMs);
  }

  /**
   * A server that has lost the session fails what came along with the hello, because it may have been done before
   * (SPEC RES-4). What would come later it could not tell from new, so it does not come.
   */
  #forgetSent(): void {
    for (const outbox of [this.publish, this.request]) {
      outbox.restart();
      for (const item of outbox.takeSendable(Infinity, outbox.sentThrough)) {
        // What is too big is known not to have been done; it goes the usual way.
        if (this.tooBig(item.payload)) continue;
        this.#fail(outbox, item, 'outcome-unknown', 'The session was lost with this under way.');
      }
    }
  }

  // ── Receiving ────────────────────────────────────────────────────────────────────────────────────────────

  /** One WebSocket message. */
  receive(link: Link, bytes: Uint8Array, nowMs: number): void {
    if (!this.links.has(link)) return;
    const records = decode(bytes);
    if (typeof records === 'string') {
      this.#host.drop(link, closeCodes['protocol-error'].code);
      const text = `The server sent what is no message: ${records}.`;
      return this.links.lost(link, { code: 'protocol-error', text }, nowMs);
    }
    const { inMs, outMs } = this.links.flight;
    this.#silentMs = nowMs - Math.max(inMs, outMs);
    const isHeartbeat = records.every(({ type }) => type === 'ping');
    this.links.heard(link, isHeartbeat, nowMs);
    // What the server says behind a go-away is as unheard as what it says later (SPEC LIVE-5).
    for (const record of records) if (this.links.has(link)) this.#handleRecord(link, record, nowMs);
  }

  #handleRecord(link: Link, record: WireRecord, nowMs: number): void {
    const { liveness, flight } = this.links;
    switch (record.type) {
      case 'messages':
      case 'signaled':
      case 'subscribed':
      case 'gap':
        return this.subscriptions.handle(link.aliases, record);
      case 'published': {
        const { sequence, epoch, offset } = record;
        return this.#answer('publish', sequence, { epoch, offset }, nowMs);
      }
      case 'reply':
        return this.#answer('request', record.request, record.payload, nowMs);
      case 'failed':
        if (record.operation === 'subscribe') return this.subscriptions.handle(link.aliases, record);
        return this.#answer(record.operation, record.id, record, nowMs);
      case 'welcome':
        return this.#handleWelcome(link, record, nowMs);
      case 'ping':
        // Answered here, in the receive callback, because a background tab's timers may sleep (SPEC LIVE-2).
        link.pending.push({ type: 'pong', id: record.id, finished: this.request.answeredBelow });
        if (liveness.interval.held(this.#silentMs, liveness.heartbeatMs)) this.#askInterval(link);
        return this.subscriptions.compare(link.aliases, record.tops);
      case 'pong':
        return this.links.ponged(link, record.id, nowMs);
      case 'resume-token':
        this.resumeToken = record.resumeToken;
        return;
      case 'token-wanted':
        return this.#host.tokenWanted();
      case 'go-away':
        this.#untake(link);
        this.links.goAway(link, record, nowMs);
        return this.flush(nowMs);
      case 'return-window':
        this.links.backoff.windowMs = record.returnWindowMs;
        return;
      case 'cause':
        // To be told "unknown" explains less than what the client noticed itself.
        if (record.id !== 'unknown') this.links.explained(record);
        if (record.id === idleCut && liveness.formerInterval.cut(flight.silentMs)) this.#askInterval(link);
        return;
      // Records of the client's own kind make no sense from a server, and do no harm.
    }
  }

  /** An answer makes room in the window, also when nobody waits for it any more. */
  #answer(
    type: 'publish' | 'request',
    id: number,
    answer: Position | Uint8Array | WireRecord<'failed'>,
    nowMs: number,
  ): void {
    const item = this[type].remove(id, true);
    if (item && 'code' in answer) this.#host.failed(item, answer.code, answer.text);
    else if (item) this.#host.answered(item, answer as Position | Uint8Array);
    this.flush(nowMs);
  }

  // ── Sending ──────────────────────────────────────────────────────────────────────────────────────────────

  /** Takes in a publish or a request, and gives it its id. */
  add(type: 'publish' | 'request', item: OutboxItem<Caller>, nowMs: number): void {
    item.id = this[type].lastId + 1;
    this[type].add(item);
    this.flush(nowMs);
  }

  /** Ephemeral: what can't be sent now never is (SPEC SIG-1). */
  signal(topic: string, payload: Uint8Array): void {
    const { phase } = this.links;
    if (phase === 'live' || phase === 'draining') this.send({ type: 'signal', topic, payload });
  }

  /** Sends a record now or never: whoever must be heard later is asked again at the next hello. */
  send(record: WireRecord): void {
    this.#ready?.pending.push(record);
  }

  /** Sends what waits, within the window, and asks for a sign of life with it. */
  flush(nowMs: number): void {
    const link = this.#ready;
    // A session that may be on its way to a rival gets nothing new, which it would not know of.
    if (!link || this.links.isMoving) return;
    let sent = false;
    for (const type of ['publish', 'request'] as const) {
      for (const item of this[type].takeSendable(this.#window, this.#sendableThrough(type, link))) {
        const { id, name, payload } = item;
        const tooBig = this.tooBig(payload);
        if (tooBig) {
          this.#fail(this[type], item, 'too-big', tooBig);
          continue;
        }
        sent = true;
        const { answeredBelow: finished } = this.request;
        link.pending.push(
          type === 'publish'
            ? { type, sequence: id, topic: name, payload }
            : { type, request: id, finished, method: name, payload },
        );
      }
    }
    if (sent && link.stage === 'live') this.links.liveness.probeAlong(link.pending, nowMs);
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

  /** Why a payload can't be sent, if it can't. */
  tooBig({ length }: Uint8Array): string | undefined {
    if (this.#isSupposed || length + RECORD_OVERHEAD_BYTES <= this.messageBytesMax) return undefined;
    return `The payload has ${length} bytes, and a message to the server has at most ${this.messageBytesMax}. Split it, or raise limits.messageBytesMax.`;
  }

  /** The link that takes records now. */
  get #ready(): Link | undefined {
    const { link } = this.links;
    return link?.stage === 'live' || (link?.stage === 'greeting' && !link.bare) ? link : undefined;
  }
}
