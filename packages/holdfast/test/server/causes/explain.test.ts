import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  causeIds,
  HIGH_CONFIDENCE,
  type CauseId,
  type NodeFate,
} from '../../../src/server/causes/verdict.ts';
import { hints, nowMs, quietCuts, silent, verdictOf, type Scene } from './scene.ts';

/** Scenes of one cause, each with what makes it one. */
const certain: Record<Exclude<CauseId, 'unknown'>, Record<string, Scene>> = {
  'client-closed': {
    'it said goodbye': { server: { reason: 'closed' } },
    'the page was left': { server: { reason: 'gone' } },
    'it moved to another address': { client: { endedBy: 'move', code: 0 }, server: silent.standing },
  },
  'server-drain': {
    'it moved when it was asked': {
      client: { endedBy: 'move', code: 0 },
      server: { ...silent.standing, wasToldToGo: true },
    },
    'it had no time to move': { server: { endedBy: 'server', reason: 'going-away', wasToldToGo: true } },
    'it was another node': { client: { code: 4010 }, server: undefined },
  },
  'server-crash': {
    'nobody was there for a while, then a new process': {
      client: { attempts: 2, agoMs: 3_000 },
      around: { startedAtMs: nowMs - 800 },
    },
    'its process was on this machine, and is no more': {
      client: {},
      around: { node: { state: 'ended', heardAtMs: nowMs - 4_000 } },
    },
  },
  'server-closed': {
    'the application ended the session': { server: { endedBy: 'server', reason: 'ended-by-server' } },
    'close()': { client: { code: 1001 }, server: { endedBy: 'server', reason: 'gone' } },
    'its log failed': { server: { endedBy: 'server', reason: 'log-unavailable' } },
    'close() of a process that has a successor': {
      client: { code: 1001, agoMs: 2_000 },
      around: { startedAtMs: nowMs - 1_000 },
    },
  },
  'auth-expired': {
    'no new token came': { server: { endedBy: 'server', reason: 'token-expired' } },
    'the new token was refused': { server: { endedBy: 'server', reason: 'unauthorized' } },
    'on another node': { client: { code: 4003 } },
  },
  'idle-cut-by-intermediary': {
    'as three others at different times': {
      client: { silentInMs: 75_020, silentOutMs: 75_031 },
      server: {},
      around: { cuts: quietCuts(75_000, 75_044, 74_990) },
    },
    'on another node': {
      client: { silentInMs: 61_000, silentOutMs: 60_020 },
      around: { cuts: quietCuts(60_000, 60_010, 60_044) },
    },
  },
  'lifetime-cut-by-intermediary': {
    'as three others at different times': {
      client: { openMs: 1_800_040 },
      server: {},
      around: {
        cuts: [1_000, 22_000, 9_000].map((quietMs, index) => ({
          atMs: nowMs - 100_000 * (index + 1),
          openMs: 1_800_000 + 20 * index,
          quietMs,
          isExact: true,
          limit: undefined,
        })),
      },
    },
  },
  'network-lost': {
    'its system said so': {
      client: { endedBy: 'timeout', code: 0, hints: hints('offline', 'online'), agoMs: 9_000 },
      server: silent.standing,
    },
    'nothing came, and attempts failed': {
      client: { endedBy: 'timeout', code: 0, attempts: 2, agoMs: 30_000 },
      server: silent.timedOut,
    },
    'nothing came, and the first packets were lost': {
      client: { endedBy: 'timeout', code: 0, agoMs: 7_100 },
      server: silent.standing,
    },
  },
  'network-changed': {
    'its interfaces changed, and so did its address': {
      client: { endedBy: 'timeout', code: 0, hints: hints('network-changed', 'offline') },
      server: { ...silent.standing, address: 0x1000_0001 },
      around: { address: 0x1000_0002 },
    },
    'it came back from elsewhere': {
      client: { endedBy: 'timeout', code: 0, agoMs: 2_000 },
      server: { ...silent.standing, address: 0x1000_0001 },
      around: { address: 0x1000_0002 },
    },
  },
  'half-open': {
    'nothing came, while a new connection was quick': {
      client: { endedBy: 'timeout', code: 0, agoMs: 40 },
      server: silent.standing,
    },
    'the server had given it up, too': {
      client: { endedBy: 'timeout', code: 0, agoMs: 40 },
      server: { ...silent.timedOut, endedAtMs: nowMs - 3_000 },
    },
  },
  'device-slept': {
    'for longer than the server waits': {
      client: { hints: hints('slept'), sleptMs: 70_000, agoMs: 50 },
      server: { ...silent.timedOut, endedAtMs: nowMs - 30_000 },
    },
    'and had no network at first': {
      client: {
        hints: hints('slept', 'offline', 'online', 'network-changed'),
        sleptMs: 3_600_000,
        endedBy: 'timeout',
      },
      server: { ...silent.timedOut, endedAtMs: nowMs - 3_500_000 },
    },
    'on another node': { client: { hints: hints('slept'), sleptMs: 70_000, silentInMs: 71_000 } },
  },
  'tab-frozen': {
    'for longer than the server waits': {
      client: { hints: hints('hidden', 'frozen', 'slept'), sleptMs: 50_000 },
      server: { ...silent.timedOut, endedAtMs: nowMs - 20_000 },
    },
    'it came back from the cache': {
      client: { hints: hints('restored'), silentInMs: 50_000 },
      server: silent.timedOut,
    },
  },
  'too-big': {
    'the server refused it': { client: { code: 1009 }, server: { reason: 'too-big' } },
    'another node refused it': { client: { code: 1009 } },
  },
  'protocol-error': {
    'the server understood nothing': { server: { endedBy: 'server', reason: 'protocol-error' } },
    'the client understood nothing': {
      client: { endedBy: 'error', code: 0 },
      server: { reason: 'protocol-error' },
    },
    'its frames were broken': { server: { reason: 1002 } },
  },
  overload: {
    'the server had no room': { server: { endedBy: 'server', reason: 'overloaded' } },
    'the server did not run': {
      client: { endedBy: 'timeout', code: 0, agoMs: 4_000 },
      server: silent.standing,
      around: { stall: { atMs: nowMs - 8_000, forMs: 7_000 } },
    },
  },
  superseded: {
    'another client told nothing of a loss': { server: { endedBy: 'nobody', reason: 'superseded' } },
    'the client was told, and has taken it back': {
      client: { code: 4004 },
      server: { endedBy: 'server', reason: 'superseded' },
    },
  },
};

