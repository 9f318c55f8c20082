import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import type { ClientOptions } from 'holdfast/client';
import { chromium, type Browser, type Page } from 'playwright-core';
import { onTestFinished } from 'vitest';

const source = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));

export function launchBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-background-networking'],
  });
}

/** The page of `programs/page.ts`, as a bundler for browsers makes it of the sources. */
export async function bundlePage(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [source('e2e/programs/page.ts')],
    alias: { 'holdfast/client': source('packages/holdfast/src/client/browser.ts') },
    bundle: true,
    format: 'esm',
    platform: 'browser',
    write: false,
  });
  return outputFiles[0]!.text;
}

/** A tab of its own profile that runs the page; gone when the test is over. */
export async function openPage(
  browser: Browser,
  script: string,
  {
    endpoint,
    storage = false,
    options = {},
  }: { endpoint: string; storage?: boolean; options?: ClientOptions },
): Promise<Page> {
  // Served apart from the endpoint, so that a reload works while that is out of reach.
  const server = createServer((request, response) => {
    const isScript = request.url === '/page.js';
    response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html');
    response.end(
      isScript ? script : '<!doctype html><title>e2e</title><script type="module" src="/page.js"></script>',
    );
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const context = await browser.newContext();
  onTestFinished(async () => {
    await context.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const page = await context.newPage();
  const query = new URLSearchParams({
    endpoint,
    options: JSON.stringify(options),
    ...(storage && { storage: '' }),
  });
  const { port } = server.address() as { port: number };
  await page.goto(`http://127.0.0.1:${port}/?${query}`);
  return page;
}
