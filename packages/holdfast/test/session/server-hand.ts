import { encode } from '../../src/protocol/codec.ts';
import { defaultLimits, type Limits } from '../../src/protocol/limits.ts';
import type { Entry, WireRecord } from '../../src/protocol/schema.ts';
import type { Cursor } from '../../src/session/cursor.ts';
import type { CursorPage } from '../../src/session/cursors.ts';
import { ServerSession, type ServerEffect, type ServerInput } from '../../src/session/server-session.ts';

export const HEARTBEAT_MS = 25_000;
export const GRACE_MS = 20_000;
export const ALIAS = 4;

type Effect = ServerEffect<string>;

/** A server's side of one connection, whose socket, log and application are the test's own hand. */
export class ServerHand {
  nowMs = 1_000_000;
  readonly session: ServerSession<string>;

  constructor(limits: Partial<Limits> = {}, chance = 0.5) {
    const config = { heartbeatMs: HEARTBEAT_MS, graceMs: GRACE_MS, node: 'node-1', random: () => chance };
    this.session = new ServerSession({ ...config, limits: { ...defaultLimits, ...limits } }, this.nowMs);
  }

  do(input: ServerInput<string>): readonly Effect[] {
    this.session.handle(input, this.nowMs);
    return this.session.takeEffects();
  }

  say(...records: WireRecord[]): readonly Effect[] {
    return this.do({ type: 'bytes', bytes: encode(records) });
  }

  greet(resumed = false, unknownThrough = { sequence: 0, request: 0 }): readonly Effect[] {
    const welcome = { session: 'me', resumeToken: 'token', returnWindowMs: 70 };
    return this.do({ type: 'greeted', ...welcome, resumed, unknownThrough });
  }

  /** Lets time pass, with a call at each deadline on the way. */
  pass(durationMs: number): Effect[] {
    const effects: Effect[] = [];
    const endMs = this.nowMs + durationMs;
    for (let atMs = this.session.nextDeadlineMs(); atMs <= endMs; atMs = this.session.nextDeadlineMs()) {
      this.nowMs = Math.max(this.nowMs, atMs);
      effects.push(...this.do({ type: 'time' }));
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
    return this.do({ type: 'opened', cursor: open.cursor, alias: ALIAS, start, liveFrom: live });
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
    return this.do({ type: 'page', cursor, page });
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
