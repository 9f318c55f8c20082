import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Files } from '../../src/lint/files.ts';
import type { LintContext } from '../../src/lint/finding.ts';
import { lintFile, type LintedFile } from '../../src/lint/lint.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-nginx-'));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
}

function lint(name: string, context: Partial<LintContext> = {}): LintedFile {
  return lintFile(join(folder, name), 'nginx', { cores: 1, ...context }, new Files());
}

function places(linted: LintedFile, id: string): string[] {
  return linted.findings
    .filter(({ rule }) => rule.id === id)
    .map(({ path, line }) => `${path.slice(folder.length + 1)}:${line}`);
}

const map = "map $http_upgrade $connection_upgrade { default upgrade; '' ''; }";
const pair = 'proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade;';

describe('what nginx hands down', () => {
  it('headers of the http level reach a location that sets none', () => {
    write({
      'nginx.conf': `events {}\nhttp { ${map} ${pair}\nserver { location /ws { proxy_pass http://a; } } }\n`,
    });
    expect(places(lint('nginx.conf'), 'NGX001')).toEqual([]);
    expect(places(lint('nginx.conf'), 'NGX003')).toEqual([]);
  });

  it('one header in a nested location loses those of the outer location', () => {
    const inner = 'location /ws/v2 {\nproxy_set_header X-A b;\nproxy_pass http://a;\n}';
    write({ 'nginx.conf': `events {}\nhttp { ${map}\nserver {\nlocation /ws { ${pair}\n${inner}\n} } }\n` });
    expect(places(lint('nginx.conf'), 'NGX003')).toEqual(['nginx.conf:6']);
  });

  it('proxy_pass is not handed down to a nested location', () => {
    write({ 'app.conf': 'server {\nlocation / {\nproxy_pass http://a;\nlocation /ws { root /x; }\n}\n}\n' });
    expect(places(lint('app.conf'), 'NGX001')).toEqual(['app.conf:3']);
  });

  it('the include of proxy_params cancels the pair of the server, and is where the complaint points', () => {
    write({
      'nginx.conf': `events {}\nhttp { ${map}\ninclude sites-enabled/*;\n}\n`,
      proxy_params: 'proxy_set_header Host $http_host;\n',
      'sites-enabled/app': `server {\n${pair}\nlocation /ws {\ninclude proxy_params;\nproxy_pass http://a;\n}\n}\n`,
    });
    expect(places(lint('nginx.conf'), 'NGX003')).toEqual(['sites-enabled/app:4']);
    expect(places(lint('sites-enabled/app'), 'NGX003')).toEqual(['sites-enabled/app:4']);
  });

  it('a fix goes to the location, never into the shared file', () => {
    write({
      'nginx.conf': `events {}\nhttp { ${map}\ninclude conf.d/*.conf;\n}\n`,
      'proxy.inc': 'proxy_pass http://a;\n',
      'conf.d/app.conf': 'server {\nlocation /ws {\ninclude proxy.inc;\n}\n}\n',
    });
    const finding = lint('nginx.conf').findings.find(({ rule }) => rule.id === 'NGX001');
    expect(finding?.edits.map(({ place }) => place.source.path)).toEqual([join(folder, 'conf.d/app.conf')]);
  });

  it('a map from another file of conf.d counts, and a fragment alone is not blamed for it', () => {
    write({
      'nginx.conf': 'events {}\nhttp { include conf.d/*.conf; }\n',
      'conf.d/map.conf': map,
      'conf.d/app.conf': `server {\nlocation /ws { proxy_pass http://a; ${pair} }\n}\n`,
    });
    expect(places(lint('nginx.conf'), 'NGX004')).toEqual([]);
    expect(places(lint('conf.d/app.conf'), 'NGX004')).toEqual([]);
    rmSync(join(folder, 'conf.d/map.conf'));
    expect(places(lint('nginx.conf'), 'NGX004')).toEqual(['conf.d/app.conf:2']);
  });
});

describe('which location a WebSocket reaches', () => {
  const server = (locations: string) => `server {\n${locations}\n}\n`;

  it('is the one of the declared path: exact before pattern, pattern before prefix', () => {
    const locations =
      'location / { proxy_pass http://a; }\nlocation ~ ^/w { proxy_pass http://b; }\nlocation = /ws { proxy_pass http://c; }';
    write({ 'app.conf': server(locations) });
    expect(places(lint('app.conf', { path: '/ws' }), 'NGX001')).toEqual(['app.conf:4']);
    expect(places(lint('app.conf', { path: '/w' }), 'NGX001')).toEqual(['app.conf:3']);
    expect(places(lint('app.conf', { path: '/chat' }), 'NGX001')).toEqual(['app.conf:2']);
  });

  it('is the longest prefix, and ^~ keeps patterns away', () => {
    const locations =
      'location / { proxy_pass http://a; }\nlocation ^~ /ws { proxy_pass http://b; }\nlocation ~ ws { proxy_pass http://c; }';
    write({ 'app.conf': server(locations) });
    expect(places(lint('app.conf', { path: '/ws/1' }), 'NGX001')).toEqual(['app.conf:3']);
  });

  it('is the one with a telling name, and the rest is left alone', () => {
    write({
      'app.conf': server(
        'location /api { proxy_pass http://a; }\nlocation /socket.io/ { proxy_pass http://a; }',
      ),
    });
    expect(places(lint('app.conf'), 'NGX001')).toEqual(['app.conf:3']);
  });

  it('may be any when none stands out', () => {
    write({
      'app.conf': server('location /api { proxy_pass http://a; }\nlocation / { proxy_pass http://a; }'),
    });
    expect(places(lint('app.conf'), 'NGX001')).toEqual(['app.conf:2', 'app.conf:3']);
  });

  it('leaves a server alone that only sends everything to https', () => {
    const redirect = 'server {\nlisten 80;\nlocation / { return 301 https://$host$request_uri; }\n}\n';
    write({ 'app.conf': `${redirect}${server('listen 443 ssl;\nlocation / { proxy_pass http://a; }')}` });
    expect(places(lint('app.conf', { path: '/ws' }), 'NGX017')).toEqual([]);
  });
});
