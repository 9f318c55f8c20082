import { describe, expect, it } from 'vitest';
import { ClientAddress, networksOf } from '../../src/server/admission/client-address.ts';

const behind = (proxies: string[] | undefined, header: 'x-forwarded-for' | 'forwarded' = 'x-forwarded-for') =>
  new ClientAddress(proxies, header);

describe('whose address a connection comes from', () => {
  it('[ADM-4] without trusted proxies nobody’s word is taken', () => {
    const headers = { 'x-forwarded-for': '198.51.100.7' };
    expect(behind(undefined).of({ address: '203.0.113.9', headers })).toBe('203.0.113.9');
    expect(behind(['10.0.0.0/8']).of({ address: '203.0.113.9', headers })).toBe('203.0.113.9');
  });

  it.each([
    ['198.51.100.7', '198.51.100.7'],
    ['1.2.3.4, 198.51.100.7', '198.51.100.7'],
    ['1.2.3.4,198.51.100.7 , 10.1.2.3', '198.51.100.7'],
    ['10.9.9.9, 198.51.100.7:4711', '198.51.100.7'],
    ['2001:db8::1', '2001:db8::1'],
    ['"[2001:db8::1]:4711"', '2001:db8::1'],
    ['198.51.100.7, unknown', '10.0.0.1'],
    ['198.51.100.7, 10.1.2.3, unknown', '10.0.0.1'],
    ['198.51.100.7, unknown, 10.1.2.3', '10.1.2.3'],
    ['<script>', '10.0.0.1'],
    ['', '10.0.0.1'],
  ])('[ADM-4] X-Forwarded-For: %s, read from the right, names %s', (value, expected) => {
    const headers = { 'x-forwarded-for': value };
    expect(behind(['10.0.0.0/8']).of({ address: '10.0.0.1', headers })).toBe(expected);
  });

  it('[ADM-4] a header that came several times is one list', () => {
    const headers = { 'x-forwarded-for': ['1.2.3.4', '198.51.100.7', '10.0.0.5'] };
    expect(behind(['10.0.0.0/8']).of({ address: '10.0.0.1', headers })).toBe('198.51.100.7');
  });

  it.each([
    ['for=198.51.100.7', '198.51.100.7'],
    ['for=1.2.3.4;by=x, For="198.51.100.7:47011";proto=https', '198.51.100.7'],
    ['proto=https;for="[2001:db8:cafe::17]:4711"', '2001:db8:cafe::17'],
    ['for=_hidden', '10.0.0.1'],
    ['for=unknown', '10.0.0.1'],
    ['proto=https', '10.0.0.1'],
  ])('[ADM-4] Forwarded: %s (RFC 7239) names %s', (value, expected) => {
    const headers = { forwarded: value, 'x-forwarded-for': '6.6.6.6' };
    expect(behind(['10.0.0.0/8'], 'forwarded').of({ address: '10.0.0.1', headers })).toBe(expected);
  });

  it('[ADM-4] the header that the proxies leave alone is not read', () => {
    const headers = { forwarded: 'for=6.6.6.6' };
    expect(behind(['10.0.0.0/8']).of({ address: '10.0.0.1', headers })).toBe('10.0.0.1');
  });

  it('[ADM-4] a proxy that comes over a Unix socket has no address, and is believed where others are', () => {
    const headers = { 'x-forwarded-for': '6.6.6.6, 198.51.100.7' };
    expect(behind(['10.0.0.0/8']).of({ address: '', headers })).toBe('198.51.100.7');
    expect(behind(['10.0.0.0/8']).of({ address: '', headers: {} })).toBe('');
    expect(behind(undefined).of({ address: '', headers })).toBe('');
  });

  it('[ADM-4] an IPv4 proxy is known on an IPv6 socket, too', () => {
    const headers = { 'x-forwarded-for': '::ffff:198.51.100.7' };
    expect(behind(['10.0.0.0/8']).of({ address: '::ffff:10.0.0.1', headers })).toBe('198.51.100.7');
  });
});

describe('what counts as one address', () => {
  it.each([
    ['198.51.100.7', '198.51.100.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
    ['2001:0DB8:1:2::6', '2001:db8:1:2'],
    ['2001:db8::6', '2001:db8:0:0'],
    ['2001:db8::', '2001:db8:0:0'],
    ['64:ff9b::192.0.2.1', '64:ff9b:0:0'],
  ])('[ADM-1] %s counts as %s', (address, key) => {
    expect(behind(undefined).keyOf(address)).toBe(key);
  });

  it('[ADM-1] none is not counted: it is a Unix socket’s', () => {
    expect(behind(undefined).keyOf('')).toBeUndefined();
    expect(behind(['10.0.0.0/8']).keyOf('')).toBeUndefined();
  });

  it('[ADM-1] private addresses are not counted, for they may be a proxy’s, until proxies are named', () => {
    for (const address of [
      '127.0.0.1',
      '10.1.2.3',
      '172.31.0.1',
      '192.168.1.1',
      '::1',
      'fd00::1',
      'fe80::1',
    ]) {
      expect(behind(undefined).keyOf(address), address).toBeUndefined();
    }
    expect(behind(['10.0.0.0/8']).keyOf('192.168.1.1')).toBe('192.168.1.1');
    expect(behind(['10.0.0.0/8']).keyOf('10.1.2.3'), 'a trusted proxy').toBeUndefined();
  });

  it('[ADM-4] networks are addresses with a length, and nothing else', () => {
    for (const good of ['10.0.0.0/8', '10.0.0.1', '::1', '2001:db8::/32', '0.0.0.0/0']) {
      expect(networksOf([good]), good).toBeDefined();
    }
    for (const bad of [
      '',
      '10.0.0.0/33',
      '10.0.0.0/',
      '10.0.0/8',
      'proxy',
      '::/129',
      '10.0.0.0/-1',
      '1.1.1.1/8x',
    ]) {
      expect(networksOf([bad]), bad).toBeUndefined();
    }
  });
});
