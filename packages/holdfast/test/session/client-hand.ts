import { encode } from '../../src/protocol/codec.ts';
import type { WireRecord } from '../../src/protocol/schema.ts';
import type { Position } from '../../src/protocol/position.ts';
import { ClientSession, type ClientSessionConfig } from '../../src/session/client-session.ts';
import { HeartbeatInterval } from '../../src/session/heartbeat-interval.ts';
import type { Link } from '../../src/session/link.ts';
import type { OutboxItem } from '../../src/session/outbox.ts';
import type { ClientCursor, ReaderEvent } from '../../src/session/subscriptions.ts';

/** What a session did: asked of its host, or put on a link. Links go by their numbers. */
export type Effect =
  | { type: 'dial'; link: number; tokenRejected: boolean }
  | { type: 'drop'; link: number; code: number }
  | { type: 'send'; link: number; record: WireRecord }
  | { type: 'probed'; rttMs: number }
  | { type: 'changed' | 'token-wanted' }
  | { type: 'read'; cursor: ClientCursor; event: ReaderEvent }
  | { type: 'answered'; item: OutboxItem<string>; answer: Position | Uint8Array }
  | { type: 'failed'; item: OutboxItem<string>; code: string; text: string };

export const HEARTBEAT_MS = 25_000;
export const GRACE_MS = 20_000;
export const CONNECT_TIMEOUT_MS = 8_000;
/** The timeout of a probe whose round trips took no time: the least there is. */
export const PROBE_TIMEOUT_MS = 1_000;

/** A client session whose sockets, server and clock are the test's own hand. */
export class ClientHand {
  nowMs = 1_000_000;
  /** What the session's random gives. */
  chance = 0.5;
  /** Of the path that links take from now on. */
  path = new HeartbeatInterval(false);
  readonly session: ClientSession<string>;
  private readonly links = new Map<number, Link>();
  private readonly effects: Effect[] = [];

  constructor(config: Partial<ClientSessionConfig> = {}) {
    const note = (effect: Effect): void => void this.effects.push(effect);
    this.session = new ClientSession<string>(
      {
        backoff: { baseMs: 1_000, capMs: 30_000, stableMs: 10_000 },
        connectTimeoutMs: CONNECT_TIMEOUT_MS,
        random: () => this.chance,
        restored: undefined,
        ...config,
      },
      {
        dial: (link) => {
          this.links.set(link.id, link);
          link.interval = this.path;
          note({ type: 'dial', link: link.id, tokenRejected: link.tokenRejected });
        },
        drop: (link, code) => note({ type: 'drop', link: link.id, code }),
        turnedAway: (_link, slotAtMs) => slotAtMs,
        probed: (rttMs) => note({ type: 'probed', rttMs }),
        changed: () => note({ type: 'changed' }),
        read: (cursor, event) => note({ type: 'read', cursor, event }),
        answered: (item, answer) => note({ type: 'answered', item, answer }),
        failed: (item, code, text) => note({ type: 'failed', item, code, text }),
        tokenWanted: () => note({ type: 'token-wanted' }),
      },
    );
  }

  get phase(): string {
    return this.session.links.phase;
  }

  /** Puts something in; returns what came out because of it. */
  do(input: (session: ClientSession<string>, nowMs: number) => unknown): Effect[] {
    const before = this.effects.length;
    input(this.session, this.nowMs);
    for (const { id, pending } of this.links.values()) {
      for (const record of pending.splice(0)) this.effects.push({ type: 'send', link: id, record });
    }
    return this.effects.slice(before);
  }

  /** A link by its number; one that was never dialled is as good as one that was given up. */
  link(id: number): Link {
    const stranger: Link = {
      id,
      stage: 'dialing',
      tokenRejected: false,
      greetedAtMs: 0,
      bare: false,
      interval: this.path,
      aliases: new Map(),
      pending: [],
    };
    return this.links.get(id) ?? stranger;
  }

  connect(): Effect[] {
    return this.do(({ links }, nowMs) => links.connect(nowMs));
  }

  probe(): Effect[] {
    return this.do(({ links }, nowMs) => links.probe(nowMs));
  }

  close(): Effect[] {
    const cause = { code: 'closed', text: 'The application closed the connection.' };
    return this.do(({ links }, nowMs) => links.finish('closed', cause, nowMs));
  }

  open(link: number, token = ''): Effect[] {
    return this.do((session, nowMs) => session.opened(this.link(link), token, nowMs));
  }

