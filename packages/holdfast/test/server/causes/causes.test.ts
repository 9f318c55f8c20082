import { describe, expect, it } from 'vitest';
import type { WireRecord } from '../../../src/protocol/schema.ts';
import { Causes } from '../../../src/server/causes/causes.ts';
import type { NodeFate, ServerFlight, Verdict } from '../../../src/server/causes/verdict.ts';
import type { Session } from '../../../src/server/sessions.ts';
import { evidenceOf, nowMs, silent } from './scene.ts';

/** Causes of a node whose time stands still until it is told, and what it explained. */
function bed({ flightsMax = 100, sessionTtlMs = 600_000 } = {}) {
  const explained: { session: string; verdict: Verdict }[] = [];
  const clock = { nowMs: () => time };
  let time = nowMs;
  const cluster = {
    hasOthers: false,
    fate: { state: 'unheard' } as NodeFate,
    fateOf: (node: string): NodeFate => (node === 'here' ? { state: 'here' } : cluster.fate),
  };
  const causes = new Causes({
    id: 'here',
    clock,
    wheel: { stall: undefined },
    limits: { flightsMax, sessionTtlMs },
    cluster,
    listener: { explained: ({ id }, verdict) => explained.push({ session: id, verdict }) },
  });
  const sessions = new Map<string, Session>();
  const session = (id: string): Session => {
    if (!sessions.has(id)) sessions.set(id, { id } as Session);
    return sessions.get(id)!;
  };
  const told: WireRecord<'cause'>[] = [];
  return {
    causes,
    cluster,
    explained,
    /** All that clients were told, in order. */
    told,
    ids: () => explained.map(({ session: id, verdict }) => `${id} ${verdict.id}`),
    pass: (ms: number) => (time += ms),
    end: (id: string, server: Partial<ServerFlight> = {}) =>
      causes.handleEnd(session(id), { ...evidenceOf({ server }).server!, endedAtMs: time, ...server }),
    /** The session is back; what its client is told. */
    back(id: string, flight?: Partial<WireRecord<'flight'>>, lastNode = 'here') {
      const said: WireRecord[] = [];
      const client = flight && { type: 'flight' as const, ...evidenceOf({ client: flight }).client! };
      const connection = {
        session: session(id),
        address: 0,
        machine: {
          send(record: WireRecord) {
            said.push(record);
            told.push(record as WireRecord<'cause'>);
          },
        },
      };
      causes.handleReturn(connection, lastNode, client);
      return said[0] as WireRecord<'cause'> | undefined;
    },
  };
}

