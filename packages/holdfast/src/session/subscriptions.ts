import type { Position } from '../protocol/position.ts';
import type { Entry, GapReason, Top, WireRecord } from '../protocol/schema.ts';
import type { WireStart } from './cursors.ts';

/** What a subscription's reader is told. */
export type ReaderEvent =
  | { type: 'subscribed'; position: Position }
  | { type: 'refused'; code: string; text: string }
  /** The client was closed, or gave up. */
  | { type: 'ended'; code: string; text: string }
  | { type: 'messages'; epoch: number; entries: readonly Entry[] }
  | { type: 'gap'; from: Position; to: Position; reason: GapReason }
  | { type: 'signaled'; payload: Uint8Array };

/** Whoever reads a subscription: the driver's. */
export interface Reader {
  take(event: ReaderEvent): void;
}

/** A subscription as the client sees it: the cursor that every resume continues from. */
export interface ClientCursor {
  /** Given when it is subscribed. */
  id: number;
  readonly topic: string;
  readonly start: WireStart;
  readonly reader: Reader;
  /** Everything up to here was received; undefined until the server has said where the subscription begins. */
  position?: Position;
  /** Off the wire for now, because its reader is slower than its topic. */
  held: boolean;
  /** What its topic's alias feeds on the connection in use. */
  fed?: Set<ClientCursor>;
}

/** Which cursors a topic's alias feeds; aliases are good for one connection. */
export type Aliases = Map<number, Set<ClientCursor>>;

type SubscriptionRecord = WireRecord<'subscribed' | 'messages' | 'gap' | 'signaled' | 'failed'>;

/** All cursors of a client, and the one rule by which they move (SPEC SUB-2). */
export class Subscriptions {
  readonly #cursors = new Map<number, ClientCursor>();
  readonly #host: { read(cursor: ClientCursor, event: ReaderEvent): void };
  readonly #send: (record: WireRecord) => void;
  #lastId = 0;

  constructor(
    host: { read(cursor: ClientCursor, event: ReaderEvent): void },
    send: (record: WireRecord) => void,
  ) {
    this.#host = host;
    this.#send = send;
  }

  subscribe(cursor: ClientCursor): void {
    cursor.id = ++this.#lastId;
    this.#cursors.set(cursor.id, cursor);
    this.#send(subscribeRecord(cursor));
  }

  unsubscribe(cursor: ClientCursor): void {
    this.hold(cursor, true);
    this.#cursors.delete(cursor.id);
    cursor.fed?.delete(cursor);
  }

  /** Takes a cursor off the wire, or puts it back on from where it stands (SPEC FLOW-5). */
  hold(cursor: ClientCursor, held: boolean): void {
    if (!this.#cursors.has(cursor.id)) return;
    cursor.held = held;
    this.#send(held ? { type: 'unsubscribe', subscription: cursor.id } : subscribeRecord(cursor));
  }

  get readers(): Reader[] {
    return Array.from(this.#cursors.values(), ({ reader }) => reader);
  }

  /** What a new connection asks for. */
  requests(): WireRecord<'subscribe'>[] {
    return [...this.#cursors.values()].filter(({ held }) => !held).map(subscribeRecord);
  }

  handle(aliases: Aliases, record: SubscriptionRecord): void {
    if (record.type === 'messages' || record.type === 'signaled') {
      for (const cursor of aliases.get(record.alias) ?? []) {
        if (record.type === 'messages') this.#accept(cursor, record);
        else this.#host.read(cursor, record);
      }
      return;
    }
    const cursor = this.#cursors.get(record.type === 'failed' ? record.id : record.subscription);
    if (!cursor || cursor.held) return;
    if (record.type === 'gap') return this.#acceptGap(cursor, record);
    if (record.type === 'failed') {
      this.#cursors.delete(cursor.id);
      return this.#host.read(cursor, { type: 'refused', code: record.code, text: record.text });
    }
    const { alias, epoch, offset } = record;
    cursor.fed = (aliases.get(alias) ?? new Set()).add(cursor);
    aliases.set(alias, cursor.fed);
    if (cursor.position) return;
    cursor.position = { epoch, offset };
    this.#host.read(cursor, { type: 'subscribed', position: cursor.position });
  }

  /** Asks again for cursors below a top that the server says they were sent: a message was lost on its way (SPEC HUB-3). */
  compare(aliases: Aliases, tops: readonly Top[]): void {
    for (const { alias, offset } of tops) {
      for (const cursor of aliases.get(alias) ?? []) {
        if (cursor.position && cursor.position.offset < offset) this.#askAgain(cursor);
      }
    }
  }

  /**
   * A run counts when it begins at or before the cursor, so that nothing lies between them; what the cursor has
   * already is skipped; a run from further on is not for this cursor, whose own pages are still to come.
   */
  #accept(cursor: ClientCursor, { epoch, previous, entries }: WireRecord<'messages'>): void {
    const { position, id, held } = cursor;
    const last = entries.at(-1);
    if (!position || !last || held || !this.#cursors.has(id) || epoch !== position.epoch) return;
    if (previous > position.offset || last.offset <= position.offset) return;
    cursor.position = { epoch, offset: last.offset };
    const fresh = entries.filter(({ offset }) => offset > position.offset);
    this.#host.read(cursor, { type: 'messages', epoch, entries: fresh });
  }

  #acceptGap(cursor: ClientCursor, record: WireRecord<'gap'>): void {
    const from = cursor.position;
    const to = { epoch: record.toEpoch, offset: record.toOffset };
    const { reason } = record;
    if (!from) return;
    if (reason !== 'not-authorized') {
      const stays = from.epoch === to.epoch;
      if (stays && from.offset >= to.offset) return;
      // The server, not knowing what came over an older link, may have looked from further back; in an epoch that
      // is over, what it would send next may have been received already (SPEC SUB-7).
      const { fromEpoch, fromOffset } = record;
      const agrees = stays ? from.offset >= fromOffset : from.offset === fromOffset;
      if (from.epoch !== fromEpoch || !agrees) return this.#askAgain(cursor);
    }
    cursor.position = to;
    this.#host.read(cursor, { type: 'gap', from, to, reason });
  }

  #askAgain(cursor: ClientCursor): void {
    if (cursor.held) return;
    this.hold(cursor, true);
    this.hold(cursor, false);
  }
}

function subscribeRecord({ id, topic, start, position }: ClientCursor): WireRecord<'subscribe'> {
  const from = position ? { from: 'position' as const, ...position } : start;
  return { type: 'subscribe', subscription: id, topic, ...from };
}
