import { explain } from '../../../src/server/causes/explain.ts';
import type {
  ClientFlight,
  Cut,
  Evidence,
  ServerFlight,
  Surroundings,
  Verdict,
} from '../../../src/server/causes/verdict.ts';
import { hintNames, type HintName } from '../../../src/protocol/schema.ts';

export const nowMs = 1_800_000_000_000;

export interface Scene {
  /** What the client says, on top of an ordinary loss; undefined when it says nothing. */
  client?: Partial<ClientFlight> | undefined;
  server?: Partial<ServerFlight> | undefined;
  around?: Partial<Surroundings>;
}

/**
 * A connection of ten minutes that both sides saw end 300 ms ago, each with close code 1006, in a process that
 * started a day before. A scene changes what it is about.
 */
export function evidenceOf({ client, server, around }: Scene): Evidence {
  const agoMs = client?.agoMs ?? 300;
  const openMs = client?.openMs ?? server?.openMs ?? 600_000;
  return {
    client: client && {
      connection: 1,
      openMs,
      silentInMs: 4_321,
      silentOutMs: 5_432,
      endedBy: 'peer',
      code: 1006,
      hints: 0,
      sleptMs: 0,
      attempts: 0,
      agoMs,
      ...client,
    },
    server: server && {
      connection: 1,
      openMs,
      silentInMs: client?.silentInMs ?? 5_000,
      silentOutMs: client?.silentOutMs ?? 4_000,
      endedBy: 'peer',
      reason: 1006,
      endedAtMs: nowMs - agoMs,
      wasToldToGo: false,
      address: 0,
      ...server,
    },
    around: {
      nowMs,
      startedAtMs: nowMs - 86_400_000,
      node: { state: server ? 'here' : 'unheard' },
      address: 0,
      stall: undefined,
      cuts: [],
      ...around,
    },
  };
}

export function verdictOf(scene: Scene): Verdict {
  return explain(evidenceOf(scene));
}

export function hints(...names: HintName[]): number {
  return names.reduce((bits, name) => bits | (1 << hintNames.indexOf(name)), 0);
}

/** Exact cuts with these silences, a minute apart, on connections of different ages. */
export function quietCuts(...quietMs: number[]): Cut[] {
  return quietMs.map((quiet, index) => ({
    atMs: nowMs - 60_000 * (index + 1),
    openMs: quiet * 2 + 7_919 * index,
    quietMs: quiet,
    isExact: true,
    limit: undefined,
  }));
}

/** What the server records of a connection that it gave up as silent, or still has when its client is back. */
export const silent = {
  timedOut: { endedBy: 'server', reason: 'heartbeat-timeout', silentInMs: 45_000 },
  standing: { endedBy: 'nobody', reason: 'superseded', silentInMs: 12_000 },
} as const satisfies Record<string, Partial<ServerFlight>>;
