import { decode } from '../protocol/codec.ts';
import type { CloseName } from '../protocol/close-codes.ts';
import type { ErrorCode } from '../protocol/error-codes.ts';
import { readHot } from '../protocol/hot-records.ts';
import type { Limits } from '../protocol/limits.ts';
import type { Position } from '../protocol/position.ts';
import type { Operation, WireRecord } from '../protocol/schema.ts';
import { Cursors, type CursorsHost } from './cursors.ts';
import type { Outcome } from './reply-book.ts';

/**
 *   awaiting-hello ──hello──▶ greeting ──greeted──▶ live ──▶ closed
 *          └───────────────────┴──── refused, deadline, malformed ──▲
 *
 * While greeting, further records wait: a client sends them together with its hello (SPEC HELLO-2).
 */
type State =
  | { name: 'awaiting-hello' }
  | { name: 'greeting'; hello: WireRecord<'hello'>; waiting: WireRecord[] }
  | { name: 'live' }
  | { name: 'closed' };

export interface ServerSessionConfig {
  limits: Limits;
  heartbeatMs: number;
  graceMs: number;
  /** This process; changes with every start. */
  node: string;
  random: () => number;
}

/** How far a client has got in sending: its last publish, and its last request. */
export interface Sent {
  readonly sequence: number;
  readonly request: number;
}

/** A hello is good. */
export interface Greeting {
  session: string;
  resumeToken: string;
  resumed: boolean;
  /** Up to these, what earlier connections may have sent has an outcome that nobody can know. */
  unknownThrough: Sent;
  returnWindowMs: number;
  /** In parts of `RETURN_PLACES`. */
  returnPlace: number;
}

/** What a session asks of its driver. `greet`, `call` and `open` may be answered before they return. */
export interface ServerHost<Topic> extends CursorsHost<Topic> {
  /** Who is it? Answered by `greeted`, or `close`. */
  greet(hello: WireRecord<'hello'>): void;
  /** It was welcomed: what its client says of the connection before, and the node that this was to. */
  welcomed(node: string, flight: WireRecord<'flight'> | undefined): void;
  /** The client has another credential. */
  renew(token: string): void;
  /** The next deadline may have come nearer. */
  deadlineMoved(): void;
  /** Answered by `appended`, or `appendFailed`. */
  append(publish: WireRecord<'publish'>): void;
  /** Answered by `replied`. */
  call(request: WireRecord<'request'>): void;
  /** The client has the replies of all requests below this one. */
  finish(below: number): void;
  signal(topic: string, payload: Uint8Array): void;
  /** A heartbeat is due. */
  beat(): void;
  /** The connection is over: says why, and closes the socket. */
  hangUp(name: CloseName, text: string): void;
}

/**
 * One connection as the server sees it, sans-IO: it is told what happened, and asks its host for what is to be done.
 * Once it is closed it neither listens nor says anything.
 */
export class ServerSession<Topic = unknown> {
  readonly cursors: Cursors<Topic>;
  /** What the client has sent so far; the driver paces it by that (SPEC FLOW-8). */
  recordsIn = 0;
  private state: State = { name: 'awaiting-hello' };
  /** It was asked to move. */
  wasToldToGo = false;
  /** What is to be said right behind the welcome. */
  private farewell: WireRecord<'go-away'> | undefined;
  private appending = 0;
  private calling = 0;
  /** Of those, the ones whose answers have not left yet. */
  private answered = 0;
  private unknownThrough: Sent = { sequence: 0, request: 0 };
  /** When something last came. */
  lastInMs: number;
  private lastBeatMs: number;
  /** How often it shows itself: as configured, until the client asks for another interval. */
  private heartbeatMs: number;
  private readonly config: ServerSessionConfig;
  private readonly host: ServerHost<Topic>;

  constructor(config: ServerSessionConfig, host: ServerHost<Topic>, nowMs: number) {
    this.config = config;
    this.host = host;
    this.cursors = new Cursors(config.limits, host);
    this.lastInMs = nowMs;
    // First beats are spread at random, so that connections which came together do not beat together.
    this.heartbeatMs = config.heartbeatMs;
    this.lastBeatMs = nowMs - config.random() * config.heartbeatMs;
  }

  get isClosed(): boolean {
    return this.state.name === 'closed';
  }

