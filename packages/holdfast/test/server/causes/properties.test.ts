import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { closeCodes, type CloseName } from '../../../src/protocol/close-codes.ts';
import { endings } from '../../../src/protocol/schema.ts';
import { cutOf } from '../../../src/server/causes/cuts.ts';
import { explain } from '../../../src/server/causes/explain.ts';
import {
  causeIds,
  HIGH_CONFIDENCE,
  type ClientFlight,
  type Cut,
  type Evidence,
  type LimitId,
  type NodeFate,
  type ServerFlight,
  type Surroundings,
} from '../../../src/server/causes/verdict.ts';
import { seededRandom } from '../../../src/testing/seeded-random.ts';
import { evidenceOf, nowMs } from './scene.ts';

const uint = fc.oneof(fc.nat(100_000), fc.nat(10_000_000), fc.maxSafeNat());
const ms = fc.oneof(fc.nat(5_000), fc.nat(100_000), fc.nat(10_000_000));
const codes = [0, 1000, 1001, 1005, 1006, 1009, 1011, 1012, 4000, 4003, 4004, 4006, 4010, 4999];

/** Whatever a client may put on the wire. */
const client: fc.Arbitrary<ClientFlight> = fc.record({
  connection: uint,
  openMs: uint,
  silentInMs: uint,
  silentOutMs: uint,
  endedBy: fc.constantFrom(...endings),
  code: fc.oneof(fc.constantFrom(...codes), uint),
  hints: fc.oneof(fc.nat(127), uint),
  sleptMs: uint,
  attempts: uint,
  agoMs: uint,
});

const server: fc.Arbitrary<ServerFlight> = fc.record({
  connection: fc.constant(1),
  openMs: ms,
  silentInMs: ms,
  silentOutMs: ms,
  endedBy: fc.constantFrom('server', 'peer', 'nobody'),
  reason: fc.constantFrom<CloseName | number>(...(Object.keys(closeCodes) as CloseName[]), 1002, 1006, 4999),
  endedAtMs: ms.map((agoMs) => nowMs - agoMs),
  wasToldToGo: fc.boolean(),
  address: fc.constantFrom(0, 0x1000_0001, 0x2000_0001),
});

const cut: fc.Arbitrary<Cut> = fc.record({
  atMs: ms.map((agoMs) => nowMs - agoMs),
  openMs: ms,
  quietMs: ms,
  isExact: fc.boolean(),
  limit: fc.constantFrom(undefined, 'idle-cut-by-intermediary', 'lifetime-cut-by-intermediary'),
});

const heardAtMs = ms.map((agoMs) => nowMs - agoMs);
const node: fc.Arbitrary<NodeFate> = fc.oneof(
  fc.constantFrom<NodeFate>({ state: 'here' }, { state: 'unheard' }, { state: 'left' }),
  fc.record({ state: fc.constant('ended' as const), heardAtMs }),
  fc.record({ state: fc.constantFrom('alive' as const, 'silent' as const), heardAtMs, everyMs: ms }),
);

const around: fc.Arbitrary<Surroundings> = fc.record({
  nowMs: fc.constant(nowMs),
  startedAtMs: ms.map((agoMs) => nowMs - agoMs),
  node,
  address: fc.constantFrom(0, 0x1000_0001, 0x1000_0002, 0x2000_0001),
  stall: fc.option(fc.record({ atMs: ms.map((agoMs) => nowMs - agoMs), forMs: ms }), { nil: undefined }),
  cuts: fc.array(cut, { maxLength: 40 }),
});

const evidence: fc.Arbitrary<Evidence> = fc
  .record({
    client: fc.option(client, { nil: undefined }),
    server: fc.option(server, { nil: undefined }),
    around,
  })
  .filter((one) => one.client !== undefined || one.server !== undefined);

const runs = { numRuns: 2_000 };
vi.setConfig({ testTimeout: 60_000 });

