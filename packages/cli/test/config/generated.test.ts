import { describe, expect, it } from 'vitest';
import { generators, run } from '../../src/config/command.ts';
import type { ProxySettings } from '../../src/config/settings.ts';
import type { Product } from '../../src/facts/rules/rule.ts';
import { Files } from '../../src/lint/files.ts';
import { lintFile } from '../../src/lint/lint.ts';
import { runCommand, type Said } from '../run-command.ts';

const config = (...args: string[]): Promise<Said> => runCommand(run, args);

const base: ProxySettings = {
  upstream: '127.0.0.1:8080',
  host: 'example.com',
  port: 80,
  path: '/',
  heartbeatMs: 25_000,
  connections: 20_000,
};

const variants: readonly (readonly [string, ProxySettings])[] = [
  ['plain', base],
  ['with a path', { ...base, path: '/ws' }],
  ['with TLS', { ...base, port: 443, tls: { certificate: '/etc/ssl/a.pem', key: '/etc/ssl/a.key' } }],
  ['for few sockets and short times', { ...base, port: 8080, heartbeatMs: 500, connections: 10 }],
  ['for a slow heartbeat and very many sockets', { ...base, heartbeatMs: 120_000, connections: 1_000_000 }],
  ['for an IPv6 upstream', { ...base, upstream: '[::1]:8080' }],
];

const fileNames: Readonly<Record<string, string>> = {
  nginx: 'nginx.conf',
  haproxy: 'haproxy.cfg',
  caddy: 'Caddyfile',
  apache: 'site.conf',
  envoy: 'envoy.yaml',
  traefik: 'traefik.yml',
  k8s: 'ingress.yaml',
};

describe.each(Object.keys(generators))('a configuration for %s', (product) => {
  it.each(variants)('is found without a fault, %s', (_variant, settings) => {
    const files = new Files();
    const path = `/conf/${fileNames[product]}`;
    files.change(path, generators[product]?.(settings) ?? '');
    const { heartbeatMs, connections, path: route } = settings;
    for (const cores of [1, 8]) {
      const linted = lintFile(path, undefined, { cores, heartbeatMs, connections, path: route }, files);
      expect(linted.findings.map(({ rule, line }) => `${rule.id}:${line}`)).toEqual([]);
      expect(linted.product).toBe(product === 'k8s' ? ('kubernetes' satisfies Product) : product);
      expect(linted.routes).toBeGreaterThan(0);
    }
  });

  it('comes from the command line', async () => {
    const { code, out, err } = await config(
      product,
      '--upstream',
      'app:8080',
      '--host',
      'example.com',
      '--heartbeat',
      '10s',
    );
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toContain('a heartbeat every 10 s, 10000 sockets');
    expect(out).not.toMatch(/undefined|NaN|\[object/);
  });
});

describe('holdfast config', () => {
  it('leaves out what an old Caddy does not know', async () => {
    const args = ['caddy', '--upstream', 'app:1', '--host', 'a.example'];
    expect((await config(...args)).out).toContain('stream_close_delay');
    expect((await config(...args, '--product-version', '2.6.2')).out).not.toContain('stream_close_delay');
  });

  it('shows its arguments', async () => {
    const { code, out } = await config('--help');
    expect(code).toBe(0);
    expect(out).toContain('--upstream');
  });

  const good = ['nginx', '--upstream', 'app:1', '--host', 'a.example'];

  it.each([
    ['no product', [], /Name a product/],
    ['an unknown product', ['iis', ...good.slice(1)], /one of nginx, haproxy/],
    ['no upstream', ['nginx', '--host', 'a.example'], /--upstream is missing/],
    ['no host', ['nginx', '--upstream', 'app:1'], /--host is missing/],
    [
      'an upstream without a port',
      ['nginx', '--upstream', 'app', '--host', 'a.example'],
      /--upstream is something like/,
    ],
    [
      'a host that would end the line',
      [...good.slice(0, 3), '--host', 'a; }\nserver {'],
      /--host is something like/,
    ],
    ['a path with a blank', [...good, '--path', '/a b'], /--path is something like/],
    ['a heartbeat of nothing', [...good, '--heartbeat', '0s'], /--heartbeat is a time/],
    ['no sockets', [...good, '--connections', '0'], /--connections is something like/],
    ['a certificate without a key', [...good, '--tls', '/a.pem'], /--tls is something like/],
    ['a port that cannot be', [...good, '--listen', '70000'], /port is at most 65535, not 70000/],
    [
      'an upstream at a port that cannot be',
      ['nginx', '--upstream', 'app:99999', '--host', 'a.example'],
      /port is at most 65535, not 99999/,
    ],
    [
      'an upstream at no port',
      ['nginx', '--upstream', 'app:0', '--host', 'a.example'],
      /--upstream is something/,
    ],
    ['an unknown argument', [...good, '--frobnicate'], /no option --frobnicate/],
  ] as const)('refuses %s with one sentence', async (_what, args, sentence) => {
    const { code, out, err } = await config(...args);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toMatch(sentence);
    expect(err.trimEnd().split('\n')).toHaveLength(1);
  });
});