  get isLive(): boolean {
    return this.state.name === 'live';
  }

  /** It has said hello, and is not welcomed yet: what comes now has to wait. */
  get isGreeting(): boolean {
    return this.state.name === 'greeting';
  }

  // ── Answers of its host ──────────────────────────────────────────────────────────────────────────────────

  greeted({ unknownThrough, ...greeting }: Greeting, nowMs: number): void {
    if (this.state.name !== 'greeting') return;
    const { hello, waiting } = this.state;
    const { limits, heartbeatMs, graceMs, node } = this.config;
    this.state = { name: 'live' };
    this.lastInMs = nowMs;
    this.unknownThrough = unknownThrough;
    const { messageBytesMax, windowMax: window } = limits;
    this.send({ type: 'welcome', ...greeting, node, heartbeatMs, graceMs, messageBytesMax, window });
    if (this.farewell) this.send(this.farewell);
    const flight = waiting[0]?.type === 'flight' ? waiting[0] : undefined;
    this.host.welcomed(hello.node, flight);
    for (const record of waiting) this.handleRecord(record);
  }

  appended(sequence: number, { epoch, offset }: Position): void {
    this.appending--;
    this.send({ type: 'published', sequence, epoch, offset });
  }

  appendFailed(sequence: number, code: ErrorCode, text: string): void {
    this.appending--;
    this.fail('publish', sequence, code, text);
  }

  replied(request: number, outcome: Outcome): void {
    this.answered++;
    if (outcome.ok) this.send({ type: 'reply', request, payload: outcome.payload });
    else this.fail('request', request, outcome.code, outcome.text);
  }

  // ── The server's own wishes ──────────────────────────────────────────────────────────────────────────────

  send(record: WireRecord): void {
    if (!this.isClosed) this.host.send(record);
  }

  /**
   * Asks the client to move at its own time (SPEC DRAIN-1). One that is not welcomed yet hears it behind its welcome:
   * before, it would mean that nothing was taken in (SPEC ADM-3).
   */
  goAway(reconnectInMs: number, reason: string): void {
    this.wasToldToGo = true;
    const record = { type: 'go-away', reconnectInMs, reason } as const;
    if (this.state.name === 'live') this.send(record);
    else this.farewell = record;
  }

  /** Sends away who is not welcomed; the client may come back then (SPEC ADM-3). */
  turnAway(reconnectInMs: number, reason: string, text: string): void {
    this.send({ type: 'go-away', reconnectInMs, reason });
    this.close('overloaded', text);
  }

  close(name: CloseName, text: string): void {
    if (this.isClosed) return;
    this.state = { name: 'closed' };
    this.host.hangUp(name, text);
    this.cursors.end();
  }

  // ── The socket and the clock ─────────────────────────────────────────────────────────────────────────────

  /** The socket has closed. */
  disconnected(): void {
    this.state = { name: 'closed' };
    this.cursors.end();
  }

  /** The socket has room again: the peer took bytes, so it is alive, however slow (SPEC LIVE-1). */
  handleDrain(nowMs: number): void {
    this.lastInMs = nowMs;
    this.cursors.writable = true;
    this.cursors.pump();
  }

  /**
   * What was sent has left. Until then an answered request keeps its place in the window: else requests that come
   * in one turn could make answers without end (SPEC FLOW-4).
   */
  handleFlushed(): void {
    this.calling = Math.max(0, this.calling - this.answered);
    this.answered = 0;
    this.cursors.handleFlushed();
  }

  /** When `handleTime` wants to be called, at the latest. */
  nextDeadlineMs(): number {
    if (this.state.name === 'closed') return Infinity;
    if (this.state.name !== 'live') return this.lastInMs + this.config.limits.helloTimeoutMs;
    return Math.min(this.lastBeatMs + this.heartbeatMs, this.lastInMs + this.silenceMaxMs);
  }

  /** A connection from which nothing came for this long is dead (SPEC LIVE-2). */
  private get silenceMaxMs(): number {
    return this.heartbeatMs + this.config.graceMs;
  }

