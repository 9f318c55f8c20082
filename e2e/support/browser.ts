import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import type { ClientOptions } from 'holdfast/client';
import {
  chromium,
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  type LaunchOptions,
  type Page,
} from 'playwright-core';
import { onTestFinished } from 'vitest';

const source = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));

export function launchBrowser(options: LaunchOptions = {}): Promise<Browser> {
  return chromium.launch({
    ...options,
    executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-background-networking'],
  });
}

/** A page of `programs/`, as a bundler for browsers makes it of the sources. */
export async function bundlePage(program = 'page'): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [source(`e2e/programs/${program}.ts`)],
    conditions: ['source'],
    define: { 'process.env.NODE_ENV': '"development"' },
    bundle: true,
    format: 'esm',
    platform: 'browser',
    write: false,
  });
  return outputFiles[0]!.text;
}

/** Serves a page, apart from any endpoint, so that a reload works while that is out of reach. Gives its origin. */
export async function servePage(script: string, body = ''): Promise<string> {
  const server = createServer((request, response) => {
    const isScript = request.url === '/page.js';
    response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html; charset=utf-8');
    response.end(isScript ? script : `${head}<body>${body}<script type="module" src="/page.js"></script>`);
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return `http://127.0.0.1:${(server.address() as { port: number }).port}`;
}

const head =
  '<!doctype html><html lang="en"><title>e2e</title><meta name="viewport" content="width=device-width">';

/** A profile of its own, gone when the test is over. */
export async function openContext(
  browser: Browser,
  options?: BrowserContextOptions,
): Promise<BrowserContext> {
  const context = await browser.newContext(options);
  onTestFinished(() => context.close());
  return context;
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
  const origin = await servePage(script);
  const context = await openContext(browser);
  const page = await context.newPage();
  const query = new URLSearchParams({
    endpoint,
    options: JSON.stringify(options),
    ...(storage && { storage: '' }),
  });
  await page.goto(`${origin}/?${query}`);
  return page;
}
