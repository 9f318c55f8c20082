import type { Position } from '../protocol/position.ts';
import type { Entry, GapReason, Top, WireRecord } from '../protocol/schema.ts';
import type { WireStart } from './server-session.ts';

/** A subscription as the client sees it: the cursor that every resume continues from. */
export interface ClientCursor {
  readonly id: number;
  readonly topic: string;
  readonly start: WireStart;
  /** Everything up to here was received; undefined until the server has said where the subscription begins. */
  position: Position | undefined;
  /** Held back because its subscriber is slower than its topic: off the wire until released. */
  held: boolean;
}

/** Which cursors a topic's alias feeds; aliases are good for one connection. */
export type Aliases = Map<number, ClientCursor[]>;

/** All cursors of a client, and the one rule by which they move (SPEC SUB-2). */
export class Subscriptions {
  private readonly cursors = new Map<number, ClientCursor>();

  add(id: number, topic: string, start: WireStart): ClientCursor {
    const cursor: ClientCursor = { id, topic, start, position: undefined, held: false };
    this.cursors.set(id, cursor);
    return cursor;
  }

  get(id: number): ClientCursor | undefined {
    return this.cursors.get(id);
  }

  remove(id: number): void {
    this.cursors.delete(id);
  }

  /** What a new connection asks for. */
  requests(): WireRecord<'subscribe'>[] {
    return [...this.cursors.values()].filter((cursor) => !cursor.held).map(subscribeRecord);
  }

  /** Notes a subscription's alias. True when it begins here, false when it goes on where it was. */
  place(aliases: Aliases, record: WireRecord<'subscribed'>): boolean {
    const cursor = this.cursors.get(record.subscription);
    if (!cursor) return false;
    const fed = aliases.get(record.alias) ?? [];
    if (!fed.includes(cursor)) aliases.set(record.alias, [...fed, cursor]);
    if (cursor.position) return false;
    cursor.position = { epoch: record.epoch, offset: record.offset };
    return true;
  }

  /**
   * Moves a cursor over a run and returns what is new to it. A run counts when it begins at or before the
   * cursor, so that nothing lies between them; what the cursor has already is skipped; a run from further on
   * is not for this cursor, whose own pages are still to come.
   */
  accept(cursor: ClientCursor, run: WireRecord<'messages'>): readonly Entry[] {
    const { position } = cursor;
    const last = run.entries.at(-1);
    if (!position || !last || cursor.held) return [];
    if (run.epoch !== position.epoch || run.previous > position.offset || last.offset <= position.offset)
      return [];
    cursor.position = { epoch: run.epoch, offset: last.offset };
    return run.previous === position.offset
      ? run.entries
      : run.entries.filter((entry) => entry.offset > position.offset);
  }

  /**
   * Moves a cursor over a gap; undefined when it is already past it. `stale` when the server, not knowing what
   * came over an older link, looked from further back into an epoch that is over: what it would send next may
   * have been received, so the subscription is to be asked for again, from the cursor (SPEC SUB-7).
   */
  acceptGap(
    record: WireRecord<'gap'>,
  ): { from: Position; to: Position; reason: GapReason } | 'stale' | undefined {
    const cursor = this.cursors.get(record.subscription);
    if (!cursor?.position || cursor.held) return undefined;
    const from = cursor.position;
    const to = { epoch: record.toEpoch, offset: record.toOffset };
    if (from.epoch === to.epoch) {
      if (from.offset >= to.offset && record.reason !== 'not-authorized') return undefined;
    } else if (from.epoch === record.fromEpoch && from.offset > record.fromOffset) return 'stale';
    cursor.position = to;
    return { from, to, reason: record.reason };
  }

  /** Live cursors that stand below a top which the server says they were sent: a message was lost on its way. */
  behind(aliases: Aliases, tops: readonly Top[]): ClientCursor[] {
    return tops.flatMap(({ alias, offset }) =>
      (aliases.get(alias) ?? []).filter(
        ({ position, held }) => !held && position && position.offset < offset,
      ),
    );
  }
}

export function subscribeRecord({ id, topic, start, position }: ClientCursor): WireRecord<'subscribe'> {
  const from = position ? { from: 'position' as const, ...position } : start;
  return { type: 'subscribe', subscription: id, topic, ...from };
}
