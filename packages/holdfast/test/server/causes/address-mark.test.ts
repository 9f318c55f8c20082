import { describe, expect, it } from 'vitest';
import { addressMark, isElsewhere } from '../../../src/server/causes/address-mark.ts';

const mark = (address: string, headers: Record<string, string> = {}, isGiven = false): number =>
  addressMark({ url: '/', address, headers }, isGiven);

describe('the mark of an address', () => {
  it('tells networks of one family apart', () => {
    expect(isElsewhere(mark('192.0.2.1'), mark('192.0.2.2'))).toBe(true);
    expect(isElsewhere(mark('2001:db8:0:1::1'), mark('2001:db8:0:2::1'))).toBe(true);
  });

  it.each([
    ['192.0.2.1', '::ffff:192.0.2.1'],
    // A device changes the second half by itself (RFC 8981).
    ['2001:db8:0:1::1', '2001:db8:0:1:aa:bb:cc:dd'],
    ['192.0.2.1', '2001:db8:0:1::1'],
    // The network stands in what is left out.
    ['2001:db8::1', '2001:db9::1'],
    ['', '192.0.2.1'],
  ])('never takes %j and %j for different places', (one, other) => {
    expect(isElsewhere(mark(one), mark(other))).toBe(false);
  });

  it('says nothing of an address that may be a proxy’s, unless it was found out behind trusted ones', () => {
    const headers = { 'x-forwarded-for': '198.51.100.7' };
    expect(mark('192.0.2.1', headers)).toBe(0);
    expect(mark('198.51.100.7', headers, true)).not.toBe(0);
  });

  it('fits into a small integer', () => {
    for (const address of ['192.0.2.1', 'ffff:ffff:ffff:ffff::1']) {
      expect(mark(address)).toBeGreaterThan(0);
      expect(mark(address)).toBeLessThan(2 ** 30);
    }
  });
});
