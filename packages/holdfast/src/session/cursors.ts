import type { ErrorCode } from '../protocol/error-codes.ts';
import type { Limits } from '../protocol/limits.ts';
import type { Position } from '../protocol/position.ts';
import type { Entry, GapReason, startChoices, WireRecord } from '../protocol/schema.ts';
import { Cursor } from './cursor.ts';

/** Where a subscriber wants to begin, as it stands on the wire. */
export interface WireStart {
  from: (typeof startChoices)[number];
  epoch: number;
  offset: number;
}

/** A page of a topic, read from the log after a cursor's position. */
export interface CursorPage {
  /** What can't be delivered, between the cursor's position and `previous`. */
  gap?: { to: Position; reason: GapReason } | undefined;
  epoch: number;
  previous: number;
  entries: readonly Entry[];
  /** Everything up to here went, or will go, to live cursors: a cursor that has reached it joins them. */
  liveFrom: Position;
  alias: number;
}

/** What a connection's cursors ask of its driver. None of these may call back before it returns, but `open`. */
export interface CursorsHost<Topic> {
  /** Sends a record at the end of the turn. */
  send(record: WireRecord): void;
  /** A subscriber wants to begin; answered by `opened` or `openFailed`. */
  open(cursor: Cursor<Topic>, start: WireStart): void;
  /** A page from the cursor's position is wanted; answered by `takePage`. */
  read(cursor: Cursor<Topic>): void;
  /** It is live from now on. */
  join(cursor: Cursor<Topic>): void;
  /** It is live no longer. */
  leave(cursor: Cursor<Topic>): void;
  /** It is over. */
  shut(cursor: Cursor<Topic>): void;
}

/** What a message takes beside its payload. */
const ENTRY_BYTES = 4;

/** All cursors of one connection: how each gets from where its client stands to what is said live. */
export class Cursors<Topic = unknown> {
  /** By the client's number for each. */
  readonly all = new Map<number, Cursor<Topic>>();
  /** Whether the connection can take more; the driver keeps it true to its socket. */
  writable = true;
  private reading = 0;
  /** Of pages, in what has not left yet. */
  private unsentBytes = 0;
  private readonly limits: Limits;
  private readonly host: CursorsHost<Topic>;

  constructor(limits: Limits, host: CursorsHost<Topic>) {
    this.limits = limits;
    this.host = host;
  }

  subscribe({ subscription, topic, ...start }: WireRecord<'subscribe'>): void {
    if (this.all.has(subscription)) {
      return this.fail(subscription, 'already-subscribed', 'This number is in use on this connection.');
    }
    const { subscriptionsMax } = this.limits;
    if (this.all.size >= subscriptionsMax) {
      const text = `A connection holds at most ${subscriptionsMax} subscriptions; end one, or raise limits.subscriptionsMax.`;
      return this.fail(subscription, 'too-many-subscriptions', text);
    }
    const cursor = new Cursor<Topic>(subscription, topic);
    this.all.set(subscription, cursor);
    this.host.open(cursor, start);
  }

  opened(cursor: Cursor<Topic>, alias: number, start: Position, liveFrom: Position): void {
    if (cursor.state !== 'opening') return;
    cursor.position = start;
    cursor.state = 'behind';
    this.host.send({ type: 'subscribed', subscription: cursor.subscription, alias, ...start });
    // Whether a position beyond what was sent is one that the log has lost, the log alone can tell (SPEC SUB-5).
    if (start.offset <= liveFrom.offset) this.advance(cursor, start, liveFrom);
    this.pump();
  }

  takePage(cursor: Cursor<Topic>, page: CursorPage): void {
    this.reading--;
    if (cursor.state !== 'reading') return this.pump();
    cursor.state = 'behind';
    if (page.gap) this.sendGap(cursor, page.gap.to, page.gap.reason);
    const { alias, epoch, previous, entries, liveFrom } = page;
    const last = entries.at(-1);
    if (last) this.host.send({ type: 'messages', alias, epoch, previous, entries });
    for (const { payload } of entries) this.unsentBytes += payload.length + ENTRY_BYTES;
    this.advance(cursor, { epoch, offset: last?.offset ?? previous }, liveFrom);
    this.pump();
  }

  /** A cursor that has reached what live cursors were sent joins them; runs it has already are skipped by the client. */
  private advance(cursor: Cursor<Topic>, position: Position, liveFrom: Position): void {
    cursor.position = position;
    if (position.epoch !== liveFrom.epoch || position.offset < liveFrom.offset) return;
    cursor.state = 'live';
    this.host.join(cursor);
  }

  /** A cursor was sent nothing of a run: its socket was full. */
  lag(cursor: Cursor<Topic>, position: Position): void {
    if (cursor.state === 'shut') return;
    cursor.state = 'behind';
    cursor.position = position;
    this.pump();
  }

  openFailed({ state, subscription }: Cursor<Topic>, code: ErrorCode, text: string): void {
    if (state === 'shut') return;
    this.shut(subscription);
    this.fail(subscription, code, text);
  }

  /** What was sent has left. */
  handleFlushed(): void {
    if (this.unsentBytes === 0) return;
    this.unsentBytes = 0;
    this.pump();
  }

  /**
   * Reads on for cursors that are behind, while the socket has room (SPEC FLOW-2, FLOW-3). Whether it has shows only
   * when what was read has left: a log that answers at once would be read to its end before.
   */
  pump(): void {
    const { readsMax, pageBytesMax } = this.limits;
    for (const cursor of this.all.values()) {
      if (!this.writable || this.reading >= readsMax || this.unsentBytes >= pageBytesMax) return;
      if (cursor.state !== 'behind') continue;
      cursor.state = 'reading';
      this.reading++;
      // The next pump begins behind this cursor, so that one long replay does not starve the others.
      this.all.delete(cursor.subscription);
      this.all.set(cursor.subscription, cursor);
      this.host.read(cursor);
    }
  }

  revoke(cursor: Cursor<Topic>, position: Position): void {
    if (cursor.state === 'shut') return;
    if (cursor.state === 'live') cursor.position = position;
    // One that is not open yet was promised nothing.
    if (cursor.state !== 'opening') this.sendGap(cursor, cursor.position, 'not-authorized');
    this.shut(cursor.subscription);
    this.fail(cursor.subscription, 'not-authorized', 'The right to read this topic was withdrawn.');
  }

  private sendGap(cursor: Cursor<Topic>, to: Position, reason: GapReason): void {
    const { epoch: fromEpoch, offset: fromOffset } = cursor.position;
    const { epoch: toEpoch, offset: toOffset } = to;
    const { subscription } = cursor;
    this.host.send({ type: 'gap', subscription, fromEpoch, fromOffset, toEpoch, toOffset, reason });
  }

  shut(subscription: number): void {
    const cursor = this.all.get(subscription);
    if (!cursor) return;
    this.all.delete(subscription);
    if (cursor.state === 'live') this.host.leave(cursor);
    cursor.state = 'shut';
    this.host.shut(cursor);
  }

  /** The connection is over. */
  end(): void {
    for (const subscription of this.all.keys()) this.shut(subscription);
  }

  private fail(id: number, code: ErrorCode, text: string): void {
    this.host.send({ type: 'failed', operation: 'subscribe', id, code, text });
  }
}
