import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const bin = (name: string): string => join(root, 'node_modules', '.bin', name);
const execute = promisify(execFile);

/** Runs a program; where it fails, the test fails with what it said. */
async function run(command: string, args: readonly string[], cwd: string): Promise<string> {
  try {
    return (await execute(command, [...args], { cwd })).stdout;
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    throw new Error(`${command} ${args.join(' ')} failed:\n${stdout}${stderr}`, { cause: error });
  }
}

/** The public interface, as its documentation shows it. */
const serverExample = `
import { createServer } from 'holdfast/server';
const server = createServer({});                       // open to all, and says so once in the log
const { port } = await server.listen(0);
await server.publish('news', { n: 1 });                // -> { epoch, offset }
server.method('sum', ([a, b]: [number, number]) => a + b);
`;
const clientExample = `
import { connect } from 'holdfast/client';
const client = connect(\`ws://127.0.0.1:\${port}/\`);     // or a list, or a provider
const news = client.subscribe('news', (data, message) => {}, { from: 'now' });  // 'now' | 'start' | { last: n } | position
await news.ready; news.on('gap', (gap) => {});
await client.publish('news', { n: 2 });                // -> { epoch, offset }, once it is in the log
await client.request('sum', [1, 2]);
client.onStatus((status) => status.phase);             // 'connecting' | 'live' | 'suspect' | 'waiting' | 'offline' | 'draining' | 'closed' | 'failed'
await client.close();
`;
const example = `${serverExample}${clientExample}await server.close();\n`;

/** What a typed contract must let through, and what it must not. */
const typedExample = `
import { connect, HoldfastError, type Status } from 'holdfast/client';
import { createServer, memoryLog, type ServerOptions } from 'holdfast/server';
import { jwt } from 'holdfast/server/jwt';
interface Contract {
  topics: { news: { n: number } };
  methods: { sum(numbers: [number, number]): number };
}
const authenticate = jwt({ key: new Uint8Array(32), algorithms: ['HS256'] });
const options: ServerOptions = { log: memoryLog(), authenticate, heartbeat: { intervalMs: 1_000 } };
createServer(options);
const client = connect<Contract>(['wss://a.example', 'wss://b.example']);
client.subscribe('news', ({ n }) => n.toFixed());
const sum: Promise<number> = client.request('sum', [1, 2]);
const phase: Status['phase'] = client.status.phase;
// @ts-expect-error: there is no such topic
client.subscribe('olds', () => {});
// @ts-expect-error: the payload of "news" has a number
void client.publish('news', { n: 'one' });
// @ts-expect-error: a request has the method's result
const text: Promise<string> = client.request('sum', [1, 2]);
export { HoldfastError, phase, sum, text };
`;

let folder: string;

beforeAll(async () => {
  await run(process.execPath, ['scripts/build.mjs'], root);
  folder = mkdtempSync(join(tmpdir(), 'holdfast-consumer-'));
  const packed = await run(
    'npm',
    ['pack', '--json', '--pack-destination', folder],
    join(root, 'packages/holdfast'),
  );
  const [{ filename }] = JSON.parse(packed) as [{ filename: string }];
  const modules = join(folder, 'node_modules');
  mkdirSync(join(modules, 'holdfast'), { recursive: true });
  mkdirSync(join(modules, '@types'));
  await run('tar', ['-xzf', filename, '-C', join(modules, 'holdfast'), '--strip-components=1'], folder);
  // Its dependencies, and what every TypeScript project on Node has, without asking a registry.
  const { dependencies } = JSON.parse(readFileSync(join(modules, 'holdfast/package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  for (const name of [...Object.keys(dependencies), '@types/node', 'undici-types']) {
    symlinkSync(join(root, 'node_modules', name), join(modules, name));
  }
  writeFileSync(
    join(folder, 'package.json'),
    JSON.stringify({ name: 'consumer', private: true, type: 'module' }),
  );
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Compiles with the strictest settings, the library's own declarations included. */
async function compile(file: string, moduleResolution: 'nodenext' | 'bundler'): Promise<void> {
  const module = moduleResolution === 'nodenext' ? 'nodenext' : 'esnext';
  const config = {
    compilerOptions: {
      module,
      moduleResolution,
      strict: true,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      skipLibCheck: false,
      target: 'es2023',
      types: ['node'],
      outDir: 'out',
    },
    files: [file],
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));
  await run(bin('tsc'), ['-p', folder], folder);
}

describe('the packed library in a fresh project', () => {
  it.each(['nodenext', 'bundler'] as const)('has types that resolve (%s)', async (moduleResolution) => {
    writeFileSync(join(folder, 'example.ts'), example);
    await compile('example.ts', moduleResolution);
    writeFileSync(join(folder, 'typed.ts'), typedExample);
    await compile('typed.ts', moduleResolution);
  });

  it('runs the example on Node', async () => {
    writeFileSync(join(folder, 'example.ts'), `${example}console.log('done');\n`);
    await compile('example.ts', 'nodenext');
    expect(await run(process.execPath, ['out/example.js'], folder)).toMatch(/done\n$/);
  });

  it('resolves from the repository’s root once it is built', async () => {
    const program = `await import('holdfast/server'); await import('holdfast/client'); console.log('done');`;
    expect(await run(process.execPath, ['--input-type=module', '--eval', program], root)).toBe('done\n');
  });

  it('gives bundlers for browsers a client that needs nothing of Node', async () => {
    writeFileSync(join(folder, 'page.js'), `export * from 'holdfast/client';\n`);
    const { metafile } = await build({
      absWorkingDir: folder,
      entryPoints: ['page.js'],
      bundle: true,
      platform: 'browser',
      format: 'esm',
      write: false,
      metafile: true,
    });
    const inputs = Object.keys(metafile.inputs);
    expect(inputs.some((path) => path.endsWith('holdfast/dist/client/browser.js'))).toBe(true);
    expect(
      inputs.filter(
        (path) => !/^(page\.js|node_modules\/holdfast\/dist\/(client|session|protocol)\/)/.test(path),
      ),
    ).toEqual([]);
  });

  it('passes publint', async () => {
    const { publint } = await import('publint');
    const { formatMessage } = await import('publint/utils');
    const pkgDir = join(folder, 'node_modules/holdfast');
    const { messages } = await publint({ pkgDir, pack: false, strict: true });
    const manifest = JSON.parse(readFileSync(join(pkgDir, 'package.json'), 'utf8')) as Record<
      string,
      unknown
    >;
    expect(messages.map((message) => formatMessage(message, manifest))).toEqual([]);
  });
});
