import { decode } from '../protocol/codec.ts';
import type { CloseName } from '../protocol/close-codes.ts';
import type { ErrorCode } from '../protocol/error-codes.ts';
import { readHot } from '../protocol/hot-records.ts';
import type { Limits } from '../protocol/limits.ts';
import type { Position } from '../protocol/position.ts';
import type { Operation, WireRecord } from '../protocol/schema.ts';
import type { Cursor } from './cursor.ts';
import { Cursors, type CursorEffect, type CursorPage } from './cursors.ts';
import type { Outcome } from './reply-book.ts';

/**
 * One connection as the server sees it, sans-IO: `handle` takes what happened, `takeEffects` gives what to do.
 *
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

export type ServerInput<Topic> =
  | { type: 'bytes'; bytes: Uint8Array }
  | {
      type: 'greeted';
      session: string;
      resumeToken: string;
      resumed: boolean;
      /** Up to these, what earlier connections may have sent has an outcome that nobody can know. */
      unknownThrough: Sent;
      returnWindowMs: number;
    }
  | { type: 'opened'; cursor: Cursor<Topic>; alias: number; start: Position; liveFrom: Position }
  | { type: 'open-failed'; cursor: Cursor<Topic>; code: ErrorCode; text: string }
  | { type: 'page'; cursor: Cursor<Topic>; page: CursorPage }
  | { type: 'lagged'; cursor: Cursor<Topic>; position: Position }
  | { type: 'revoked'; cursor: Cursor<Topic>; position: Position }
  | { type: 'appended'; sequence: number; position: Position }
  | { type: 'append-failed'; sequence: number; code: ErrorCode; text: string }
  | { type: 'replied'; request: number; outcome: Outcome }
  | { type: 'token-wanted'; withinMs: number }
  | { type: 'resume-token'; resumeToken: string }
  | { type: 'go-away'; reconnectInMs: number; reason: string }
  | { type: 'return-window'; returnWindowMs: number }
  | { type: 'cause'; id: string; confidence: number; text: string; fix: string }
  | { type: 'writable' }
  | { type: 'time' }
  | { type: 'close'; name: CloseName; text: string }
  | { type: 'disconnected' };

export type ServerEffect<Topic> =
  | CursorEffect<Topic>
  | { type: 'greet'; hello: WireRecord<'hello'> }
  /** A connection was welcomed: what its client says of the one before, and the node that this was to. */
  | { type: 'welcomed'; node: string; flight: WireRecord<'flight'> | undefined }
  | { type: 'renew'; token: string }
  /** The next deadline may have come nearer. */
  | { type: 'deadline-moved' }
  | { type: 'append'; sequence: number; topic: string; payload: Uint8Array }
  | { type: 'call'; request: number; finished: number; method: string; payload: Uint8Array }
  | { type: 'finished'; below: number }
  | { type: 'signal'; topic: string; payload: Uint8Array }
  | { type: 'beat' }
  | { type: 'close'; name: CloseName; text: string };

const noEffects: never[] = [];

export class ServerSession<Topic = unknown> {
  readonly cursors: Cursors<Topic>;
  /** What the client has sent so far; the driver paces it by that (SPEC FLOW-8). */
  recordsIn = 0;
  private state: State = { name: 'awaiting-hello' };
  private effects: ServerEffect<Topic>[] = noEffects;
  /** It was asked to move. */
  wasToldToGo = false;
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

  constructor(config: ServerSessionConfig, nowMs: number) {
    this.config = config;
    this.cursors = new Cursors(config.limits, this);
    this.lastInMs = nowMs;
    // First beats are spread at random, so that connections which came together do not beat together.
    this.heartbeatMs = config.heartbeatMs;
    this.lastBeatMs = nowMs - config.random() * config.heartbeatMs;
  }

  get isLive(): boolean {
    return this.state.name === 'live';
  }

  get isClosed(): boolean {
    return this.state.name === 'closed';
  }

  handle(input: ServerInput<Topic>, nowMs: number): void {
    if (this.state.name === 'closed') return;
    switch (input.type) {
      case 'bytes':
        return this.handleBytes(input.bytes, nowMs);
      case 'time':
        return this.handleTime(nowMs);
      case 'writable':
        // The peer took bytes, so it is alive, however slow (SPEC LIVE-1).
        this.lastInMs = nowMs;
        return this.cursors.pump();
      case 'greeted':
        return this.handleGreeted(input, nowMs);
      case 'opened':
        return this.cursors.opened(input.cursor, input.alias, input.start, input.liveFrom);
      case 'open-failed':
        return this.cursors.openFailed(input.cursor, input.code, input.text);
      case 'page':
        return this.cursors.takePage(input.cursor, input.page);
      case 'lagged':
        return this.cursors.lag(input.cursor, input.position);
      case 'revoked':
        return this.cursors.revoke(input.cursor, input.position);
      case 'appended':
        this.appending--;
        return this.send({ type: 'published', sequence: input.sequence, ...input.position });
      case 'append-failed':
        this.appending--;
        return this.fail('publish', input.sequence, input.code, input.text);
      case 'replied':
        return this.handleReplied(input.request, input.outcome);
      case 'go-away':
        this.wasToldToGo = true;
        return this.send(input);
      case 'cause':
      case 'token-wanted':
      case 'resume-token':
      case 'return-window':
        return this.send(input);
      case 'close':
        return this.close(input.name, input.text);
      case 'disconnected':
        return this.end();
    }
  }

  takeEffects(): readonly ServerEffect<Topic>[] {
    const taken = this.effects;
    this.effects = noEffects;
    return taken;
  }