describe('verdicts on plain evidence', () => {
  for (const [id, scenes] of Object.entries(certain)) {
    for (const [what, scene] of Object.entries(scenes)) {
      it(`[CAUSE-3] ${id}: ${what}`, () => {
        const verdict = verdictOf(scene);
        expect(verdict).toMatchObject({ id });
        expect(verdict.confidence).toBeGreaterThanOrEqual(HIGH_CONFIDENCE);
        for (const text of [...verdict.evidence, verdict.fix ?? 'There is none.'])
          expect(text).toMatch(/^[A-Z].{10,}[.)]$/);
      });
    }
  }

  it('[CAUSE-3] every cause of the list has its scene, and its line in SPEC.md', () => {
    expect(Object.keys(certain).toSorted()).toEqual(causeIds.filter((id) => id !== 'unknown').toSorted());
    const spec = readFileSync(new URL('../../../../../SPEC.md', import.meta.url), 'utf8');
    const table = spec.slice(spec.indexOf('**CAUSE-3**'), spec.indexOf('**CAUSE-4**'));
    expect([...table.matchAll(/^\| `([a-z-]+)` \| .+\. \| .+\. \|$/gm)].map(([, id]) => id)).toEqual([
      ...causeIds,
    ]);
  });
});

describe('limits of what stands in between', () => {
  const cut = (quietMs: number, ...others: number[]) =>
    verdictOf({
      client: { silentInMs: quietMs, silentOutMs: quietMs + 900 },
      server: { silentInMs: quietMs, silentOutMs: quietMs },
      around: { cuts: quietCuts(...others) },
    });

  it('[CAUSE-4] a default that everybody knows is named at once, but not held for certain', () => {
    const verdict = cut(60_030);
    expect(verdict).toMatchObject({ id: 'idle-cut-by-intermediary', seconds: 60 });
    expect(verdict.confidence).toBeLessThan(HIGH_CONFIDENCE);
    expect(verdict.evidence[0]).toContain('60.0 s');
    expect(verdict.evidence[0]).toContain('nginx proxy_read_timeout’s default');
    expect(verdict.fix).toContain('intervalMs: 30000');
  });

  it('[CAUSE-4] a default that repeats is certain', () => {
    expect(cut(60_030, 60_010, 60_050, 60_000).confidence).toBeGreaterThanOrEqual(0.9);
  });

  it('[CAUSE-4] an unknown value is unknown at first, named when it repeats, and certain in the end', () => {
    expect(cut(3_010).id).toBe('unknown');
    expect(cut(3_010, 3_005).id).toBe('unknown');
    expect(cut(3_010, 3_005, 3_012)).toMatchObject({ id: 'idle-cut-by-intermediary', seconds: 3 });
    expect(cut(3_010, 3_005, 3_012).confidence).toBeLessThan(HIGH_CONFIDENCE);
    expect(cut(3_010, 3_005, 3_012, 3_003, 2_998).confidence).toBeGreaterThanOrEqual(HIGH_CONFIDENCE);
  });

  it('[CAUSE-4] among many others of all sizes, as many are no proof', () => {
    const others = Array.from({ length: 100 }, (_, index) => 1_600 + 43 * index);
    expect(cut(3_010, 3_005, 3_012, 3_003, 2_998, ...others).confidence).toBeLessThan(HIGH_CONFIDENCE);
  });

  it('[CAUSE-4] those that are cut together count once: it may have been a restart', () => {
    const cuts = quietCuts(3_005, 3_012, 3_003).map((one) => ({ ...one, atMs: nowMs - 500 }));
    const scene = {
      client: { silentInMs: 3_010, silentOutMs: 3_010 },
      server: {},
      around: { cuts },
    };
    expect(verdictOf(scene).id).toBe('unknown');
    expect(verdictOf(scene).evidence.join(' ')).toContain('3 others or more ended in the same second');
  });

  it('[CAUSE-4] a restart that catches some at the value of a limit is not taken for it', () => {
    const strays = quietCuts(100, 900, 12_000, 40_000).map((one) => ({ ...one, atMs: nowMs - 400 }));
    const verdict = verdictOf({
      client: { silentInMs: 60_020, silentOutMs: 60_020 },
      server: {},
      around: { cuts: [...quietCuts(60_000), ...strays] },
    });
    expect(verdict.id).toBe('unknown');
  });

  it('[CAUSE-4] what other limits cut in the same second does not speak against it', () => {
    const strays = quietCuts(100, 900, 12_000, 40_000).map((one) => ({
      ...one,
      atMs: nowMs - 400,
      limit: 'lifetime-cut-by-intermediary' as const,
    }));
    const verdict = verdictOf({
      client: { silentInMs: 60_020, silentOutMs: 60_020 },
      server: {},
      around: { cuts: [...quietCuts(60_000), ...strays] },
    });
    expect(verdict.id).toBe('idle-cut-by-intermediary');
  });

  it('[CAUSE-4] idle from the start: silence and age ended together, so neither is certain', () => {
    const same = quietCuts(5_005, 5_012, 5_003).map((one) => ({ ...one, openMs: one.quietMs + 15 }));
    const verdict = verdictOf({
      client: { openMs: 5_030, silentInMs: 5_010, silentOutMs: 5_010 },
      server: {},
      around: { cuts: same },
    });
    expect(verdict).toMatchObject({ id: 'idle-cut-by-intermediary' });
    expect(verdict.confidence).toBeLessThan(HIGH_CONFIDENCE);
    expect(verdict.evidence[0]).toContain('can’t be excluded');
  });

  it('[CAUSE-3] clients that never came back are compared by the server’s seconds', () => {
    const cuts = quietCuts(60_400, 59_600, 60_000, 60_900).map((one) => ({ ...one, isExact: false }));
    const verdict = verdictOf({ server: { silentInMs: 60_000, silentOutMs: 61_000 }, around: { cuts } });
    expect(verdict).toMatchObject({ id: 'idle-cut-by-intermediary', seconds: 60 });
  });
});

