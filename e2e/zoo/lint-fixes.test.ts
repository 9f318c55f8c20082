import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Product } from '../../packages/cli/src/facts/rules/rule.ts';
import { Files } from '../../packages/cli/src/lint/files.ts';
import { fixFile } from '../../packages/cli/src/lint/fix.ts';
import { requirePeer, systemEnv } from '../peers.ts';

const apacheModules = '/usr/lib/apache2/modules';

interface Case {
  readonly product: Product;
  readonly program: string;
  /** The arguments by which the program only tries a configuration. */
  readonly args: (folder: string, path: string) => readonly string[];
  readonly broken: (folder: string) => string;
  /** What a machine must not decide, and so remains. */
  readonly left: readonly string[];
}

const cases: readonly Case[] = [
  {
    product: 'nginx',
    program: 'nginx',
    args: (folder, path) => [
      '-t',
      '-p',
      folder,
      '-e',
      join(folder, 'error.log'),
      '-c',
      path,
      '-g',
      `pid ${folder}/pid;`,
    ],
    broken: (folder) => `events { worker_connections 4096; }
http {
  access_log ${folder}/access.log;
  server {
    listen 127.0.0.1:18080;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection "upgrade";
    proxy_set_header Host $host;
    location /ws { proxy_set_header X-Real-IP $remote_addr; proxy_pass http://127.0.0.1:1; }
    location /socket { proxy_pass http://127.0.0.1:1; }
    location /sockets {
      proxy_http_version 1.0;
      proxy_read_timeout 5s;
      proxy_pass http://127.0.0.1:1;
    }
  }
}
`,
    left: ['NGX011', 'NGX019', 'NGX020'],
  },
  {
    product: 'haproxy',
    program: 'haproxy',
    args: (_folder, path) => ['-c', '-f', path],
    broken: () => `global
  hard-stop-after 10m
defaults
  mode http
  timeout connect 5000
frontend web
  bind 127.0.0.1:18080 # the port
  default_backend app
backend app
  server a 127.0.0.1:1
  server b 127.0.0.1:2
`,
    left: [],
  },
  {
    product: 'apache',
    program: 'apache2',
    args: (_folder, path) => ['-t', '-f', path],
    broken: (folder) => `ServerRoot ${folder}
ServerName example.com
DefaultRuntimeDir ${folder}
ErrorLog ${folder}/error.log
${['mpm_event', 'authz_core', 'rewrite', 'proxy', 'proxy_http', 'proxy_wstunnel'].map((name) => `LoadModule ${name}_module ${apacheModules}/mod_${name}.so`).join('\n')}
Listen 127.0.0.1:18080
ProxyPreserveHost On
Timeout 300
ProxyPass /ws http://127.0.0.1:1/ws
<VirtualHost *:18080>
  RewriteEngine On
  RewriteCond %{HTTP:Upgrade} =websocket
  RewriteRule ^/(.*) ws://127.0.0.1:1/$1 [P,L]
</VirtualHost>
`,
    left: [],
  },
];

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-fix-'));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.each(cases)('what --fix writes for $product', ({ product, program, args, broken, left }) => {
  it.runIf(requirePeer(program))('is accepted by the program and leaves nothing that it could mend', () => {
    const own = join(folder, product);
    mkdirSync(own);
    const path = join(own, 'broken.conf');
    writeFileSync(path, broken(own));
    const files = new Files();
    const { linted, mended } = fixFile(path, product, { cores: 1, heartbeatMs: 25_000 }, files);
    files.save();
    expect(mended).toBeGreaterThan(0);
    expect([...new Set(linted.findings.map(({ rule }) => rule.id))].toSorted()).toEqual(left);
    const { status, stderr } = spawnSync(program, args(own, path), {
      encoding: 'utf8',
      env: systemEnv,
    });
    expect({ status, stderr }).toMatchObject({ status: 0 });
  });
});
