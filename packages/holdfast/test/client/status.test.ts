import { describe, expect, it, vi } from 'vitest';
import type { Status } from '../../src/client/types.ts';
import { Bed, URL } from './bed.ts';
import { Wire } from './wire.ts';

describe('status', () => {
  it('[LIVE-5] is one frozen object until something changes', async () => {
    const bed = await Bed.live();
    const { status } = bed.client;
    expect(Object.isFrozen(status)).toBe(true);
    expect(bed.client.status).toBe(status);
    await bed.pass(5_000);
    expect(bed.client.status).toBe(status);
    bed.line.cut();
    await bed.until(() => bed.client.status !== status);
    expect(status.phase).toBe('live');
  });

  it('[LIVE-5] says which phase, since when, and where', async () => {
    const bed = new Bed();
    const { clock } = bed.testbed;
    expect(bed.client.status).toMatchObject({ phase: 'connecting', since: clock.nowMs(), attempt: 0 });
    await bed.until(() => bed.client.status.phase === 'live');
    const liveAtMs = bed.client.status.since;
    await bed.pass(60_000);
    expect(bed.client.status).toMatchObject({
      phase: 'live',
      since: liveAtMs,
      endpoint: URL,
      retryAt: undefined,
      attempt: 0,
    });
    expect(bed.client.status.rttMs).toBeGreaterThan(0);
  });

  it('[RET-2] says when the next attempt comes, which one it is, and why', async () => {
    const wire = await Wire.live({}, { returnWindowMs: 4_000, returnPlace: 32_768 });
    wire.socket.hangUp(4010, 'The server is being drained.');
    expect(wire.client.status).toMatchObject({
      phase: 'waiting',
      attempt: 1,
      retryAt: wire.clock.nowMs() + 2_000,
      cause: { code: 'going-away', text: 'The server is being drained.' },
    });
    await wire.clock.advance(2_000);
    expect(wire.client.status).toMatchObject({ phase: 'connecting', retryAt: undefined });
  });

  it('[RET-2] counts attempts until the connection has lived for a while', async () => {
    const wire = new Wire({ backoff: { stableMs: 5_000 } });
    await wire.turn();
    wire.socket.hangUp();
    await wire.clock.advance(1_000);
    await wire.welcome();
    expect(wire.client.status).toMatchObject({ phase: 'live', attempt: 1 });
    await wire.clock.advance(5_000);
    expect(wire.client.status).toMatchObject({ phase: 'live', attempt: 0 });
  });

  it('[PUB-4] counts what waits, and what was sent and is not answered', async () => {
    const wire = await Wire.live({}, { window: 16 });
    for (let n = 1; n <= 20; n++) void wire.client.publish('news', n);
    expect(wire.client.status).toMatchObject({ queued: 4, unacknowledged: 16 });
    wire.socket.say({ type: 'published', sequence: 1, epoch: 1, offset: 1 });
    expect(wire.client.status).toMatchObject({ queued: 3, unacknowledged: 16 });
    wire.socket.hangUp();
    await wire.turn();
    expect(wire.client.status).toMatchObject({ queued: 3, unacknowledged: 16 });
    await wire.clock.advance(1);
    wire.socket.open();
    expect(wire.client.status).toMatchObject({ queued: 3, unacknowledged: 16 });
  });

  it('[LIVE-5] onStatus() tells each state once, and no more when it was taken off', async () => {
    const bed = new Bed();
    const seen: Status[] = [];
    const off = bed.client.onStatus((status) => seen.push(status));
    await bed.until(() => bed.client.status.phase === 'live');
    bed.line.cut();
    await bed.until(() => bed.client.status.phase !== 'live');
    await bed.until(() => bed.client.status.phase === 'live');
    expect(new Set(seen).size).toBe(seen.length);
    const phases = seen.map(({ phase }) => phase).filter((phase, index, all) => phase !== all[index - 1]);
    expect(phases.filter((phase) => phase === 'live')).toHaveLength(2);
    expect(phases.at(-1)).toBe('live');
    off();
    const told = seen.length;
    bed.line.cut();
    await bed.pass(10_000);
    expect(seen).toHaveLength(told);
  });
});

describe('a listener that throws', () => {
  it('[RET-4] keeps nobody from hearing that the client was closed', async () => {
    const wire = await Wire.live();
    wire.client.onStatus(() => {
      throw new Error('The listener’s own.');
    });
    const request = wire.client.request('sum', 1).catch((error: { code: string }) => error.code);
    wire.socket.hangUp(4005, 'Enough.');
    await expect(wire.turn()).rejects.toThrow('The listener’s own.');
    expect(await request).toBe('ended-by-server');
  });

  it('[LIVE-5] keeps no other from hearing of a state', async () => {
    const wire = await Wire.live();
    const phases: string[] = [];
    wire.client.onStatus(() => {
      throw new Error('The listener’s own.');
    });
    wire.client.onStatus(({ phase }) => phases.push(phase));
    wire.socket.hangUp();
    await expect(wire.turn()).rejects.toThrow('The listener’s own.');
    expect(phases).toEqual(['waiting']);
  });

  it('[SUB-3] to the errors of a subscription, leaves all others as they were', async () => {
    const said = vi.spyOn(console, 'error').mockImplementation(() => {});
    const bed = await Bed.live();
    const seen: number[] = [];
    const broken = bed.client.subscribe('news', () => {
      throw new Error('The handler’s own.');
    });
    broken.on('error', (error) => {
      throw error;
    });
    await bed.wait(bed.client.subscribe('news', (n: number) => seen.push(n)).ready);
    for (const n of [1, 2]) await bed.wait(bed.server.publish('news', n));
    await bed.until(() => seen.length === 2);
    expect(said).toHaveBeenCalledTimes(2);
    said.mockRestore();
  });
});

describe('a client whose connection goes silent', () => {
  it('[LIVE-5] is live on another within seconds, and loses nothing', async () => {
    const bed = await Bed.live();
    const [seen, phases]: [number[], Set<string>] = [[], new Set()];
    bed.client.onStatus(({ phase }) => phases.add(phase));
    await bed.wait(bed.client.subscribe('news', (n: number) => seen.push(n)).ready);
    bed.line.blackHole();
    await bed.server.publish('news', 1);
    const publish = bed.client.publish('news', 2);
    const beganMs = bed.testbed.clock.nowMs();
    await bed.wait(publish);
    await bed.until(() => seen.length === 2);
    expect(bed.testbed.clock.nowMs() - beganMs).toBeLessThan(6_000);
    expect(seen).toEqual([1, 2]);
    expect([...phases]).toContain('suspect');
  });
});