const heard = (state: 'alive' | 'silent', agoMs: number): NodeFate => ({
  state,
  heardAtMs: nowMs - agoMs,
  everyMs: 5_000,
});

describe('a node that nobody hears any more', () => {
  it('[CAUSE-6] has crashed, most likely, when its silence began with the loss; it may only be cut off', () => {
    const verdict = verdictOf({ client: { agoMs: 1_000 }, around: { node: heard('silent', 5_000) } });
    expect(verdict).toMatchObject({ id: 'server-crash' });
    expect(verdict.confidence).toBeLessThan(HIGH_CONFIDENCE);
    expect(verdict.evidence[0]).toContain('heard it last 4.0 s before the connection was lost');
  });

  it('[CAUSE-6] has not, when it was heard after the loss', () => {
    const around = { node: heard('alive', 1_000), startedAtMs: nowMs - 2_000 };
    const verdict = verdictOf({ client: { agoMs: 3_000 }, around });
    expect(verdict.id).toBe('unknown');
    expect(verdict.evidence.join(' ')).toContain('still there');
    expect(verdictOf({ client: { agoMs: 3_000 }, around: { node: heard('silent', 1_000) } }).id).toBe(
      'unknown',
    );
  });

  it('[CAUSE-3] a close by name of a node that said goodbye is believed', () => {
    const verdict = verdictOf({ client: { code: 1001 }, around: { node: { state: 'left' } } });
    expect(verdict).toMatchObject({ id: 'server-closed', confidence: 0.85 });
  });
});

