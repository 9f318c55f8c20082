import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Plugin } from 'esbuild';
import type { PeerName } from '../peers/peer.ts';

const benchFolder = fileURLToPath(new URL('..', import.meta.url));
const outFolder = join(benchFolder, 'results', 'build');

/**
 * The raw peer is measured on the very `ws` that Holdfast uses; Socket.IO brings its own version along,
 * and that one may be what `ws` means at the repository's root.
 */
const sameWs: Plugin = {
  name: 'same-ws',
  setup({ onResolve }) {
    const holdfast = createRequire(join(benchFolder, '..', 'packages', 'holdfast', 'package.json'));
    const path = join(dirname(holdfast.resolve('ws/package.json')), 'wrapper.mjs');
    onResolve({ filter: /^ws$/ }, () => ({ path, external: true }));
  },
};

/**
 * Compiles one file with all it imports, as a release would be. Running the sources through a loader instead
 * would slow them down against peers that come compiled.
 */
async function compile(file: string): Promise<string> {
  const outfile = join(outFolder, `${basename(file, '.ts')}.mjs`);
  await build({
    entryPoints: [file],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    conditions: ['source'],
    external: ['socket.io', 'socket.io-client', 'jose', 'lmdb', '@redis/client'],
    plugins: [sameWs],
    sourcemap: 'inline',
    logLevel: 'silent',
  });
  return outfile;
}

export function compileWorker(name: string): Promise<string> {
  return compile(join(benchFolder, 'workers', `${name}.ts`));
}

export function compilePeer(name: PeerName): Promise<string> {
  const file = join(benchFolder, 'peers', `${name}.ts`);
  if (!existsSync(file)) throw new Error(`There is no peer ${name}: ${file} is missing.`);
  return compile(file);
}
