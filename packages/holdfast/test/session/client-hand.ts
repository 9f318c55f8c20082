import { encode } from '../../src/protocol/codec.ts';
import type { WireRecord } from '../../src/protocol/schema.ts';
import {
  ClientSession,
  type ClientEffect,
  type ClientInput,
  type ClientSessionConfig,
} from '../../src/session/client-session.ts';
import type { OutboxItem } from '../../src/session/outbox.ts';
import type { ClientCursor } from '../../src/session/subscriptions.ts';

type Input = ClientInput<string>;
type Effect = ClientEffect<string>;

export const HEARTBEAT_MS = 25_000;
export const GRACE_MS = 20_000;
export const CONNECT_TIMEOUT_MS = 8_000;

/** A client session whose sockets, server and clock are the test's own hand. */
export class ClientHand {
  nowMs = 1_000_000;
  /** What the session's random gives. */
  chance = 0.5;
  readonly session: ClientSession<string>;
  private effects: Effect[] = [];

  constructor(config: Partial<ClientSessionConfig> = {}) {
    this.session = new ClientSession({
      backoff: { baseMs: 1_000, capMs: 30_000, stableMs: 10_000 },
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
      random: () => this.chance,
      restored: undefined,
      ...config,
    });
  }

  get phase(): string {
    return this.session.links.phase;
  }

  /** Puts something in; returns what came out because of it. */
  do(input: Input): Effect[] {
    this.session.handle(input, this.nowMs);
    const effects = [...this.session.takeEffects()];
    this.effects.push(...effects);
    return effects;
  }

  connect(): Effect[] {
    return this.do({ type: 'connect' });
  }

  open(link: number, token = ''): Effect[] {
    return this.do({ type: 'opened', link, token });
  }

  /** The server says something on a link. */
  say(link: number, ...records: WireRecord[]): Effect[] {
    return this.do({ type: 'bytes', link, bytes: encode(records) });
  }

  welcome(link: number, how: Partial<WireRecord<'welcome'>> = {}): Effect[] {
    return this.say(link, welcomeRecord(how));
  }

  lose(link: number, code = 1006, reason = ''): Effect[] {
    return this.do({ type: 'lost', link, code, reason });
  }

  publish(text = 'hello', topic = 'news'): OutboxItem<string> {
    const item = { id: 0, name: topic, payload: new TextEncoder().encode(text), caller: text };
    this.do({ type: 'publish', item });
    return item;
  }

  request(text = 'hello', method = 'sum'): OutboxItem<string> {
    const item = { id: 0, name: method, payload: new TextEncoder().encode(text), caller: text };
    this.do({ type: 'request', item });
    return item;
  }

  subscribe(topic = 'news'): ClientCursor {
    const start = { from: 'now' as const, epoch: 0, offset: 0 };
    const cursor: ClientCursor = { id: 0, topic, start, reader: { take: () => {} } };
    this.do({ type: 'subscribe', cursor });
    return cursor;
  }

  /** Lets time pass, with a call at each deadline on the way, as a driver's timer would make. */
  pass(durationMs: number, bufferedBytes: number | (() => number) = 0): Effect[] {
    const before = this.effects.length;
    const endMs = this.nowMs + durationMs;
    const buffered = (): number => (typeof bufferedBytes === 'number' ? bufferedBytes : bufferedBytes());
    for (let atMs = this.session.nextDeadlineMs(); atMs !== undefined && atMs <= endMs;) {
      this.nowMs = Math.max(this.nowMs, atMs);
      this.do({ type: 'time', bufferedBytes: buffered() });
      atMs = this.session.nextDeadlineMs();
    }
    this.nowMs = endMs;
    return this.effects.slice(before);
  }

  /** Lets time pass until it dials; returns that effect. */
  untilDial(): Effect & { type: 'dial' } {
    for (let atMs = this.session.nextDeadlineMs(); atMs !== undefined; atMs = this.session.nextDeadlineMs()) {
      this.nowMs = Math.max(this.nowMs, atMs);
      const dial = this.do({ type: 'time', bufferedBytes: 0 }).find((effect) => effect.type === 'dial');
      if (dial) return dial;
    }
    throw new Error('It dials no more.');
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