describe('evidence that does not tell', () => {
  const unclear: Record<string, Scene> = {
    'a cut without more': { client: {}, server: {} },
    'a cut, and a client that did not come back': { server: {} },
    'a client that went silent and did not come back': { server: silent.timedOut },
    'a close that nobody here has sent': { client: { code: 4010 }, server: {} },
    'a proxy’s goodbye': { client: { code: 1001 }, server: { reason: 'gone' } },
    'a silence that only the client knows of': {
      client: { silentInMs: 75_000, silentOutMs: 75_000 },
      server: { silentInMs: 2_000, silentOutMs: 75_000 },
      around: { cuts: quietCuts(75_000, 75_010, 75_020, 75_030) },
    },
    'a cut of another node’s connection': { client: {} },
    'a node that was cut off, and whose connections were cut a while later': {
      client: {},
      around: { node: heard('silent', 8_000) },
    },
    'a node that nobody hears any more, and that told nobody': {
      client: { endedBy: 'timeout', code: 0 },
      around: { node: heard('silent', 3_000) },
    },
    'a node that was heard for a while, and ended later': {
      client: { agoMs: 60_000 },
      around: { node: { state: 'ended', heardAtMs: nowMs - 40_000 } },
    },
    'a node that said goodbye': { client: {}, around: { node: { state: 'left' } } },
    'a nap too short to end anything': {
      client: { hints: hints('slept'), sleptMs: 3_000 },
      server: { reason: 1006 },
    },
    'a timer of a hidden page that came late': {
      client: { hints: hints('hidden', 'slept'), sleptMs: 60_000, endedBy: 'timeout', attempts: 1 },
    },
    'a restart, and a device that slept': {
      client: { hints: hints('slept'), sleptMs: 40_000, silentInMs: 41_000, agoMs: 3_000 },
      around: { startedAtMs: nowMs - 2_000 },
    },
    'a machine that went silent, or a network': {
      client: { endedBy: 'timeout', code: 0, attempts: 3, agoMs: 60_000 },
      around: { startedAtMs: nowMs - 5_000 },
    },
    'a dial that took as long as one over many hops, or as one whose first packet was lost': {
      client: { endedBy: 'timeout', code: 0, agoMs: 1_500 },
      server: silent.standing,
    },
    'a client without a past, in place of one long silent': { server: silent.standing },
    'an address that proxies share': {
      client: {},
      server: { address: 0x1000_0001 },
      around: { address: 0x1000_0002 },
    },
    'an interface that came or went, while a new connection was quick': {
      client: { endedBy: 'timeout', code: 0, agoMs: 40, hints: hints('network-changed') },
      server: { ...silent.standing, address: 0x1000_0001 },
      around: { address: 0x1000_0001 },
    },
    'another family of addresses': {
      client: { agoMs: 5_000 },
      server: { ...silent.standing, address: 0x1000_0001 },
      around: { address: 0x2000_0002 },
    },
    'records that are of different times': {
      client: { endedBy: 'timeout', code: 0, openMs: 5_000, agoMs: 40 },
      server: { ...silent.standing, openMs: 900_000 },
    },
  };
  for (const [what, scene] of Object.entries(unclear)) {
    it(`[CAUSE-4] unknown, or not certain: ${what}`, () => {
      const verdict = verdictOf(scene);
      expect(verdict.confidence, verdict.id).toBeLessThan(HIGH_CONFIDENCE);
      expect(verdict.evidence.length).toBeGreaterThan(0);
      if (verdict.id === 'unknown') expect(verdict.confidence).toBe(0);
    });
  }

  it('[CAUSE-4] who stands in between is mentioned when it closed', () => {
    const { evidence } = verdictOf({ client: { code: 1001 }, server: { reason: 'gone' } });
    expect(evidence.join(' ')).toContain('Nobody here sent close code 1001');
  });
});
