import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

export interface PageFile {
  readonly type: string;
  readonly body: string | Uint8Array;
}

const folder = new URL('../page/', import.meta.url);

/** Everything the page consists of, by path. Script and style are bundled here, once, at start-up. */
export async function loadPageFiles(): Promise<ReadonlyMap<string, PageFile>> {
  const [html, storm, script, style] = await Promise.all([
    readFile(new URL('page.html', folder)),
    readFile(new URL('../../../../docs/storm.svg', import.meta.url)),
    bundle('main.ts'),
    bundle('page.css'),
  ]);
  return new Map([
    ['/', { type: 'text/html; charset=utf-8', body: html }],
    ['/storm.svg', { type: 'image/svg+xml', body: storm }],
    ['/page.js', { type: 'text/javascript; charset=utf-8', body: script }],
    ['/page.css', { type: 'text/css; charset=utf-8', body: style }],
  ]);
}

/** Not minified: small enough to be read in the browser's own tools. */
async function bundle(file: string): Promise<Uint8Array> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL(file, folder))],
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    logLevel: 'silent',
  });
  return outputFiles[0]!.contents;
}
