import { describe, expect, it } from 'vitest';
import { busy, died, FIN, healthy, idleLimit, judge, nginx, silence, tried } from './ways.ts';

describe('the verdict on silence', () => {
  it('is sure of the proxy whose default it is', () => {
    const found = judge(healthy({ idle: idleLimit(60_000), answerer: nginx }));
    expect(found).toMatchObject({ id: 'idle-limit', hop: 'proxy', confidence: 'high', limitMs: 60_000 });
    expect(found.heartbeatMs).toBe(25_000);
    expect(found.fix?.snippet).toContain('proxy_read_timeout 75s;');
  });

  it('never advises to lower a limit', () => {
    const found = judge(healthy({ idle: idleLimit(100_000), answerer: nginx }));
    expect(found.fix?.snippet).toContain('proxy_read_timeout 3600s;');
  });

  it('is not sure of a proxy with another limit: the server behind it may do it', () => {
    expect(judge(healthy({ idle: idleLimit(7_000), answerer: nginx }))).toMatchObject({
      hop: 'proxy',
      confidence: 'medium',
    });
  });

  it('does not blame the server for what a forward proxy may have done', () => {
    const forwardProxy = {
      address: 'proxy:3128',
      outcome: 'tunnel',
      status: 200,
      code: null,
      ms: 3,
    } as const;
    const answerer = { products: [], bareNode: true, statuses: [400, 400] };
    const idle = idleLimit(9_000, { trials: [died(9_000, FIN)] });
    expect(judge(healthy({ idle, answerer }))).toMatchObject({ hop: 'server' });
    expect(judge(healthy({ idle, answerer, forwardProxy }))).toMatchObject({
      hop: 'client-network',
      confidence: 'medium',
    });
  });

  it('blames no firewall for silence when busy connections fall silent, too', () => {
    const forgotten = (ping: 'lived' | 'died') =>
      silence({
        result: { kind: 'limit', limitMs: 1_500, longestLivedMs: 1_200, shortestDeadMs: 1_500 },
        trials: [died(1_500, null, 'probe')],
        activities: [tried('silent', 'died'), tried('ping', ping), tried('tcp-keepalive', 'died')],
      });
    expect(judge(healthy({ idle: forgotten('lived') }))).toMatchObject({ id: 'idle-forgotten' });
    expect(judge(healthy({ idle: forgotten('died') }))).toMatchObject({
      id: 'lifetime-limit',
      confidence: 'low',
    });
  });

  it('compares both ways', () => {
    const way = healthy({ idle: idleLimit(7_000), answerer: nginx });
    const asServer = judge(way, { direct: healthy({ idle: idleLimit(7_000) }) });
    expect(asServer).toMatchObject({ hop: 'server', confidence: 'high' });
    expect(asServer.fix?.product).toBeNull();
    expect(judge(way, { direct: healthy() })).toMatchObject({ hop: 'proxy', confidence: 'high' });
  });

  it('knows the server by its Close frame', () => {
    const idle = idleLimit(9_000, {
      trials: [died(9_000, { how: 'close-frame', code: 4000, reason: 'idle' })],
    });
    expect(judge(healthy({ idle, answerer: nginx }))).toMatchObject({ hop: 'server', confidence: 'high' });
  });

  it('knows the server by counting messages only', () => {
    const activities = [tried('silent', 'died'), tried('ping', 'died'), tried('data', 'lived')];
    const ended = { ...busy, endedAtMs: 9_000, ending: FIN };
    const idle = idleLimit(9_000, { activities, busy: ended });
    expect(judge(healthy({ idle, answerer: nginx }))).toMatchObject({ id: 'idle-limit', hop: 'server' });
  });

  it('knows a firewall by what only fails when it is used', () => {
    const idle = idleLimit(300_000, {
      trials: [died(300_000, null, 'probe')],
      activities: [tried('silent', 'died'), tried('ping', 'lived'), tried('tcp-keepalive', 'lived')],
    });
    const found = judge(healthy({ idle, answerer: nginx }));
    expect(found).toMatchObject({ id: 'idle-forgotten', hop: 'client-network', confidence: 'high' });
  });

  it('tells an age from silence: a busy connection ends too, and again', () => {
    const activities = [
      tried('silent', 'died', 30_000),
      tried('ping', 'died', 30_100),
      tried('data', 'died', 29_900),
    ];
    const ended = { ...busy, endedAtMs: 30_000, ending: FIN };
    const found = judge(healthy({ idle: idleLimit(30_000, { activities, busy: ended }) }));
    expect(found).toMatchObject({ id: 'lifetime-limit', limitMs: 29_900, heartbeatMs: null });
  });

  it('tells one event from an age: it does not come again', () => {
    const activities = [tried('silent', 'lived'), tried('ping', 'lived'), tried('data', 'lived')];
    const ended = { ...busy, endedAtMs: 30_200, ending: FIN };
    const idle = idleLimit(30_000, { activities, busy: ended, trials: [died(30_000)] });
    expect(judge(healthy({ idle, answerer: nginx }))).toMatchObject({ id: 'closed-together', hop: 'proxy' });
  });

  it('admits that it found no pattern', () => {
    const result = { kind: 'inconsistent', longestLivedMs: 9_000, shortestDeadMs: 2_000 } as const;
    const idle = silence({ result, trials: [died(2_000)] });
    expect(judge(healthy({ idle }))).toMatchObject({ id: 'drops-at-random', confidence: 'low' });
  });
});
