import { spawnSync } from 'node:child_process';
import { onTestFinished } from 'vitest';
import { systemEnv } from '../peers.ts';

/** A network namespace with one cable to this machine; gone when the test is over. */
export interface Network {
  /** This machine, as seen from inside. */
  readonly hostAddress: string;
  /** The inside, as seen from this machine. */
  readonly insideAddress: string;
  /** Runs a program inside. */
  readonly within: readonly string[];
  /** Drops this share of the packets, in percent, in each direction; 0 drops none. */
  drop(percent: number): void;
  /** Drops all packets to and from one TCP port of this machine, in both directions, until the next `drop`. */
  cutFrom(port: number): void;
  /** Gives the inside another address, as a change of network does: what was connected stays behind. */
  readdress(): void;
}

export function openNetwork(): Network {
  // Names of interfaces are at most 15 characters long; the process's number keeps runs apart.
  const id = process.pid % 16_384;
  const name = `holdfast${id}`;
  const [outside, inside] = [`hf${id}a`, `hf${id}b`];
  // A /30 of the range that is set aside for tests of networks (RFC 2544).
  const base = id * 4;
  const address = (host: number): string => `198.18.${(base + host) >> 8}.${(base + host) & 255}`;
  const within = ['ip', 'netns', 'exec', name];

  must(['ip', 'netns', 'add', name]);
  onTestFinished(() => must(['ip', 'netns', 'del', name]));
  must(['ip', 'link', 'add', outside, 'type', 'veth', 'peer', 'name', inside, 'netns', name]);
  // With its namespace the cable would go too, but only some time later, and its name with it.
  onTestFinished(() => must(['ip', 'link', 'del', outside]));
  must(['ip', 'addr', 'add', `${address(1)}/30`, 'dev', outside]);
  must(['ip', 'link', 'set', outside, 'up']);
  must([...within, 'ip', 'addr', 'add', `${address(2)}/30`, 'dev', inside]);
  must([...within, 'ip', 'link', 'set', inside, 'up']);
  return {
    hostAddress: address(1),
    insideAddress: address(2),
    within,
    drop(percent) {
      const some = `numgen random mod 100 < ${percent} drop`;
      const rule = percent === 0 ? 'accept' : percent === 100 ? 'drop' : some;
      must([...within, 'nft', '-f', '-'], ruleset(rule, rule));
    },
    cutFrom: (port) =>
      must([...within, 'nft', '-f', '-'], ruleset(`tcp sport ${port} drop`, `tcp dport ${port} drop`)),
    readdress() {
      const other = (host: number): string => address(host).replace(/^198\.18/, '198.19');
      must(['ip', 'addr', 'add', `${other(1)}/30`, 'dev', outside]);
      must([...within, 'ip', 'addr', 'flush', 'dev', inside]);
      must([...within, 'ip', 'addr', 'add', `${other(2)}/30`, 'dev', inside]);
      must([...within, 'ip', 'route', 'add', address(1), 'via', other(1)]);
    },
  };
}

/** The whole rule set, replaced in one transaction (nft(8)). */
function ruleset(input: string, output: string): string {
  const chains = Object.entries({ input, output }).map(
    ([hook, rule]) => `add chain inet holdfast ${hook} { type filter hook ${hook} priority 0; }
add rule inet holdfast ${hook} ${rule}`,
  );
  return ['flush ruleset', 'add table inet holdfast', ...chains, ''].join('\n');
}

function must([command, ...args]: readonly string[], input = ''): void {
  const { status, stderr, error } = spawnSync(command!, args, { env: systemEnv, encoding: 'utf8', input });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr || String(error)}`);
}
