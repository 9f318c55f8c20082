import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { expect, it } from 'vitest';

/** The goal is 9,000; until it is reached, this only falls. */
const CLIENT_BYTES_MAX = 11_100;

it('the client for browsers stays small, minified and gzipped', async () => {
  const { outputFiles } = await build({
    entryPoints: [join(import.meta.dirname, '../packages/holdfast/src/client/browser.ts')],
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    write: false,
  });
  expect(gzipSync(outputFiles[0]!.contents, { level: 9 }).length).toBeLessThanOrEqual(CLIENT_BYTES_MAX);
});