  /** A deadline may be due. */
  handleTime(nowMs: number): void {
    if (this.state.name !== 'live') {
      if (nowMs >= this.nextDeadlineMs()) {
        const what = this.state.name === 'greeting' ? 'The hello was not authenticated' : 'No hello came';
        this.close('hello-timeout', `${what} within ${this.config.limits.helloTimeoutMs} ms.`);
      }
      return;
    }
    if (nowMs >= this.lastInMs + this.silenceMaxMs) {
      return this.close(
        'heartbeat-timeout',
        `Nothing was received for ${Math.round(this.silenceMaxMs / 1_000)} s.`,
      );
    }
    if (nowMs >= this.lastBeatMs + this.heartbeatMs) {
      this.lastBeatMs = nowMs;
      this.host.beat();
    }
  }

  /** One WebSocket message. */
  receive(bytes: Uint8Array, nowMs: number): void {
    if (this.isClosed) return;
    this.lastInMs = nowMs;
    const records = decode(bytes, readHot);
    if (typeof records === 'string') {
      return this.close('protocol-error', `A message could not be decoded: ${records}.`);
    }
    this.recordsIn += records.length;
    const isFirst = this.state.name === 'awaiting-hello';
    for (const record of records) this.handleRecord(record);
    // Once all that came with the hello waits for the answer.
    if (isFirst && this.state.name === 'greeting') this.host.greet(this.state.hello);
  }

  private handleRecord(record: WireRecord): void {
    switch (this.state.name) {
      case 'awaiting-hello':
        if (record.type !== 'hello') return this.close('protocol-error', 'The first record must be a hello.');
        this.state = { name: 'greeting', hello: record, waiting: [] };
        return;
      case 'greeting':
        this.state.waiting.push(record);
        return;
      case 'live':
        return this.handleLiveRecord(record);
      case 'closed':
    }
  }

  private handleLiveRecord(record: WireRecord): void {
    switch (record.type) {
      case 'request':
        return this.handleRequest(record);
      case 'publish':
        return this.handlePublish(record);
      case 'pong':
        return this.host.finish(record.finished);
      case 'ping':
        return this.send({ type: 'pong', id: record.id, finished: 0 });
      case 'subscribe':
        return this.cursors.subscribe(record);
      case 'unsubscribe':
        return this.cursors.shut(record.subscription);
      case 'signal':
        return this.host.signal(record.topic, record.payload);
      case 'token':
        return this.host.renew(record.token);
      case 'heartbeat':
        return this.handleHeartbeat(record.intervalMs);
      case 'flight':
        // One that comes late explains nothing any more (SPEC CAUSE-1).
        return;
      default:
        return this.close('protocol-error', `A client must not send "${record.type}".`);
    }
  }

  /** Paths differ in how long they bear silence, and only the client sees its own (SPEC LIVE-7). */
  private handleHeartbeat(intervalMs: number): void {
    const { heartbeatMinMs, heartbeatMaxMs } = this.config.limits;
    const { heartbeatMs } = this.config;
    const least = Math.min(heartbeatMinMs, heartbeatMs);
    const most = Math.max(heartbeatMaxMs, heartbeatMs);
    this.heartbeatMs = Math.min(most, Math.max(least, intervalMs));
    this.host.deadlineMoved();
  }

  private handlePublish(publish: WireRecord<'publish'>): void {
    const { sequence } = publish;
    if (sequence <= this.unknownThrough.sequence)
      return this.fail('publish', sequence, 'outcome-unknown', unknownText);
    if (this.appending >= this.config.limits.windowMax)
      return this.fail('publish', sequence, 'window-exceeded', windowText);
    this.appending++;
    this.host.append(publish);
  }

  private handleRequest(record: WireRecord<'request'>): void {
    const { request } = record;
    if (request <= this.unknownThrough.request)
      return this.fail('request', request, 'outcome-unknown', unknownText);
    if (this.calling >= this.config.limits.windowMax)
      return this.fail('request', request, 'window-exceeded', windowText);
    this.calling++;
    this.host.call(record);
  }

  private fail(operation: Operation, id: number, code: string, text: string): void {
    this.send({ type: 'failed', operation, id, code, text });
  }
}

const unknownText =
  'This was sent on an earlier connection, and the server can no longer know whether it was done. ' +
  'Check the outcome in your application before you send it again.';
const windowText =
  'More than the welcome’s window were unanswered at once. Wait for answers before sending more.';
