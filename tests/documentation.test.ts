import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';

const root = join(import.meta.dirname, '..');

const documents = [
  'README.md',
  'ARCHITECTURE.md',
  'CONTRIBUTING.md',
  'SPEC.md',
  ...readdirSync(join(root, 'docs')).map((name) => `docs/${name}`),
  ...readdirSync(join(root, 'packages')).map((name) => `packages/${name}/README.md`),
].filter((path) => path.endsWith('.md'));

interface Block {
  readonly document: string;
  readonly line: number;
  readonly language: string;
  readonly code: string;
}

function blocksOf(document: string): Block[] {
  const text = readFileSync(join(root, document), 'utf8');
  return Array.from(text.matchAll(/^```(\w*)\n([^]*?)^```$/gm), ({ index, 1: language, 2: code }) => ({
    document,
    line: text.slice(0, index).split('\n').length,
    language: language!,
    code: code!,
  }));
}

const blocks = documents.flatMap(blocksOf);

/** What examples take for granted, so that each can be as short as it is. */
const given = `
import type { ChaosProxy } from '@holdfast/chaos';
import type * as Client from 'holdfast/client';
import type { HoldfastStatusElement } from 'holdfast/element';
import type * as Server from 'holdfast/server';
declare global {
  const client: Client.Client;
  const subscription: Client.Subscription<unknown>;
  const server: ReturnType<typeof Server.createServer>;
  const element: HoldfastStatusElement;
  const proxy: ChaosProxy;
  const createServer: typeof Server.createServer;
  const fetchToken: () => Promise<string>;
  type Client<C extends Client.Contract> = Client.Client<C>;
  interface Chat { topics: { room: { text: string } }; methods: { search(text: string): string[] } }
}
`;

/** Of modules that no test has: what their examples use of them. */
const givenModules = `
declare module 'next' {
  import type { IncomingMessage, Server, ServerResponse } from 'node:http';
  export default function next(options: { dev?: boolean; httpServer?: Server }): {
    prepare(): Promise<void>;
    getRequestHandler(): (request: IncomingMessage, response: ServerResponse) => Promise<void>;
  };
}
declare module '@/app/client' {
  import type { Client } from 'holdfast/client';
  interface App {
    topics: { news: { n: number } };
    methods: { sum(numbers: [number, number]): number };
  }
  export const client: Client<App> | undefined;
}
`;

const config = {
  extends: '../../tsconfig.json',
  compilerOptions: { noUnusedLocals: false, noUnusedParameters: false },
  include: ['*'],
};

it('every example in the documents compiles', { timeout: 60_000 }, () => {
  mkdirSync(join(root, '.holdfast'), { recursive: true });
  const folder = mkdtempSync(join(root, '.holdfast/documents-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const examples = blocks.filter(({ language }) => /^tsx?$/.test(language));
  expect(examples.length).toBeGreaterThan(10);
  writeFileSync(join(folder, 'given.d.ts'), given);
  writeFileSync(join(folder, 'given-modules.d.ts'), givenModules);
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));
  for (const { document, line, language, code } of examples)
    writeFileSync(
      join(folder, `${document.replaceAll('/', '_')}.${line}.${language}`),
      `${code}export {};\n`,
    );
  const { stdout } = spawnSync(join(root, 'node_modules/.bin/tsc'), ['-p', folder], { encoding: 'utf8' });
  expect(stdout).toBe('');
});

it('every command in the documents exists', () => {
  const scriptsOf = (folder: string): string[] =>
    Object.keys(
      (JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')) as { scripts?: object })
        .scripts ?? {},
    );
  const scripts = new Set([...scriptsOf('.'), ...scriptsOf('packages/cli')]);
  const main = readFileSync(join(root, 'packages/cli/src/main.ts'), 'utf8');
  const text = documents.map((path) => readFileSync(join(root, path), 'utf8')).join('\n');
  const named = (pattern: RegExp): string[] => [
    ...new Set(Array.from(text.matchAll(pattern), ([, name]) => name!)),
  ];
  const [ofNpm, ofHoldfast] = [named(/\bnpm run ([\w:-]+)/g), named(/(?:^|`|npx )holdfast ([a-z]+)/gm)];
  expect(ofNpm.filter((name) => !scripts.has(name))).toEqual([]);
  expect(ofHoldfast.filter((name) => !main.includes(`  ${name}: {`))).toEqual([]);
  expect(Math.min(ofNpm.length, ofHoldfast.length)).toBeGreaterThan(3);
});

it('the container keeps the packages of every log when it drops those for development', () => {
  const json = (path: string): unknown => JSON.parse(readFileSync(join(root, path), 'utf8'));
  const { peerDependencies } = json('packages/holdfast/package.json') as { peerDependencies: object };
  const { packages } = json('package-lock.json') as { packages: Record<string, { dev?: true } | undefined> };
  const kept = Object.keys(peerDependencies).map((name) => packages[`node_modules/${name}`]);
  expect(kept.length).toBeGreaterThan(2);
  for (const one of kept) expect(one?.dev).toBeUndefined();
  const container = readFileSync(join(root, 'examples/standalone/Containerfile'), 'utf8');
  // An install behind it would bring all of them back.
  expect(container).toMatch(/npm prune --omit=dev --no-audit --no-fund\n\nFROM/);
});

it('every link within the documents leads somewhere', () => {
  const links = documents.flatMap((document) =>
    Array.from(
      readFileSync(join(root, document), 'utf8').matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)/g),
    ).map(([, path, anchor]) => ({ document, path: path!, anchor })),
  );
  expect(links.length).toBeGreaterThan(30);
  const leadsNowhere = links.filter(({ document, path, anchor }) => {
    const target = path === '' ? join(root, document) : join(root, dirname(document), path);
    return !existsSync(target) || (anchor && !anchorsOf(target).includes(anchor));
  });
  expect(leadsNowhere).toEqual([]);
});

/** The names that the headings of a document get where Markdown is shown. */
function anchorsOf(path: string): string[] {
  return Array.from(readFileSync(path, 'utf8').matchAll(/^#+ (.+)$/gm), ([, heading]) =>
    heading!
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}