  /**
   * What was sent has left. Until then an answered request keeps its place in the window: else requests that come
   * in one turn could make answers without end (SPEC FLOW-4).
   */
  handleFlushed(): void {
    this.calling = Math.max(0, this.calling - this.answered);
    this.answered = 0;
  }

  /** When `handle({ type: 'time' })` wants to be called, at the latest. */
  nextDeadlineMs(): number {
    if (this.state.name === 'closed') return Infinity;
    if (this.state.name !== 'live') return this.lastInMs + this.config.limits.helloTimeoutMs;
    return Math.min(this.lastBeatMs + this.heartbeatMs, this.lastInMs + this.silenceMaxMs);
  }

  /** A connection from which nothing came for this long is dead (SPEC LIVE-2). */
  private get silenceMaxMs(): number {
    return this.heartbeatMs + this.config.graceMs;
  }

  private handleTime(nowMs: number): void {
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
      this.push({ type: 'beat' });
    }
  }

  private handleBytes(bytes: Uint8Array, nowMs: number): void {
    this.lastInMs = nowMs;
    const records = decode(bytes, readHot);
    if (typeof records === 'string') {
      return this.close('protocol-error', `A message could not be decoded: ${records}.`);
    }
    this.recordsIn += records.length;
    for (const record of records) this.handleRecord(record);
  }

  private handleRecord(record: WireRecord): void {
    switch (this.state.name) {
      case 'awaiting-hello':
        if (record.type !== 'hello') return this.close('protocol-error', 'The first record must be a hello.');
        this.state = { name: 'greeting', hello: record, waiting: [] };
        return this.push({ type: 'greet', hello: record });
      case 'greeting':
        // Bounded: a connection that is not yet greeted may send one message's worth of records.
        if (
          this.state.waiting.length >=
          this.config.limits.windowMax * 2 + this.config.limits.subscriptionsMax
        ) {
          return this.close('protocol-error', 'Too many records before the welcome.');
        }
        this.state.waiting.push(record);
        return;
      case 'live':
        return this.handleLiveRecord(record);
      case 'closed':
    }
  }

  private handleGreeted(input: ServerInput<Topic> & { type: 'greeted' }, nowMs: number): void {
    if (this.state.name !== 'greeting') return;
    const { hello, waiting } = this.state;
    const { limits, heartbeatMs, graceMs, node } = this.config;
    this.state = { name: 'live' };
    this.lastInMs = nowMs;
    this.unknownThrough = input.unknownThrough;
    this.send({
      type: 'welcome',
      session: input.session,
      resumeToken: input.resumeToken,
      resumed: input.resumed,
      node,
      heartbeatMs,
      graceMs,
      messageBytesMax: limits.messageBytesMax,
      window: limits.windowMax,
      returnWindowMs: input.returnWindowMs,
    });
    const flight = waiting[0]?.type === 'flight' ? waiting[0] : undefined;
    this.push({ type: 'welcomed', node: hello.node, flight });
    for (const record of waiting) this.handleRecord(record);
  }

  private handleLiveRecord(record: WireRecord): void {
    switch (record.type) {
      case 'request':
        return this.handleRequest(record);
      case 'publish':
        return this.handlePublish(record);
      case 'pong':
        return this.push({ type: 'finished', below: record.finished });
      case 'ping':
        return this.send({ type: 'pong', id: record.id, finished: 0 });
      case 'subscribe':
        return this.cursors.subscribe(record);
      case 'unsubscribe':
        return this.cursors.shut(record.subscription);
      case 'signal':
        return this.push({ type: 'signal', topic: record.topic, payload: record.payload });
      case 'token':
        return this.push({ type: 'renew', token: record.token });
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
    this.push({ type: 'deadline-moved' });
  }

  private handlePublish({ sequence, topic, payload }: WireRecord<'publish'>): void {
    const fail = (code: ErrorCode, text: string) => this.fail('publish', sequence, code, text);
    if (sequence <= this.unknownThrough.sequence) return fail('outcome-unknown', unknownText);
    if (this.appending >= this.config.limits.windowMax) return fail('window-exceeded', windowText);
    this.appending++;
    this.push({ type: 'append', sequence, topic, payload });
  }

  private handleRequest({ request, finished, method, payload }: WireRecord<'request'>): void {
    const fail = (code: ErrorCode, text: string) => this.fail('request', request, code, text);
    if (request <= this.unknownThrough.request) return fail('outcome-unknown', unknownText);
    if (this.calling >= this.config.limits.windowMax) return fail('window-exceeded', windowText);
    this.calling++;
    this.push({ type: 'call', request, finished, method, payload });
  }

  private handleReplied(request: number, outcome: Outcome): void {
    this.answered++;
    if (outcome.ok) this.send({ type: 'reply', request, payload: outcome.payload });
    else this.fail('request', request, outcome.code, outcome.text);
  }

  private fail(operation: Operation, id: number, code: string, text: string): void {
    this.send({ type: 'failed', operation, id, code, text });
  }

  private close(name: CloseName, text: string): void {
    this.push({ type: 'close', name, text });
    this.end();
  }

  private end(): void {
    this.cursors.end();
    this.state = { name: 'closed' };
  }

  /** For its cursors, and itself. */
  send(record: WireRecord): void {
    this.push({ type: 'send', record });
  }

  push(effect: ServerEffect<Topic>): void {
    if (this.effects === noEffects) this.effects = [effect];
    else this.effects.push(effect);
  }
}

const unknownText =
  'This was sent on an earlier connection, and the server can no longer know whether it was done. ' +
  'Check the outcome in your application before you send it again.';
const windowText =
  'More than the welcome’s window were unanswered at once. Wait for answers before sending more.';
