import { encode } from '../../src/protocol/codec.ts';
import { defaultLimits, type Limits } from '../../src/protocol/limits.ts';
import type { Entry, WireRecord } from '../../src/protocol/schema.ts';
import type { Cursor } from '../../src/session/cursor.ts';
import type { CursorPage } from '../../src/session/cursors.ts';
import { ServerSession, type ServerHost } from '../../src/session/server-session.ts';

export const HEARTBEAT_MS = 25_000;
export const GRACE_MS = 20_000;
export const ALIAS = 4;

/** What a session asked of its host. */
export type Effect =
  | { type: 'send'; record: WireRecord }
  | { type: 'open' | 'read' | 'join' | 'leave' | 'shut'; cursor: Cursor<string> }
  | { type: 'close'; name: string; text: string }
  | {
      type:
        | 'greet'
        | 'welcomed'
        | 'renew'
        | 'deadline-moved'
        | 'append'
        | 'call'
        | 'finish'
        | 'signal'
        | 'beat';
    };

/** A server's side of one connection, whose socket, log and application are the test's own hand. */
export class ServerHand {
  nowMs = 1_000_000;
  readonly session: ServerSession<string>;
  private effects: Effect[] = [];

  constructor(limits: Partial<Limits> = {}, chance = 0.5) {
    const config = { heartbeatMs: HEARTBEAT_MS, graceMs: GRACE_MS, node: 'node-1', random: () => chance };
    const note = (effect: Effect): void => void this.effects.push(effect);
    const host: ServerHost<string> = {
      send: (record) => note({ type: 'send', record }),
      open: (cursor) => note({ type: 'open', cursor }),
      read: (cursor) => note({ type: 'read', cursor }),
      join: (cursor) => note({ type: 'join', cursor }),
      leave: (cursor) => note({ type: 'leave', cursor }),
      shut: (cursor) => note({ type: 'shut', cursor }),
      hangUp: (name, text) => note({ type: 'close', name, text }),
      greet: () => note({ type: 'greet' }),
      welcomed: () => note({ type: 'welcomed' }),
      renew: () => note({ type: 'renew' }),
      deadlineMoved: () => note({ type: 'deadline-moved' }),
      append: () => note({ type: 'append' }),
      call: () => note({ type: 'call' }),
      finish: () => note({ type: 'finish' }),
      signal: () => note({ type: 'signal' }),
      beat: () => note({ type: 'beat' }),
    };
    this.session = new ServerSession(
      { ...config, limits: { ...defaultLimits, ...limits } },
      host,
      this.nowMs,
    );
  }

  /** Tells the session something; gives what it asks for. */
  do(tell: (session: ServerSession<string>, nowMs: number) => void): readonly Effect[] {
    tell(this.session, this.nowMs);
    return this.effects.splice(0);
  }

  say(...records: WireRecord[]): readonly Effect[] {
    return this.do((session, nowMs) => session.receive(encode(records), nowMs));
  }

  greet(resumed = false, unknownThrough = { sequence: 0, request: 0 }): readonly Effect[] {
    const welcome = { session: 'me', resumeToken: 'token', returnWindowMs: 70, returnPlace: 7 };
    return this.do((session, nowMs) => session.greeted({ ...welcome, resumed, unknownThrough }, nowMs));
  }

  /** Lets time pass, with a call at each deadline on the way. */
  pass(durationMs: number): Effect[] {
    const effects: Effect[] = [];
    const endMs = this.nowMs + durationMs;
    for (let atMs = this.session.nextDeadlineMs(); atMs <= endMs; atMs = this.session.nextDeadlineMs()) {
      this.nowMs = Math.max(this.nowMs, atMs);
      effects.push(...this.do((session, nowMs) => session.handleTime(nowMs)));
    }
    this.nowMs = endMs;
    return effects;
  }

  /** Subscribes, and has the cursor opened at `offset`, while live cursors stand at `liveFrom`. */
  open(subscription: number, offset: number, liveFrom: number): readonly Effect[] {
    const asked = { topic: 'news', from: 'position', epoch: 1, offset } as const;
    const [open] = this.say({ type: 'subscribe', subscription, ...asked });
    if (open?.type !== 'open') throw new Error('It was not opened.');
    const [start, live] = [
      { epoch: 1, offset },
      { epoch: 1, offset: liveFrom },
    ];
    return this.do(({ cursors }) => cursors.opened(open.cursor, ALIAS, start, live));
  }

  cursor(subscription: number): Cursor<string> {
    return this.session.cursors.all.get(subscription)!;
  }

  /** Answers a read with the messages after the cursor's position. */
  page(cursor: Cursor<string>, count: number, liveFrom: number): readonly Effect[] {
    const { epoch, offset: previous } = cursor.position;
    const entries: Entry[] = Array.from({ length: count }, (_, index) => ({
      offset: previous + index + 1,
      payload: new Uint8Array(1),
    }));
    const page: CursorPage = {
      epoch,
      previous,
      entries,
      alias: ALIAS,
      liveFrom: { epoch, offset: liveFrom },
    };
    return this.do(({ cursors }) => cursors.takePage(cursor, page));
  }

  static live(limits: Partial<Limits> = {}): ServerHand {
    const hand = new ServerHand(limits);
    hand.say(hello());
    hand.greet();
    return hand;
  }
}

export function hello(how: Partial<WireRecord<'hello'>> = {}): WireRecord<'hello'> {
  const empty = { connection: 1, resumeToken: '', token: '', node: '', sequenceSent: 0, requestSent: 0 };
  return { type: 'hello', ...empty, ...how };
}

export function publish(sequence: number): WireRecord<'publish'> {
  return { type: 'publish', sequence, topic: 'news', payload: new Uint8Array(1) };
}

export function request(id: number): WireRecord<'request'> {
  return { type: 'request', request: id, finished: 0, method: 'sum', payload: new Uint8Array(1) };
}

/** The records among effects, in order. */
export function sent(effects: readonly Effect[]): WireRecord[] {
  return effects.flatMap((effect) => (effect.type === 'send' ? [effect.record] : []));
}

export function reads(effects: readonly Effect[]): number[] {
  return effects.flatMap((effect) => (effect.type === 'read' ? [effect.cursor.subscription] : []));
}
