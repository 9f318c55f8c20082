import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Files } from '../../packages/cli/src/lint/files.ts';
import { lintFile } from '../../packages/cli/src/lint/lint.ts';
import { requirePeer } from '../peers.ts';

const context = { cores: 2, heartbeatMs: 25_000, connections: 20_000, path: '/ws' };

describe('the configurations that the packages of Debian bring', () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'holdfast-debian-'));
  });

  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** Copies the folder of a package and lets its absolute includes point into the copy. */
  function copy(from: string): string {
    const to = join(folder, 'copy');
    cpSync(from, to, { recursive: true, dereference: true });
    for (const name of readdirSync(to, { recursive: true, withFileTypes: true })) {
      if (!name.isFile() || !/\.(conf|cfg)$|^default$/.test(name.name)) continue;
      const path = join(name.parentPath, name.name);
      writeFileSync(path, readFileSync(path, 'utf8').replaceAll(`${from}/`, `${to}/`));
    }
    return to;
  }

  const installed = [
    ['nginx', 'nginx', '/etc/nginx', 'nginx.conf'],
    ['nginx', 'nginx', '/etc/nginx', 'sites-available/default'],
    ['haproxy', 'haproxy', '/etc/haproxy', 'haproxy.cfg'],
    ['apache', 'apache2', '/etc/apache2', 'apache2.conf'],
    ['apache', 'apache2', '/etc/apache2', 'sites-available/default-ssl.conf'],
    ['caddy', 'caddy', '/etc/caddy', 'Caddyfile'],
  ] as const;

  for (const [product, program, from, name] of installed) {
    it.runIf(requirePeer(program))(`cause no alarm: ${from}/${name}`, () => {
      const path = join(copy(from), name);
      for (const known of [{ cores: 2 }, context]) {
        const linted = lintFile(path, undefined, known, new Files());
        expect(linted.product).toBe(product);
        expect(linted.findings.map(({ rule }) => rule.id)).toEqual([]);
      }
    });
  }
});