describe('verdicts on any evidence', () => {
  it('[CAUSE-3] are of the list, with a confidence and bounded evidence, and unknown exactly when nothing is sure', () => {
    fc.assert(
      fc.property(evidence, (one) => {
        const verdict = explain(one);
        expect(causeIds).toContain(verdict.id);
        expect(verdict.confidence).toBeGreaterThanOrEqual(verdict.id === 'unknown' ? 0 : 0.5);
        expect(verdict.confidence).toBeLessThanOrEqual(verdict.id === 'unknown' ? 0 : 1);
        expect(verdict.evidence.length).toBeGreaterThan(0);
        expect(verdict.evidence.join(' ').length).toBeLessThan(3_000);
        expect(explain(one)).toEqual(verdict);
      }),
      runs,
    );
  });

  it('[CAUSE-4] a close that this server has named is what it was, whatever a client says', () => {
    const isNamed = ({ endedBy, reason, wasToldToGo }: ServerFlight): boolean =>
      endedBy === 'server' &&
      typeof reason === 'string' &&
      reason !== 'superseded' &&
      reason !== 'heartbeat-timeout' &&
      !wasToldToGo;
    fc.assert(
      fc.property(client, server.filter(isNamed), around, (said, known, rest) => {
        const alone = explain({ client: undefined, server: known, around: rest });
        expect(explain({ client: said, server: known, around: rest }).id).toBe(alone.id);
      }),
      runs,
    );
  });

  it('[CAUSE-4] no client can make this server have closed, drained or refused what it did not', () => {
    const servers = [
      'server-drain',
      'server-closed',
      'server-crash',
      'auth-expired',
      'superseded',
      'overload',
    ];
    fc.assert(
      fc.property(client, server, around, (said, known, rest) => {
        const cutOff: ServerFlight = { ...known, endedBy: 'peer', reason: 1006, wasToldToGo: false };
        const verdict = explain({ client: said, server: cutOff, around: { ...rest, stall: undefined } });
        expect(servers).not.toContain(verdict.id);
      }),
      runs,
    );
  });

  it('[CAUSE-4] a loss with nothing special about it is unknown, however long it was open and silent', () => {
    // Silences and ages between the known defaults.
    const silentMs = fc.integer({ min: 0, max: 18_000 });
    const openMs = fc.integer({ min: 20_000, max: 28_000 });
    fc.assert(
      fc.property(silentMs, silentMs, openMs, fc.boolean(), (silentInMs, silentOutMs, open, isHere) => {
        const one = { openMs: open, silentInMs, silentOutMs };
        expect(explain(evidenceOf({ client: one, server: isHere ? one : undefined })).id).toBe('unknown');
      }),
      runs,
    );
  });

  it('[CAUSE-4] records that are of different connections never agree on anything', () => {
    const apart = fc.integer({ min: 30_000, max: 100_000 });
    fc.assert(
      fc.property(client, server, around, apart, (said, known, rest, apartMs) => {
        const one = { ...known, endedBy: 'nobody', reason: 'superseded', wasToldToGo: false } as const;
        const agoMs = nowMs - one.endedAtMs;
        const other: ClientFlight = {
          ...said,
          endedBy: 'timeout',
          sleptMs: 0,
          agoMs,
          openMs: one.openMs + apartMs,
        };
        expect(explain({ client: other, server: one, around: { ...rest, nowMs } }).id).toBe('unknown');
      }),
      runs,
    );
  });
});

describe('cuts at random', () => {
  it('[CAUSE-4] have no limit: of 10,000 none is named with high confidence, and few at all', () => {
    const random = seededRandom(7);
    let named = 0;
    let high = 0;
    const cuts: Cut[] = [];
    for (let i = 0; i < 10_000; i++) {
      const openMs = Math.round(-Math.log(1 - random()) * 120_000) + 50;
      const quietMs = Math.round(Math.min(openMs, random() * 25_000));
      const agoMs = Math.round(random() * 1_000);
      const one = evidenceOf({
        client: { openMs, silentInMs: quietMs, silentOutMs: quietMs + 10, agoMs },
        server: { openMs },
        around: { cuts },
      });
      const { id, confidence } = explain(one);
      if (id !== 'unknown') named++;
      if (confidence >= HIGH_CONFIDENCE) high++;
      cuts.push({
        ...cutOf(one)!,
        limit: id === 'unknown' ? undefined : (id as LimitId),
        atMs: nowMs - (i + 2) * 3_000,
      });
      if (cuts.length > 256) cuts.shift();
    }
    expect(high).toBe(0);
    expect(named).toBeLessThan(300);
  });
});
