import type {
  Activity,
  IdleMeasured,
  Measurements,
  Trial,
  WayMeasurements,
} from '../../src/doctor/measurements.ts';
import type { Ending } from '../../src/doctor/probe/connection.ts';
import { verdict } from '../../src/doctor/verdict/verdict.ts';

// Literal measurements, from which the tests of the verdict build their cases.

export const FIN: Ending = { how: 'fin' };
export const open = { kind: 'open', headers: {}, subprotocol: null, extensions: null } as const;

/** A way on which everything works. */
export function healthy(change: Partial<WayMeasurements> = {}): WayMeasurements {
  return {
    url: 'ws://example.test/',
    secure: false,
    names: { addresses: [{ address: '192.0.2.1', family: 4 }], error: null, ms: 3 },
    tcp: { attempts: [{ address: '192.0.2.1', outcome: 'connected', ms: 9 }] },
    answerer: { products: [], bareNode: false, statuses: [400, 400] },
    upgrade: {
      attempts: [{ origin: 'http://example.test', outcome: open, ms: 12 }],
      ownPageOf: [],
      plainStatus: null,
    },
    subprotocol: { requested: [], selected: null },
    origin: { foreignOrigin: 'refused' },
    ping: { pongMs: 9, pinged: true, ending: null, endedAfterMs: null, alive: true },
    compression: { negotiated: false, extensions: null, pongMs: 9, ending: null },
    connections: {
      wanted: 20,
      opened: 20,
      refusal: null,
      openedSlowly: null,
      openedAlone: [],
      endedWhileHeld: 0,
    },
    idle: silence(),
    refusals: [],
    ...change,
  };
}

export const busy = { intervalMs: 1_000, openedAtMs: 0, endedAtMs: null, ending: null };

export function silence(change: Partial<IdleMeasured> = {}): IdleMeasured {
  return {
    idleMaxMs: 75_000,
    result: { kind: 'none', longestLivedMs: 75_000 },
    trials: [],
    busy,
    activities: [],
    serverSpeaksEveryMs: null,
    ...change,
  };
}

export const died = (
  silentMs: number,
  ending: Ending | null = FIN,
  noticed: Trial['noticed'] = 'during',
): Trial => ({
  gapMs: silentMs + 1_000,
  outcome: 'died',
  openedAtMs: 0,
  endedAtMs: silentMs,
  silentMs,
  noticed,
  ending,
});

export const tried = (kind: Activity['kind'], outcome: Activity['outcome'], livedMs = 80_000): Activity => ({
  kind,
  intervalMs: 20_000,
  wantedMs: 80_000,
  livedMs,
  outcome,
  ending: outcome === 'died' ? FIN : null,
});

/** Silent connections were closed after `limitMs`; pings and messages held that back. */
export function idleLimit(limitMs: number, change: Partial<IdleMeasured> = {}): IdleMeasured {
  return silence({
    result: { kind: 'limit', limitMs, longestLivedMs: limitMs * 0.7, shortestDeadMs: limitMs },
    trials: [died(limitMs), died(limitMs)],
    activities: [tried('silent', 'died', limitMs), tried('ping', 'lived'), tried('data', 'lived')],
    ...change,
  });
}

export function judge(way: WayMeasurements, rest: Partial<Omit<Measurements, 'public'>> = {}, via?: string) {
  const asked = { subprotocols: [], expect: null, heartbeatMs: null };
  return verdict({ public: way, direct: null, asked, ...rest }, via);
}

/** nginx gave itself away. */
export const nginx = {
  products: [{ id: 'nginx', strength: 'strong' as const }],
  bareNode: false,
  statuses: [400, 400],
};
