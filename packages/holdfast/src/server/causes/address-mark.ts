import type { Handshake } from '../engine.ts';

/** Headers by which a proxy says that the address is its own. */
const forwarding = ['x-forwarded-for', 'forwarded', 'via', 'x-real-ip', 'cf-connecting-ip'];
const FAMILY_SHIFT = 28;

/**
 * A number for the network that a client comes from, small enough to keep for each connection, and good for one
 * thing: to see that the next comes from another. 0 where it can't be told. With `isGiven` the address was found
 * out behind trusted proxies; else one may be a proxy's, which says nothing: load balancers have several.
 */
export function addressMark({ address, headers }: Handshake, isGiven: boolean): number {
  if (!isGiven && forwarding.some((name) => headers[name] !== undefined)) return 0;
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '');
  if (!plain.includes(':')) return plain === '' ? 0 : mark(1, plain);
  // The first half of an IPv6 address: devices change the second for privacy (RFC 8981).
  const network = /^(?:[\da-f]+:){4}/i.exec(plain)?.[0];
  return network === undefined ? 0 : mark(2, network);
}

/** Whether two connections came from different networks, for sure: a device with IPv4 and IPv6 may take either at any time. */
export function isElsewhere(one: number, other: number): boolean {
  return one !== 0 && other !== 0 && one !== other && one >> FAMILY_SHIFT === other >> FAMILY_SHIFT;
}

/** 28 bits of FNV-1a behind the family. */
function mark(family: number, text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return (family << FAMILY_SHIFT) | (hash >>> 4);
}
