// The real programs that the e2e tests meet: installed through apt-get on Debian as root, else named.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { fail, run } from './tools.mjs';

/** Program to Debian package; the tests read the same list. */
const packageOf = JSON.parse(readFileSync(new URL('system-packages.json', import.meta.url), 'utf8'));

/** Debian keeps servers in /usr/sbin, which is not on every user's path. */
const env = { ...process.env, PATH: `${process.env.PATH ?? ''}:/usr/sbin:/sbin` };

function missingPackages(programs) {
  const isMissing = (program) => spawnSync('sh', ['-c', `command -v ${program}`], { env }).status !== 0;
  return programs.filter(isMissing).map((program) => packageOf[program]);
}

/**
 * Installs what is missing where that is possible, and says what to do where it is not. Without the programs that are
 * named nothing goes on; without any of the others, tests are skipped.
 */
export function ensureSystemPackages(needed = []) {
  const missing = missingPackages(needed.length > 0 ? needed : Object.keys(packageOf));
  if (missing.length === 0) return;
  const command = `apt-get install -y --no-install-recommends ${missing.join(' ')}`;
  const isDebianRoot = existsSync('/etc/debian_version') && process.getuid?.() === 0;
  if (!isDebianRoot && needed.length > 0)
    fail(`This needs ${missing.join(' and ')}. On Debian, install with:\n  ${command}`);
  if (!isDebianRoot) {
    console.warn(
      `\nTests that need ${missing.join(', ')} will be skipped. On Debian, install with:\n  ${command}\n`,
    );
    return;
  }
  console.log(`Installing ${missing.join(', ')} (apt-get) …`);
  withoutStartingServices(() => {
    const options = { env: { ...env, DEBIAN_FRONTEND: 'noninteractive' } };
    run('apt-get', ['update', '-qq'], options);
    run('apt-get', command.split(' ').slice(1), options);
  });
}

const endings = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/** Debian starts a server as soon as it is installed, unless this file forbids it (invoke-rc.d(8)). */
function withoutStartingServices(action) {
  const policy = '/usr/sbin/policy-rc.d';
  // Ctrl-C ends this process by its own exit, which takes the file away, and not by the signal, which would leave it.
  const end = () => process.exit(1);
  for (const signal of endings) process.once(signal, end);
  const isOurs = !existsSync(policy);
  if (isOurs) {
    writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
    process.once('exit', () => rmSync(policy, { force: true }));
  }
  action();
  if (isOurs) rmSync(policy, { force: true });
  // A signal that came meanwhile is heard in the next turn.
  setImmediate(() => endings.forEach((signal) => process.off(signal, end)));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) ensureSystemPackages();