describe('each disconnect is explained once', () => {
  it('[CAUSE-5] at once when nothing could change the verdict; its client is told when it is back', () => {
    const { end, ids, back, causes } = bed();
    end('ann', { endedBy: 'server', reason: 'token-expired' });
    expect(ids()).toEqual(['ann auth-expired']);
    expect(back('ann', { code: 4003 })).toMatchObject({ id: 'auth-expired', confidence: 98 });
    expect(ids()).toEqual(['ann auth-expired']);
    expect(causes.counts).toEqual({ 'auth-expired': 1 });
  });

  it('[CAUSE-2, CAUSE-5] when its client is back and has told its side', () => {
    const { end, ids, back, causes } = bed();
    end('ann', silent.standing);
    expect(ids()).toEqual([]);
    expect(back('ann', { endedBy: 'timeout', code: 0, agoMs: 30 })).toMatchObject({
      id: 'half-open',
      confidence: 85,
      text: expect.stringContaining('30 ms'),
      fix: expect.stringContaining('NAT'),
    });
    expect(causes.counts).toEqual({ 'half-open': 1 });
  });

  it('[CAUSE-5] when its client is back without a word, as one of another life', () => {
    const { end, ids, back } = bed();
    end('ann', { reason: 'gone' });
    expect(back('ann')).toBeUndefined();
    expect(ids()).toEqual(['ann client-closed']);
    expect(back('ann')).toBeUndefined();
    expect(ids()).toHaveLength(1);
  });

  it('[CAUSE-5] when its session has expired', () => {
    const { end, ids, pass, causes } = bed({ sessionTtlMs: 1_000 });
    end('ann');
    pass(600);
    end('bob', { reason: 'gone' });
    causes.expire(pass(401));
    expect(ids()).toEqual(['ann unknown']);
    causes.expire(pass(600));
    expect(ids()).toEqual(['ann unknown', 'bob client-closed']);
    causes.expire(pass(5_000));
    expect(ids()).toHaveLength(2);
  });

  it('[CAUSE-5] when the server closes', () => {
    const { end, ids, causes } = bed();
    end('ann');
    end('bob', { reason: 'closed' });
    causes.close();
    expect(ids()).toEqual(['bob client-closed', 'ann unknown']);
  });

  it('[CAUSE-5] when too many wait, the oldest first', () => {
    const { end, ids, back } = bed({ flightsMax: 2 });
    end('ann');
    end('bob');
    end('cleo');
    expect(ids()).toEqual(['ann unknown']);
    // What its client has to say now is all there is.
    expect(back('ann', { code: 4003 })).toMatchObject({ id: 'auth-expired' });
    expect(ids()).toEqual(['ann unknown', 'bob unknown', 'ann auth-expired']);
  });

  it('[CAUSE-5] when the next is lost before its client was back', () => {
    const { end, ids } = bed();
    end('ann', { connection: 1 });
    end('ann', { connection: 2 });
    expect(ids()).toEqual(['ann unknown']);
  });

  it('[CAUSE-2] a flight that is told again, since its first hello got no welcome, counts once', () => {
    const { end, ids, back } = bed();
    end('ann', { connection: 1, ...silent.standing });
    const flight = { connection: 1, endedBy: 'timeout', code: 0, agoMs: 30 } as const;
    expect(back('ann', flight)).toMatchObject({ id: 'half-open' });
    end('ann', { connection: 2 });
    expect(back('ann', { ...flight, agoMs: 900 })).toBeUndefined();
    expect(ids()).toEqual(['ann half-open', 'ann unknown']);
  });

  it('[CAUSE-2] of a connection to another node with its client’s record alone', () => {
    const { end, ids, back } = bed();
    end('ann', { connection: 1 });
    expect(back('ann', { connection: 4, code: 4010 }, 'there')).toMatchObject({ id: 'server-drain' });
    expect(ids()).toEqual(['ann unknown', 'ann server-drain']);
  });

  it('[CAUSE-5] not here, when its session is back on another node', () => {
    const { end, ids, causes } = bed();
    end('ann', { connection: 1 });
    causes.handleMove('ann', 2);
    end('bob', { endedBy: 'server', reason: 'superseded' });
    end('cleo', { connection: 3 });
    // Old news.
    causes.handleMove('cleo', 2);
    causes.close();
    expect(ids()).toEqual(['cleo unknown']);
  });

  it('[CAUSE-5] not here, when its client was asked to move to another node', () => {
    const { end, ids, cluster, causes } = bed();
    end('ann', { wasToldToGo: true });
    cluster.hasOthers = true;
    end('bob', { wasToldToGo: true });
    expect(ids()).toEqual(['ann server-drain']);
    causes.handleMove('bob', 2);
    causes.close();
    expect(ids()).toEqual(['ann server-drain']);
  });

  it('[CAUSE-4] cuts are compared with those before', () => {
    const { end, back, pass } = bed();
    const heard: string[] = [];
    for (let n = 1; n <= 6; n++) {
      pass(60_000);
      const openMs = 3_000 * n;
      end('ann', { connection: n, openMs });
      const quiet = { silentInMs: 3_000 + n, silentOutMs: 3_900 };
      const { id, confidence } = back('ann', { connection: n, openMs, agoMs: 10, ...quiet })!;
      heard.push(`${id} ${confidence}`);
    }
    expect(heard).toEqual([
      'unknown 0',
      'unknown 0',
      'idle-cut-by-intermediary 70',
      'idle-cut-by-intermediary 70',
      'idle-cut-by-intermediary 93',
      'idle-cut-by-intermediary 93',
    ]);
  });

  it('[CAUSE-4] a restart that cuts many does not make the others forgotten', () => {
    const { end, back, pass } = bed();
    const lose = (name: string, n: number): string => {
      const quiet = { silentInMs: 75_000, silentOutMs: 75_900 };
      end(name, { connection: n, openMs: 100_000 * n, ...quiet });
      return back(name, { connection: n, openMs: 100_000 * n, agoMs: 10, ...quiet })!.id;
    };
    for (let n = 1; n <= 4; n++) {
      pass(60_000);
      lose('ann', n);
    }
    pass(60_000);
    for (let i = 0; i < 1_000; i++) {
      end(`client ${i}`, { openMs: 7_000 });
      back(`client ${i}`, { openMs: 7_000, agoMs: 10 });
    }
    pass(60_000);
    expect(lose('bob', 7)).toBe('idle-cut-by-intermediary');
  });

  it('[CAUSE-2] texts fit the wire, however much there is to say', () => {
    const { end, back, pass } = bed();
    for (let n = 1; n <= 4; n++) {
      pass(60_000);
      end('ann', { connection: n, openMs: n * 100_000 });
      const cause = back('ann', {
        connection: n,
        openMs: n * 100_000,
        silentInMs: 60_000,
        silentOutMs: 60_000,
        agoMs: 0,
        hints: 2 ** 53 - 1,
        attempts: 2 ** 53 - 1,
      });
      expect(Buffer.byteLength(cause!.text)).toBeLessThanOrEqual(1_024);
    }
  });
});

