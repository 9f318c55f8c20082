import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Program to Debian package; `scripts/system-packages.mjs` installs from the same list. */
const packageOf = JSON.parse(
  readFileSync(new URL('../scripts/system-packages.json', import.meta.url), 'utf8'),
) as Readonly<Record<string, string>>;

/** Debian keeps servers in /usr/sbin, which is not on every user's path. */
export const systemEnv: NodeJS.ProcessEnv = {
  ...process.env,
  PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`,
};

/**
 * Whether the real programs stand, for `describe.runIf(requirePeer('nginx'))`. With CI=true one that is missing
 * is a failure, because nobody would notice the skip; elsewhere it is a skip that says how to install it.
 * `netns` stands for the right to make network namespaces, `mount` for the right to mount.
 */
export function requirePeer(...names: readonly string[]): boolean {
  const sentences = names.map(missing).filter((sentence) => sentence !== undefined);
  if (sentences.length === 0) return true;
  const text = sentences.join('\n');
  if (process.env['CI'] === 'true') throw new Error(text);
  console.warn(`\nSKIPPED: ${text}\n`);
  return false;
}

function missing(name: string): string | undefined {
  if (name === 'netns') {
    if (succeeds('unshare --net true')) return undefined;
    return 'Network namespaces can’t be made here: run as root (in Docker with --cap-add NET_ADMIN --cap-add SYS_ADMIN).';
  }
  if (name === 'mount') {
    if (succeeds('unshare --mount true')) return undefined;
    return 'Disks can’t be mounted here: run as root (in Docker with --cap-add SYS_ADMIN).';
  }
  if (succeeds(`command -v ${name}`)) return undefined;
  return `${name} is missing: apt-get install -y ${packageOf[name] ?? name}`;
}

function succeeds(command: string): boolean {
  return spawnSync('sh', ['-c', command], { env: systemEnv }).status === 0;
}
