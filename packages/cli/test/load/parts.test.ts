import { describe, expect, it } from 'vitest';
import { Histogram } from '../../src/load/histogram.ts';
import { addressOf, isPrivateAddress } from '../../src/load/private-target.ts';
import { SourceAddresses } from '../../src/load/source-addresses.ts';
import { parseTarget } from '../../src/doctor/probe/target.ts';

describe('a histogram of times', () => {
  it('gives each percentile to a twentieth, and the exact ends', () => {
    const histogram = new Histogram();
    for (let ms = 1; ms <= 1_000; ms += 1) histogram.record(ms);
    const { count, minMs, maxMs, percentilesMs } = histogram.summary()!;
    expect({ count, minMs, maxMs }).toEqual({ count: 1_000, minMs: 1, maxMs: 1_000 });
    for (const [percent, ms] of Object.entries(percentilesMs)) {
      const exact = Number(percent) * 10;
      expect(ms / exact, percent).toBeGreaterThan(0.95);
      expect(ms / exact, percent).toBeLessThan(1.06);
    }
  });

  it('has bars that hold everything', () => {
    const histogram = new Histogram();
    for (const ms of [0, 0.3, 0.3, 5, 7, 90_000, 10 ** 9]) histogram.record(ms);
    const { bars } = histogram.summary()!;
    expect(bars.reduce((sum, { count }) => sum + count, 0)).toBe(7);
    expect(bars.map(({ upToMs }) => upToMs)).toEqual(
      bars.map(({ upToMs }) => upToMs).toSorted((a, b) => a - b),
    );
  });

  it('says nothing of nothing', () => expect(new Histogram().summary()).toBeNull());
});

describe('whose server it is', () => {
  it.each([
    '127.0.0.1',
    '127.9.9.9',
    '10.0.0.1',
    '172.31.255.1',
    '192.168.1.1',
    '169.254.1.1',
    '::1',
    'fd00::1',
    'fe80::1',
  ])('%s is the user’s own', (address) => expect(isPrivateAddress(address)).toBe(true));

  it.each(['8.8.8.8', '172.32.0.1', '192.169.0.1', '100.64.0.1', '2001:db8::1', '::ffff:8.8.8.8', 'fec0::1'])(
    '%s may be somebody else’s',
    (address) => expect(isPrivateAddress(address)).toBe(false),
  );

  it('refuses an address of others, unless the user answers for it', async () => {
    const target = parseTarget('ws://203.0.113.7/');
    await expect(addressOf(target, false)).rejects.toThrow(/--i-own-this-server/);
    expect(await addressOf(target, true)).toBe('203.0.113.7');
    expect(await addressOf(parseTarget('ws://localhost/'), false)).toMatch(/^(127\.0\.0\.1|::1)$/);
  });
});

describe('the addresses to leave from', () => {
  it('one is enough while its ports are: the system chooses', () => {
    const sources = new SourceAddresses([], '127.0.0.1', 1_000, 900);
    expect([sources.count, sources.take()]).toEqual([1, undefined]);
  });

  it('further ones of loopback come in when the ports of one run out', () => {
    const sources = new SourceAddresses([], '127.0.0.1', 10, 25);
    const taken = Array.from({ length: 25 }, () => sources.take());
    expect(taken.filter((address) => address === '127.0.0.1')).toHaveLength(9);
    expect(new Set(taken)).toEqual(new Set(['127.0.0.1', '127.0.0.2', '127.0.0.3']));
    sources.giveBack('127.0.0.1');
    expect(sources.take()).toBe('127.0.0.1');
  });

  it('one that has no free port is passed over, but never the last', () => {
    const sources = new SourceAddresses(['192.0.2.1', '192.0.2.2'], '192.0.2.9', 10, 5);
    sources.noteExhausted(sources.take());
    expect(sources.take()).toBe('192.0.2.2');
    sources.noteExhausted('192.0.2.2');
    expect(sources.take()).toBe('192.0.2.2');
  });
});