  /** The server says something on a link. */
  say(link: number, ...records: WireRecord[]): Effect[] {
    return this.hear(link, encode(records));
  }

  hear(link: number, bytes: Uint8Array): Effect[] {
    return this.do((session, nowMs) => session.receive(this.link(link), bytes, nowMs));
  }

  welcome(link: number, how: Partial<WireRecord<'welcome'>> = {}): Effect[] {
    return this.say(link, welcomeRecord(how));
  }

  lose(link: number, code = 1006, reason = ''): Effect[] {
    return this.do((session, nowMs) => session.closed(this.link(link), code, reason, nowMs));
  }

  publish(text = 'hello', topic = 'news'): OutboxItem<string> {
    const item = { id: 0, name: topic, payload: new TextEncoder().encode(text), caller: text };
    this.do((session, nowMs) => session.add('publish', item, nowMs));
    return item;
  }

  request(text = 'hello', method = 'sum'): OutboxItem<string> {
    const item = { id: 0, name: method, payload: new TextEncoder().encode(text), caller: text };
    this.do((session, nowMs) => session.add('request', item, nowMs));
    return item;
  }

  subscribe(topic = 'news'): ClientCursor {
    const start = { from: 'now' as const, epoch: 0, offset: 0 };
    const cursor: ClientCursor = { id: 0, topic, start, held: false, reader: { take: () => {} } };
    this.do(({ subscriptions }) => subscriptions.subscribe(cursor));
    return cursor;
  }

  /** Lets time pass, with a call at each deadline on the way, as a driver's timer would make. */
  pass(durationMs: number, bufferedBytes: number | (() => number) = 0): Effect[] {
    const before = this.effects.length;
    const endMs = this.nowMs + durationMs;
    const buffered = (): number => (typeof bufferedBytes === 'number' ? bufferedBytes : bufferedBytes());
    for (let atMs = this.session.links.nextDeadlineMs(); atMs <= endMs;) {
      this.nowMs = Math.max(this.nowMs, atMs);
      this.do((session, nowMs) => session.handleTime(buffered(), nowMs));
      atMs = this.session.links.nextDeadlineMs();
    }
    this.nowMs = endMs;
    return this.effects.slice(before);
  }

  /** Lets time pass until it dials; returns that effect. */
  untilDial(): Effect & { type: 'dial' } {
    for (
      let atMs = this.session.links.nextDeadlineMs();
      atMs < Infinity;
      atMs = this.session.links.nextDeadlineMs()
    ) {
      this.nowMs = Math.max(this.nowMs, atMs);
      const dial = this.do((session, nowMs) => session.handleTime(0, nowMs)).find(
        (effect) => effect.type === 'dial',
      );
      if (dial) return dial;
    }
    throw new Error('It dials no more.');
  }

  /** One whose connection has not answered a probe in time. */
  static suspect(): ClientHand {
    const hand = ClientHand.live();
    hand.probe();
    hand.pass(PROBE_TIMEOUT_MS);
    if (hand.phase !== 'suspect') throw new Error(`The client is ${hand.phase}.`);
    return hand;
  }

  /** A session that is live on link 1, with a round trip of nothing. */
  static live(config: Partial<ClientSessionConfig> = {}): ClientHand {
    const hand = new ClientHand(config);
    hand.connect();
    hand.open(1);
    hand.welcome(1);
    return hand;
  }
}

export function welcomeRecord(how: Partial<WireRecord<'welcome'>> = {}): WireRecord<'welcome'> {
  return {
    type: 'welcome',
    session: 'session',
    resumeToken: 'resume-token',
    resumed: false,
    node: 'node-1',
    heartbeatMs: HEARTBEAT_MS,
    graceMs: GRACE_MS,
    messageBytesMax: 10_000,
    window: 32,
    returnWindowMs: 0,
    returnPlace: 0,
    ...how,
  };
}

/** The records among effects, in order; of one link, if given. */
export function sent(effects: readonly Effect[], link?: number): WireRecord[] {
  return effects.flatMap((effect) =>
    effect.type === 'send' && (link === undefined || effect.link === link) ? [effect.record] : [],
  );
}

/** The numbers of the links that effects dial, or drop. */
export function links(effects: readonly Effect[], type: 'dial' | 'drop'): number[] {
  return effects.flatMap((effect) => (effect.type === type ? [effect.link] : []));
}
