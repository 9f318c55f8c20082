import { BlockList, isIP } from 'node:net';
import type { Handshake } from '../engine.ts';

/** Which header a deployment's proxies append to. One, not both: nobody watches over the one they leave alone. */
export const forwardedHeaders = ['x-forwarded-for', 'forwarded'] as const;
export type ForwardedHeader = (typeof forwardedHeaders)[number];

/** Networks of this machine and of private use (RFC 6890): what comes from there is a proxy's, or a test's. */
const privateNetworks = networksOf([
  '127.0.0.0/8',
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '169.254.0.0/16',
  '::1',
  'fc00::/7',
  'fe80::/10',
])!;

/** Networks from a list such as `['10.0.0.0/8', '::1']`; undefined when an entry is no address and no network. */
export function networksOf(list: readonly string[]): BlockList | undefined {
  const networks = new BlockList();
  for (const entry of list) {
    const [address = '', prefix] = entry.split('/');
    const version = isIP(address);
    const bits = version === 4 ? 32 : 128;
    const length = prefix === undefined ? bits : /^\d{1,3}$/.test(prefix) ? Number(prefix) : NaN;
    if (version === 0 || !(length <= bits)) return undefined;
    networks.addSubnet(address, length, version === 4 ? 'ipv4' : 'ipv6');
  }
  return networks;
}

/** Finds out whose address a connection comes from, and under what it is counted. */
export class ClientAddress {
  private readonly proxies: BlockList | undefined;
  private readonly header: ForwardedHeader;

  constructor(trustedProxies: readonly string[] | undefined, header: ForwardedHeader) {
    this.proxies = trustedProxies && networksOf(trustedProxies);
    this.header = header;
  }

  /**
   * The client's address. Every proxy appends whom it heard from, so the list is read from the right, and for as
   * long as a trusted proxy vouches for the next entry; what stands further left anybody may have made up. Who has no
   * address came over a Unix socket of this machine, as proxies do.
   */
  of({ address, headers }: Pick<Handshake, 'address' | 'headers'>): string {
    let client = plain(address);
    if (!this.proxies) return client;
    const hops = hopsOf([headers[this.header] ?? []].flat().join(','), this.header);
    while (client === '' || isIn(this.proxies, client)) {
      const next = plain(hops.pop() ?? '');
      // A proxy that says "unknown" or nothing is the last that can be named.
      if (isIP(next) === 0) return client;
      client = next;
    }
    return client;
  }

  /**
   * What counts as one address: in IPv6 the network of 64 bits, which one household or server has to itself.
   * Undefined is not counted: a proxy's own address, or none, or a private one of which nobody said that it isn't one's.
   */
  keyOf(client: string): string | undefined {
    if (client === '' || isIn(this.proxies ?? privateNetworks, client)) return undefined;
    return isIP(client) === 6 ? networkOf(client) : client;
  }
}

function isIn(networks: BlockList, address: string): boolean {
  const version = isIP(address);
  return version !== 0 && networks.check(address, version === 4 ? 'ipv4' : 'ipv6');
}

/** The addresses of a header, leftmost first. RFC 7239 §4: `Forwarded: for="[2001:db8::1]:4711";proto=https, for=…`. */
function hopsOf(value: string, header: ForwardedHeader): string[] {
  const entries = value.split(',');
  if (header === 'x-forwarded-for') return entries;
  return entries.map((entry) => /(?:^|;)\s*for=("[^"]*"|[^;\s]*)/i.exec(entry)?.[1] ?? '');
}

/** Without quotes, brackets, port, zone, and the disguise in which IPv4 comes to an IPv6 socket (RFC 4291 §2.5.5.2). */
function plain(address: string): string {
  let text = address.trim().replaceAll('"', '');
  text = /^\[([^\]]*)\](?::\d+)?$/.exec(text)?.[1] ?? text;
  text = /^([\d.]+):\d+$/.exec(text)?.[1] ?? text;
  return text.replace(/%.*$/, '').replace(/^::ffff:(?=\d+\.)/i, '');
}

/** The first four groups of an IPv6 address, written out. */
function networkOf(address: string): string {
  const [head = '', tail] = address.split('::');
  const groups = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  // Groups that "::" stands for; an IPv4 tail takes the place of two.
  const written = groups.length + after.length + (address.includes('.') ? 1 : 0);
  if (tail !== undefined) for (let missing = 8 - written; missing > 0; missing--) groups.push('0');
  return [...groups, ...after]
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':');
}
