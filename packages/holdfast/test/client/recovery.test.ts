import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { closeCodes } from '../../src/protocol/close-codes.ts';
import { HINT } from '../../src/session/flight-recorder.ts';
import { welcomeRecord } from '../session/client-hand.ts';
import { Wire, type FakeSocket } from './wire.ts';

const urls = ['ws://a/', 'ws://b/', 'ws://c/'];
const hints = [...(Object.keys(HINT) as (keyof typeof HINT)[]), 'visible'] as const;
/** Those that end no client for good. */
const codes = Object.values(closeCodes).flatMap(({ code, retry }) => (retry === 'backoff' ? [code] : []));

/** What a server or the network does to the socket that is the nth from the newest. */
const blow = fc.oneof(
  fc.record({ kind: fc.constantFrom('open', 'welcome', 'pong', 'beat', 'garbage') }),
  fc.record({ kind: fc.constant('close' as const), code: fc.constantFrom(1006, 1000, ...codes) }),
  fc.record({ kind: fc.constant('go-away' as const), ms: fc.nat(20_000) }),
);

const trouble = fc.oneof(
  fc.record({ kind: fc.constant('pass' as const), ms: fc.nat(30_000) }),
  fc.record({ kind: fc.constant('hint' as const), hint: fc.constantFrom(...hints) }),
  fc.record({ kind: fc.constantFrom('reconnect', 'publish', 'probe') }),
  fc.record({ kind: fc.constant('token' as const), how: fc.constantFrom('good', 'throws', 'hangs') }),
  fc.record({ kind: fc.constant('http' as const), status: fc.constantFrom(undefined, 0, 502, 503) }),
  fc.record({ kind: fc.constant('refuse' as const), refused: fc.subarray(urls) }),
  fc.record({ kind: fc.constant('blow' as const), nth: fc.nat(3), blow }),
);

/** A client whose every surrounding can go wrong. */
class Troubled {
  token = 'good';
  status: number | undefined;
  readonly wire: Wire;
  private readonly closed = new Set<FakeSocket>();

  constructor(count: number) {
    const token = async (): Promise<string> => {
      if (this.token === 'throws') throw new Error('no login');
      return this.token === 'hangs' ? new Promise<string>(() => {}) : 'token';
    };
    this.wire = new Wire({ token }, urls.slice(0, count), () => {
      const { status } = this;
      return status === undefined ? status : { status, retryAfterMs: status === 503 ? 5_000 : undefined };
    });
  }

  /** The sockets that are there. */
  get sockets(): FakeSocket[] {
    return this.wire.sockets.filter((socket) => socket.onclose !== null && !this.closed.has(socket));
  }

  get isWell(): boolean {
    return this.wire.client.status.phase === 'live' && this.sockets.length === 1;
  }

  async suffer(step: typeof trouble extends fc.Arbitrary<infer T> ? T : never): Promise<void> {
    const { wire } = this;
    await wire.turn();
    if (step.kind === 'pass') await wire.clock.advance(step.ms);
    else if (step.kind === 'hint') wire.hint(step.hint, 4_000);
    else if (step.kind === 'reconnect') wire.client.reconnect();
    else if (step.kind === 'publish') wire.client.publish('news', 1).catch(() => {});
    else if (step.kind === 'probe') wire.client.probe().catch(() => {});
    else if (step.kind === 'token') this.token = step.how;
    else if (step.kind === 'http') this.status = step.status;
    else if (step.kind === 'refuse')
      wire.refuseToOpen = (url) => (step.refused.includes(url) ? new Error('Blocked.') : undefined);
    else if (step.kind === 'blow') {
      const socket = this.sockets.at(-1 - step.nth);
      if (socket) this.strike(socket, step.blow);
    }
  }

  private strike(socket: FakeSocket, how: typeof blow extends fc.Arbitrary<infer T> ? T : never): void {
    const isOpen = socket.records.length > 0;
    if (how.kind === 'close') {
      this.closed.add(socket);
      socket.hangUp(how.code);
    } else if (!isOpen) {
      if (how.kind === 'open') socket.open();
    } else if (how.kind === 'welcome') socket.say(welcomeRecord());
    else if (how.kind === 'pong') socket.say({ type: 'pong', id: 1, finished: 0 });
    else if (how.kind === 'beat') socket.say({ type: 'ping', id: 1, tops: [] });
    else if (how.kind === 'garbage') socket.onmessage?.({ data: 'text' } as never);
    else if (how.kind === 'go-away') socket.say({ type: 'go-away', reconnectInMs: how.ms, reason: '' });
  }

  /** From now on all is well; but what is there already says nothing more, and HTTP is as it is. */
  async recover(): Promise<void> {
    const { wire } = this;
    this.token = 'good';
    wire.refuseToOpen = () => undefined;
    const dead = new Set(wire.sockets);
    const answered = new Map<FakeSocket, number>();
    for (let ms = 0, wellMs = 0; ms < 240_000 && wellMs < 10_000; ms += 500) {
      await wire.clock.advance(500);
      wellMs = this.isWell ? wellMs + 500 : 0;
      for (const socket of this.sockets.filter((present) => !dead.has(present))) {
        if (!answered.has(socket)) {
          socket.open();
          await wire.turn();
          socket.say(welcomeRecord());
        }
        const pings = socket.records.filter(({ type }) => type === 'ping');
        const last = pings.at(-1);
        const isNew = pings.length > (answered.get(socket) ?? 0);
        answered.set(socket, pings.length);
        if (isNew && last?.type === 'ping') socket.say({ type: 'pong', id: last.id, finished: 0 });
      }
    }
  }
}

it('[LIVE-5, RET-2] whatever happened, it is live again soon after the trouble ends, and holds one socket', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(1, 3),
      fc.array(trouble, { maxLength: 60, size: 'max' }),
      async (count, steps) => {
        const troubled = new Troubled(count);
        for (const step of steps) await troubled.suffer(step);
        await troubled.recover();
        expect(troubled.wire.client.status.phase).toBe('live');
        expect(troubled.isWell).toBe(true);
        void troubled.wire.client.close();
        await troubled.wire.clock.advance(3_000);
        expect(troubled.sockets.filter(({ closedWith }) => closedWith === undefined)).toEqual([]);
      },
    ),
    { numRuns: 300 },
  );
});
