import { describe, expect, it } from 'vitest';
import { HoldfastError } from '../../src/protocol/error-codes.ts';
import { Bed } from './bed.ts';
import { Wire } from './wire.ts';

describe('request()', () => {
  it('[REQ-4] resolves with the method’s result, and rejects with its HoldfastError', async () => {
    const bed = await Bed.live();
    bed.server.method('sum', ([a, b]: [number, number]) => a + b);
    bed.server.method('later', async (n: number) => n * 2);
    // As database clients give it: it can be waited for, and is no Promise.
    bed.server.method(
      'query',
      (n: number) =>
        ({
          // oxlint-disable-next-line unicorn/no-thenable
          then: (done: (rows: number[]) => void) => done([n, n]),
        }) as PromiseLike<number[]>,
    );
    bed.server.method('refuse', () => {
      throw new HoldfastError('not-authorized', 'Not today.');
    });
    bed.server.method('break', () => {
      throw new Error('a secret detail');
    });
    expect(await bed.wait(bed.client.request('sum', [1, 2]))).toBe(3);
    expect(await bed.wait(bed.client.request('later', 4))).toBe(8);
    expect(await bed.wait(bed.client.request('query', 5))).toEqual([5, 5]);
    await expect(bed.wait(bed.client.request('refuse', 1))).rejects.toMatchObject({
      code: 'not-authorized',
      message: 'Not today.',
    });
    const broken = bed.wait(bed.client.request('break', 1));
    await expect(broken).rejects.toMatchObject({ code: 'method-failed' });
    await expect(broken).rejects.not.toThrow('a secret detail');
    expect(await bed.codeOf(bed.client.request('nothing', 1))).toBe('unknown-method');
  });

  it('[HELLO-3] that comes with the hello runs once the application has heard of the session', async () => {
    const bed = new Bed();
    const names = new Map<string, string>();
    bed.server.on('connect', ({ session }) => void names.set(session.id, 'Ann'));
    bed.server.method('name', (_, { session }) => names.get(session.id));
    expect(await bed.wait(bed.client.request('name', null))).toBe('Ann');
  });

  it('[REQ-1] runs once, though its connection is cut again and again before the reply', async () => {
    const bed = await Bed.live();
    let runs = 0;
    bed.server.method('slow', async () => {
      runs++;
      await new Promise<void>((resolve) => bed.serverProcess.clock.setTimer(resolve, 5_000));
      return runs;
    });
    const reply = bed.client.request('slow', 1);
    for (let cut = 0; cut < 5; cut++) {
      await bed.pass(300);
      bed.line.cut();
      await bed.until(() => bed.client.status.phase === 'live');
    }
    expect(await bed.wait(reply)).toBe(1);
    expect(runs).toBe(1);
  });

  it('[REQ-1] does not run again when its reply is confirmed on one link while a retry is on its way on another', async () => {
    const bed = await Bed.live({ connectTimeoutMs: 60_000 }, { heartbeat: { intervalMs: 3_000 } });
    let runs = 0;
    bed.server.method('count', () => ++runs);
    const old = bed.line;
    old.down.block();
    const reply = bed.client.request('count', 1);
    await bed.pass(5);
    // The retry leaves with the hello on a new link, and stays on its way.
    bed.testbed.network.quality = { latencyMs: 100, jitterMs: 0, bytesPerMs: Infinity };
    bed.client.reconnect();
    await bed.until(() => bed.line !== old && bed.line.client.readyState === 1);
    const fresh = bed.line;
    fresh.blackHole();
    // Meanwhile the old link brings the reply, and with its next heartbeat the client confirms it.
    old.down.unblock();
    expect(await bed.wait(reply)).toBe(1);
    await bed.pass(4_000);
    old.cut();
    fresh.heal();
    await bed.until(() => bed.client.status.phase === 'live');
    expect(bed.line).toBe(fresh);
    expect(runs).toBe(1);
  });

  it('[ERR-1] rejects with "timed-out", and a late reply finds nobody', async () => {
    const bed = await Bed.live();
    bed.server.method(
      'slow',
      () => new Promise((resolve) => bed.serverProcess.clock.setTimer(() => resolve('late'), 3_000)),
    );
    expect(await bed.codeOf(bed.client.request('slow', 1, { timeoutMs: 1_000 }))).toBe('timed-out');
    await bed.pass(10_000);
    expect(bed.client.status).toMatchObject({ phase: 'live', queued: 0, unacknowledged: 0 });
  });

  it('[ERR-1] has no time limit with Infinity', async () => {
    const bed = await Bed.live();
    bed.server.method(
      'slow',
      () => new Promise((resolve) => bed.serverProcess.clock.setTimer(() => resolve('done'), 600_000)),
    );
    const reply = bed.client.request('slow', 1, { timeoutMs: Infinity });
    await bed.pass(601_000);
    expect(await bed.wait(reply)).toBe('done');
  });

  it('[ERR-1] rejects with invalid-payload when its reply can’t be decoded', async () => {
    const wire = await Wire.live();
    const reply = wire.client.request('sum', 1);
    await wire.turn();
    wire.socket.say({ type: 'reply', request: 1, payload: new TextEncoder().encode('{') });
    await expect(reply).rejects.toMatchObject({
      code: 'invalid-payload',
      message: expect.stringContaining('JSON'),
    });
    expect(wire.client.status.phase).toBe('live');
  });
});

describe('probe()', () => {
  it('[LIVE-3] measures a round trip', async () => {
    const bed = await Bed.live();
    bed.line.quality = { ...bed.line.quality, latencyMs: 40 };
    const { rttMs } = await bed.wait(bed.client.probe());
    expect(rttMs).toBe(80);
  });

  it('[ERR-1] rejects with "timed-out" when nothing answers, connected or not', async () => {
    const wire = await Wire.live();
    const silent = expect(wire.client.probe()).rejects.toMatchObject({ code: 'timed-out' });
    await wire.clock.advance(5_000);
    await silent;
    const away = new Bed({}, {}, 'ws://nowhere:1/');
    expect(await away.codeOf(away.client.probe())).toBe('timed-out');
  });

  it('[LIVE-3] that comes before the connection, or whose connection dies, is answered by the next', async () => {
    const bed = new Bed();
    const first = bed.client.probe();
    expect(bed.client.status.phase).toBe('connecting');
    expect(await bed.codeOf(first)).toMatch(/^resolved with .*rttMs/);
    bed.line.blackHole();
    expect(await bed.codeOf(bed.client.probe())).toMatch(/^resolved with .*rttMs/);
    expect(bed.client.status.phase).toBe('live');
  });

  it('[ERR-1] rejects at once when the client was closed, or has failed', async () => {
    const wire = await Wire.live();
    wire.socket.hangUp(4005, 'Enough.');
    await wire.turn();
    await expect(wire.client.probe()).rejects.toMatchObject({ code: 'ended-by-server', message: 'Enough.' });
    await wire.client.close();
    await expect(wire.client.probe()).rejects.toMatchObject({ code: 'closed' });
  });
});
