import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

export interface PageFile {
  readonly type: string;
  readonly body: string | Uint8Array;
}

const source = new URL('../', import.meta.url);

/** Everything that a page consists of, by path. Script and style are bundled here, once, at start-up. */
export async function loadPageFiles(folder: 'page' | 'cluster/page'): Promise<ReadonlyMap<string, PageFile>> {
  const [html, lane, storm, script, style] = await Promise.all([
    readFile(new URL(`${folder}/page.html`, source), 'utf8'),
    readFile(new URL('page/lane.html', source), 'utf8'),
    readFile(new URL('../../../docs/storm.svg', source)),
    bundle(`${folder}/main.ts`),
    bundle(`${folder}/page.css`),
  ]);
  return new Map([
    ['/', { type: 'text/html; charset=utf-8', body: html.replace('<!-- lane.html -->', () => lane) }],
    ['/storm.svg', { type: 'image/svg+xml', body: storm }],
    ['/page.js', { type: 'text/javascript; charset=utf-8', body: script }],
    ['/page.css', { type: 'text/css; charset=utf-8', body: style }],
  ]);
}

/** Not minified: small enough to be read in the browser's own tools. */
async function bundle(file: string): Promise<Uint8Array> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL(file, source))],
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    logLevel: 'silent',
  });
  return outputFiles[0]!.contents;
}