describe('the end of another node', () => {
  const everyMs = 5_000;
  const lost = { agoMs: 200 };

  /** A client of another node, which was heard two seconds before, comes here 200 ms after it has lost it. */
  function scene(options?: Parameters<typeof bed>[0]) {
    const scene = bed(options);
    const heardAtMs = scene.pass(60_000) - 2_000;
    scene.cluster.fate = { state: 'alive', heardAtMs, everyMs };
    expect(scene.back('ann', lost, 'there')).toBeUndefined();
    scene.causes.review();
    expect(scene.ids(), 'nobody can know it yet').toEqual([]);
    return { ...scene, heardAtMs };
  }

  it('[CAUSE-6] is waited for: its client is told when nobody hears the node any more', () => {
    const { pass, cluster, causes, heardAtMs, ids, told } = scene();
    pass(20_000);
    cluster.fate = { state: 'silent', heardAtMs, everyMs };
    causes.review();
    expect(told).toMatchObject([{ id: 'server-crash', confidence: 75 }]);
    expect(told[0]!.text).toContain('1.8 s before');
    causes.review();
    expect(ids()).toEqual(['ann server-crash']);
  });

  it('[CAUSE-6] was not the reason, when it is heard again', () => {
    const { pass, cluster, causes, ids, told } = scene();
    cluster.fate = { state: 'alive', heardAtMs: pass(3_000), everyMs };
    causes.review();
    expect(told).toMatchObject([{ id: 'unknown', text: expect.stringContaining('still there') }]);
    expect(ids()).toEqual(['ann unknown']);
  });

  it('[CAUSE-6] is seen at once on the same machine', () => {
    const { pass, cluster, causes, heardAtMs, told } = scene();
    pass(1_000);
    cluster.fate = { state: 'ended', heardAtMs };
    causes.review();
    expect(told).toMatchObject([{ id: 'server-crash', confidence: 95 }]);
  });

  it('[CAUSE-6] is told to a thousand clients with each beat', () => {
    const { cluster, causes, back, heardAtMs, ids } = scene({ flightsMax: 3_000 });
    for (let i = 0; i < 2_000; i++) back(`client ${i}`, lost, 'there');
    cluster.fate = { state: 'silent', heardAtMs, everyMs };
    for (const count of [1_000, 2_000, 2_001]) {
      causes.review();
      expect(ids()).toHaveLength(count);
    }
    expect(causes.counts).toEqual({ 'server-crash': 2_001 });
  });

  it('[CAUSE-6] is not told by who hears nobody', () => {
    const { cluster, causes, told } = scene();
    cluster.fate = { state: 'unheard' };
    causes.review();
    expect(told).toMatchObject([{ id: 'unknown' }]);
  });

  it.each<[string, (of: ReturnType<typeof scene>) => void]>([
    ['its client is lost again', ({ end }) => end('ann', { connection: 2 })],
    ['its client goes on to a third node', ({ causes }) => causes.handleMove('ann', 3)],
    ['its session has expired', ({ causes, pass }) => causes.expire(pass(700_000))],
    ['too many wait', ({ end }) => end('bob')],
    ['the server closes', ({ causes }) => causes.close()],
  ])('[CAUSE-6] is waited for no longer when %s', (_, happen) => {
    const of = scene({ flightsMax: 1 });
    happen(of);
    expect(of.ids()[0]).toBe('ann unknown');
    const count = of.ids().length;
    of.cluster.fate = { state: 'silent', heardAtMs: of.heardAtMs, everyMs };
    of.causes.review();
    expect(of.ids()).toHaveLength(count);
  });

  it('[CAUSE-6] is not waited for when something else explains it', () => {
    const { cluster, back, ids } = bed();
    cluster.fate = { state: 'alive', heardAtMs: nowMs - 2_000, everyMs };
    expect(back('ann', { code: 4010, ...lost }, 'there')).toMatchObject({ id: 'server-drain' });
    expect(back('bob', { endedBy: 'move', code: 0 }, 'there')).toMatchObject({ id: 'client-closed' });
    expect(ids()).toHaveLength(2);
  });
});
