// What the commands of package.json share: run a program, install what is missing.
// Plain JavaScript, because it runs before anything is installed.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, statSync, writeFileSync, mkdirSync, readdirSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));
const stampFolder = join(root, 'node_modules', '.holdfast');

/** Runs a program in the foreground; ends this process with its code when it fails. */
export function run(command, args, options = {}) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit', ...options });
  if (error) fail(`${command} could not be started: ${error.message}`);
  if (status !== 0) process.exit(status ?? 1);
}

export function fail(text) {
  console.error(`\n${text}`);
  process.exit(1);
}

/** Says what is being done, and how long it took. */
export function runStep(name, step) {
  const startedMs = performance.now();
  console.log(`\n── ${name}`);
  step();
  console.log(`── ${name}: ${((performance.now() - startedMs) / 1_000).toFixed(1)} s`);
}

/** A program of node_modules/.bin, started with this very Node. */
export function runBin(name, args, options = {}) {
  run(join(root, 'node_modules', '.bin', name), args, options);
}

function stamp(name) {
  return join(stampFolder, name);
}

function isFresh(name, key) {
  return existsSync(stamp(name)) && readFileSync(stamp(name), 'utf8') === key;
}

function remember(name, key) {
  mkdirSync(stampFolder, { recursive: true });
  writeFileSync(stamp(name), key);
}

/** Installs the packages of the lock file, unless they already stand. */
export function ensureInstalled() {
  const lock = readFileSync(join(root, 'package-lock.json'), 'utf8');
  const key = createHash('sha256').update(lock).digest('hex');
  if (isFresh('installed', key)) return;
  const installedLock = join(root, 'node_modules', '.package-lock.json');
  const stands =
    existsSync(installedLock) &&
    statSync(installedLock).mtimeMs >= statSync(join(root, 'package-lock.json')).mtimeMs;
  if (!stands) {
    console.log('Installing packages (npm ci) …');
    run('npm', ['ci', '--no-audit', '--no-fund'], { shell: process.platform === 'win32' });
  }
  remember('installed', key);
}

function newestChange(folder) {
  let newest = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    newest = Math.max(newest, entry.isDirectory() ? newestChange(path) : statSync(path).mtimeMs);
  }
  return newest;
}

/** The packages that are built, in the order in which they need each other. */
const builtPackages = ['chaos', 'holdfast', 'cli'].filter((name) =>
  existsSync(join(root, 'packages', name, 'tsconfig.json')),
);

/** Builds each package whose sources are newer than its build. */
export function ensureBuilt({ force = false } = {}) {
  for (const name of builtPackages) {
    const folder = join(root, 'packages', name);
    const key = String(newestChange(join(folder, 'src')));
    if (!force && existsSync(join(folder, 'dist')) && isFresh(`built-${name}`, key)) continue;
    console.log(`Building packages/${name} …`);
    // What a source that is gone had been built to would be packed with the rest.
    rmSync(join(folder, 'dist'), { recursive: true, force: true });
    runBin('tsc', ['-p', folder]);
    remember(`built-${name}`, key);
  }
}
