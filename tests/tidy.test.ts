import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '..');
const library = join(root, 'packages/holdfast/src');

function filesIn(folder: string, pattern: RegExp): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .map((name) => join(root, folder, name))
    .filter((path) => pattern.test(path) && !/node_modules|\/dist\/|\/fixtures\//.test(path));
}

function importsOf(path: string): string[] {
  return [
    ...readFileSync(path, 'utf8').matchAll(/^(?:import|export)[^'"]*?from '([^']+)'|^import '([^']+)'/gm),
  ].map(([, from, bare]) => from ?? bare!);
}

/** Which rooms of the library a room may import from; ARCHITECTURE.md draws it. */
const mayImport: Record<string, readonly string[]> = {
  protocol: [],
  session: ['protocol'],
  client: ['protocol', 'session'],
  server: ['protocol', 'session'],
  ui: ['protocol', 'session', 'client'],
  tabs: ['protocol', 'session', 'client'],
  websocket: ['protocol', 'session'],
  testing: ['protocol', 'session', 'client', 'server'],
};
/** Which rooms may import a package, and which. */
const packages: Record<string, RegExp> = {
  client: /^(ws|node:os)$/,
  server: /^(ws|jose|lmdb|@nats-io\/.+|node:.+)$/,
  ui: /^react$/,
  testing: /^(vitest|node:.+)$/,
};

describe('imports', () => {
  const files = filesIn('packages/holdfast/src', /\.tsx?$/);

  it.each(files.map((path) => [relative(library, path), path]))(
    '%s imports to the left only',
    (name, path) => {
      const room = name.split('/')[0]!;
      for (const from of importsOf(path)) {
        if (!from.startsWith('.')) {
          expect(packages[room]?.test(from) ?? false, `${name} imports the package ${from}`).toBe(true);
          continue;
        }
        const target = relative(library, resolve(dirname(path), from)).split('/')[0]!;
        expect([room, ...mayImport[room]!], `${name} imports ${from}`).toContain(target);
      }
    },
  );

  it('the chaos proxy knows nothing of the library', () => {
    for (const path of filesIn('packages/chaos/src', /\.ts$/)) {
      for (const from of importsOf(path)) expect(from, path).toMatch(/^(\.\/|node:)/);
    }
  });
});

describe('purity', () => {
  const forbidden =
    /\b(Date\.now|new Date\(\)|Math\.random|performance\.now|set(Timeout|Interval|Immediate)|queueMicrotask|new Promise|async |await )/;

  it.each(
    [
      ...filesIn('packages/holdfast/src/protocol', /\.ts$/),
      ...filesIn('packages/holdfast/src/session', /\.ts$/),
    ].map((path) => [relative(library, path), path]),
  )('%s has no clock, random, timer or promise', (_name, path) => {
    const code = readFileSync(path, 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
    expect(forbidden.exec(code)?.[0]).toBeUndefined();
  });
});

describe('files', () => {
  const sources = ['packages', 'simulation', 'bench', 'e2e', 'tests'].flatMap((folder) =>
    filesIn(folder, /\.tsx?$/),
  );

  it.each(sources.map((path) => [relative(root, path), path]))(
    '%s is short enough to have one name',
    (_name, path) => {
      const lines = readFileSync(path, 'utf8').split('\n').length;
      expect(lines).toBeLessThanOrEqual(path.endsWith('.test.ts') ? 600 : 450);
    },
  );
});

describe('rules', () => {
  const rules = [...readFileSync(join(root, 'SPEC.md'), 'utf8').matchAll(/^- \*\*([A-Z]+-\d+)\*\*/gm)].map(
    ([, id]) => id!,
  );
  const tests = ['packages', 'simulation', 'e2e', 'tests'].flatMap((folder) =>
    filesIn(folder, /\.test\.tsx?$|\/contracts\/.*-contract.*\.ts$/),
  );
  const titles = tests.map((path) => readFileSync(path, 'utf8')).join('\n');
  const carried = new Set(
    [...titles.matchAll(/\[([A-Z]+-\d+(?:, [A-Z]+-\d+)*)\]/g)].flatMap(([, ids]) => ids!.split(', ')),
  );

  it('has rules to hold', () => expect(rules.length).toBeGreaterThan(50));

  it.each(rules)('%s is carried by a test', (id) => expect(carried).toContain(id));

  it('no test carries a rule that does not exist', () => {
    expect(
      [...carried].filter(
        (id) =>
          !rules.includes(id) &&
          /^(WIRE|HELLO|AUTH|RES|SUB|PUB|REQ|SIG|FLOW|HUB|CLUSTER|LIVE|LINE|RET|DRAIN|ADM|CLOSE|ERR)-/.test(
            id,
          ),
      ),
    ).toEqual([]);
  });

  it('no source cites a rule that does not exist', () => {
    const cited = sourcesOf('packages/holdfast/src').flatMap((text) =>
      [...text.matchAll(/SPEC ([A-Z]+-\d+)(?:, ([A-Z]+-\d+))?/g)].flatMap(([, first, second]) => [
        first,
        second,
      ]),
    );
    expect(cited.filter((id) => id !== undefined && !rules.includes(id))).toEqual([]);
  });
});

function sourcesOf(folder: string): string[] {
  return filesIn(folder, /\.ts$/).map((path) => readFileSync(path, 'utf8'));
}
