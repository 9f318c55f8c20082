import { expect, it } from 'vitest';
import { createChaosProxy, faultDescriptions, parseFaults } from '../src/proxy.ts';
import type { ChaosFaults } from '../src/proxy.ts';
import { seededRandom } from '../src/random.ts';

const target = { host: '127.0.0.1', port: 1 };

it('takes every fault at its bounds, and null for none', () => {
  const faults: Required<ChaosFaults> = {
    latencyMs: 0,
    jitterMs: 0.5,
    bandwidthBytesPerSecond: 1,
    blackHole: 'up',
    refuse: false,
    idleCutMs: 1,
    lifetimeCutMs: 86_400_000,
    splitEveryByte: true,
  };
  expect(parseFaults(faults)).toEqual(faults);
  expect(Object.keys(faultDescriptions).sort()).toEqual(Object.keys(faults).sort());
  expect(parseFaults(JSON.parse('{ "latencyMs": null }'))).toEqual({ latencyMs: undefined });
});

it.each([
  [{ latencyMs: -1 }, 'latencyMs must be a number of milliseconds from 0 to 86400000, not -1.'],
  [{ latencyMs: Number.NaN }, 'latencyMs must be a number of milliseconds from 0 to 86400000, not NaN.'],
  [{ idleCutMs: '3s' }, 'idleCutMs must be a number of milliseconds from 1 to 86400000, not "3s".'],
  [
    { lifetimeCutMs: Infinity },
    'lifetimeCutMs must be a number of milliseconds from 1 to 86400000, not Infinity.',
  ],
  [{ bandwidthBytesPerSecond: 0 }, /^bandwidthBytesPerSecond must be a number of bytes per second from 1 to/],
  [{ blackHole: 'sideways' }, 'blackHole must be one of up, down, both, not "sideways".'],
  [{ refuse: 1 }, 'refuse must be true or false, not 1.'],
  [{ latency: 3 }, /^There is no fault named "latency". Faults are: latencyMs, jitterMs, .*splitEveryByte.$/],
  [JSON.parse('{ "__proto__": 1 }'), /^There is no fault named "__proto__"/],
  [[], 'Faults must be an object such as { latencyMs: 200 }, not [].'],
  [null, 'Faults must be an object such as { latencyMs: 200 }, not null.'],
])('says what is wrong with %j', (value, message) => {
  expect(() => parseFaults(value)).toThrow(TypeError);
  expect(() => parseFaults(value)).toThrow(message);
});

it.each([
  [{ target: { host: '', port: 1 } }, 'target must be { host, port }'],
  [{ target: { host: 'a', port: 65_536 } }, 'not {"host":"a","port":65536}'],
  [{ target, seed: 1.5 }, 'seed must be an integer, not 1.5.'],
  [{ target, heldBytesMax: 0 }, 'heldBytesMax must be a whole number of bytes from 1, not 0.'],
  [{ target, faults: { latencyMs: -1 } }, 'latencyMs must be'],
])('createChaosProxy rejects %j', async (options, message) => {
  await expect(createChaosProxy(options)).rejects.toThrow(message);
});

it('a wrong change throws and changes nothing', async () => {
  const proxy = await createChaosProxy({ target, faults: { latencyMs: 5, jitterMs: 1 } });
  expect(() => proxy.set({ latencyMs: -1 })).toThrow('latencyMs must be');
  void proxy.set({ jitterMs: undefined, idleCutMs: 9 });
  expect(proxy.faults).toEqual({ latencyMs: 5, jitterMs: undefined, idleCutMs: 9 });
  await proxy.clear();
  expect(proxy.faults).toEqual({});
  await proxy.close();
});

it('a port in use is an error', async () => {
  const first = await createChaosProxy({ target });
  await expect(createChaosProxy({ target, port: first.port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  expect(first.url('ws')).toBe(`ws://127.0.0.1:${first.port}`);
  await first.close();
});

it('the same seed draws the same numbers, spread over [0, 1)', () => {
  const draw = (seed: number) => Array.from({ length: 2000 }, seededRandom(seed));
  expect(draw(5)).toEqual(draw(5));
  expect(draw(5)[0]).not.toBe(draw(6)[0]);
  for (const seed of [-1, 0, 1, 2 ** 32]) {
    const numbers = draw(seed);
    expect(Math.min(...numbers)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...numbers)).toBeLessThan(1);
    const mean = numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
    expect(mean).toBeGreaterThan(0.45);
    expect(mean).toBeLessThan(0.55);
  }
});
