import { lookup } from 'node:dns/promises';
import { BlockList, isIP } from 'node:net';
import { BadInput } from '../bad-input.ts';
import { type Target } from '../doctor/probe/target.ts';

/** Loopback, private and link-local ranges (RFC 6890): what lies there is most likely the user's own. */
const ownRanges = new BlockList();
for (const [net, prefix] of [
  ['127.0.0.0', 8],
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['169.254.0.0', 16],
  ['198.18.0.0', 15],
] as const) {
  ownRanges.addSubnet(net, prefix, 'ipv4');
}
for (const [net, prefix] of [
  ['::1', 128],
  ['fc00::', 7],
  ['fe80::', 10],
] as const) {
  ownRanges.addSubnet(net, prefix, 'ipv6');
}

export function isPrivateAddress(address: string): boolean {
  return ownRanges.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
}

/**
 * The address that all connections will go to, asked for once so that a name can't move to another machine
 * meanwhile. Throws `BadInput` for one that may be somebody else's, unless the user answers for it.
 */
export async function addressOf(target: Target, ownsServer: boolean): Promise<string> {
  const address = target.isAddress ? target.host : await resolve(target.host);
  if (ownsServer || isPrivateAddress(address)) return address;
  throw new BadInput(
    `${target.host} (${address}) is neither this machine nor a private network. ` +
      'Load on a server of others is an attack: add --i-own-this-server if it is yours.',
  );
}

async function resolve(host: string): Promise<string> {
  try {
    return (await lookup(host)).address;
  } catch {
    throw new BadInput(`The name ${host} does not resolve.`);
  }
}
