import { describe, expect, it } from 'vitest';
import { fixText, idsOf, lintText, testExamples, type RuleExample } from './support.ts';

const map = "map $http_upgrade $connection_upgrade { default upgrade; '' ''; }";

const headers = `proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
      proxy_set_header Host $host;`;

interface Parts {
  readonly main?: string;
  readonly events?: string;
  readonly http?: string;
  readonly server?: string;
  readonly location?: string;
  readonly headers?: string;
  readonly timeout?: string;
  readonly match?: string;
}

/** A configuration without a fault, in which an example changes one part. */
function nginx(parts: Parts = {}): string {
  return `${parts.main ?? 'worker_rlimit_nofile 65535;\nworker_shutdown_timeout 10m;'}
events { ${parts.events ?? 'worker_connections 4096;'} }
http {
  ${parts.http ?? map}
  server {
    ${parts.server ?? 'listen 80 so_keepalive=on;'}
    ${parts.match ?? 'location /ws'} {
      proxy_pass http://127.0.0.1:8080;
      ${parts.headers ?? headers}
      ${parts.timeout ?? 'proxy_read_timeout 1h;\n      proxy_socket_keepalive on;'}
      ${parts.location ?? ''}
    }
  }
}
`;
}

const without = (line: string) => headers.replace(line, '');

const examples: readonly RuleExample[] = [
  {
    rule: 'NGX001',
    wrong: nginx({ headers: 'proxy_http_version 1.1;\n proxy_set_header Host $host;' }),
    on: 'proxy_pass',
    right: nginx(),
  },
  {
    rule: 'NGX001',
    when: 'when the value is empty, which removes the header',
    wrong: nginx({ headers: headers.replace('$http_upgrade', '""') }),
    on: 'proxy_pass',
    right: nginx(),
  },
  {
    rule: 'NGX002',
    wrong: nginx({ headers: without('proxy_set_header Connection $connection_upgrade;') }),
    on: 'proxy_pass',
    right: nginx(),
  },
  {
    rule: 'NGX002',
    when: 'as close',
    wrong: nginx({ headers: headers.replace('$connection_upgrade', 'close') }),
    on: 'Connection close',
    right: nginx(),
  },
  {
    rule: 'NGX002',
    when: 'in a map without an upgrade branch',
    wrong: nginx({ http: "map $http_upgrade $connection_upgrade { default keep-alive; '' ''; }" }),
    on: 'Connection $connection_upgrade',
    right: nginx({
      http: 'map $http_connection $connection_upgrade { "~*upgrade" $http_connection; default keep-alive; }',
    }),
  },
  {
    rule: 'NGX002',
    when: 'unless another line for the header says it, from which an empty one takes nothing',
    wrong: nginx({
      headers: `${headers.replace('$connection_upgrade', 'close')} proxy_set_header Connection "";`,
    }),
    on: 'proxy_set_header Connection close',
    right: nginx({ headers: `${headers}\nproxy_set_header Connection "";` }),
  },
  {
    rule: 'NGX003',
    wrong: nginx({
      server: `listen 80 so_keepalive=on;\n${headers}`,
      headers: 'proxy_set_header X-Real-IP $remote_addr;',
    }),
    on: 'X-Real-IP',
    right: nginx({ server: `listen 80 so_keepalive=on;\n${headers}`, headers: '' }),
  },
  {
    rule: 'NGX004',
    wrong: nginx({ http: '' }),
    on: 'Connection $connection_upgrade',
    right: nginx({ http: 'map $http_upgrade $connection_upgrade { default upgrade; }' }),
  },
  {
    rule: 'NGX005',
    wrong: nginx({ headers: headers.replace('$connection_upgrade', '"upgrade"') }),
    on: 'Connection "upgrade"',
    right: nginx(),
  },
  {
    rule: 'NGX005',
    when: 'as one word of several, with which handshakes work all the same',
    wrong: nginx({ headers: headers.replace('$connection_upgrade', '"keep-alive, Upgrade"') }),
    on: 'Connection "keep-alive, Upgrade"',
    right: nginx(),
  },
  {
    rule: 'NGX006',
    wrong: nginx({
      http: "upstream app { server 127.0.0.1:8080; keepalive 8; }\n map $http_upgrade $connection_upgrade {\n default upgrade;\n '' close;\n }",
    }).replace('http://127.0.0.1:8080;', 'http://app;'),
    on: "'' close;",
    right: nginx({ http: "map $http_upgrade $connection_upgrade { default upgrade; '' close; }" }),
  },
  {
    rule: 'NGX007',
    wrong: nginx({ headers: without('proxy_http_version 1.1;') }),
    on: 'proxy_pass',
    right: nginx(),
  },
  {
    rule: 'NGX007',
    when: 'as 1.0, even in a new nginx',
    context: { productVersion: '1.30.0' },
    wrong: nginx({ headers: headers.replace('1.1', '1.0') }),
    on: 'proxy_http_version 1.0',
    right: nginx({ headers: without('proxy_http_version 1.1;') }),
  },
  {
    rule: 'NGX008',
    wrong: nginx({ headers: headers.replace('1.1', '2') }),
    on: 'proxy_http_version 2',
    right: nginx(),
  },
  { rule: 'NGX009', wrong: nginx({ timeout: '' }), on: 'proxy_pass', right: nginx() },
  {
    rule: 'NGX009',
    when: 'below the heartbeat, from the http level',
    context: { heartbeatMs: 25_000 },
    wrong: nginx({ http: `${map}\n  proxy_read_timeout 20;`, timeout: '' }),
    on: 'proxy_read_timeout 20',
    right: nginx({ timeout: '' }),
  },
  {
    rule: 'NGX009',
    when: 'where 0 stands, which nginx does not take as no limit',
    wrong: nginx({ timeout: 'proxy_read_timeout 0;' }),
    on: 'proxy_read_timeout 0',
    right: nginx(),
  },
  {
    rule: 'NGX010',
    wrong: nginx({ server: 'listen 80;', timeout: 'proxy_read_timeout 1d;' }),
    on: 'proxy_read_timeout 1d',
    right: nginx({ timeout: 'proxy_read_timeout 1d;' }),
  },
  { rule: 'NGX011', wrong: nginx({ main: 'worker_rlimit_nofile 65535;' }), on: 'events', right: nginx() },
  {
    rule: 'NGX012',
    wrong: nginx({ main: 'worker_shutdown_timeout 30s;' }),
    on: 'worker_shutdown_timeout',
    right: nginx(),
  },
  {
    rule: 'NGX013',
    context: { connections: 20_000, cores: 4 },
    wrong: nginx({ main: 'worker_processes auto;\nworker_rlimit_nofile 65535;' }),
    on: 'worker_connections',
    right: nginx({
      main: 'worker_processes auto;\nworker_rlimit_nofile 65535;',
      events: 'worker_connections 11000;',
    }),
  },
  { rule: 'NGX014', wrong: nginx({ main: '' }), on: 'worker_connections', right: nginx() },
  {
    rule: 'NGX014',
    when: 'with a limit that is too small',
    wrong: nginx({ main: 'worker_rlimit_nofile 2048;' }),
    on: 'worker_connections',
    right: nginx({ main: '', events: 'worker_connections 768;' }),
  },
  {
    rule: 'NGX015',
    wrong: nginx({
      location: 'limit_conn perip 10;',
      http: `limit_conn_zone $binary_remote_addr zone=perip:10m;\n${map}`,
    }),
    on: 'limit_conn perip',
    right: nginx({
      location: 'limit_conn perserver 10;',
      http: `limit_conn_zone $server_name zone=perserver:10m;\n${map}`,
    }),
  },
  {
    rule: 'NGX016',
    wrong: nginx({ location: 'limit_req zone=one;' }),
    on: 'limit_req',
    right: nginx({ location: 'limit_req zone=one burst=50 nodelay;' }),
  },
  {
    rule: 'NGX017',
    wrong: nginx({ location: 'return 301 https://example.com$request_uri;' }),
    on: 'return 301',
    right: nginx({ location: 'if ($arg_old) { return 301 /new; }' }),
  },
  {
    rule: 'NGX017',
    when: 'for the whole server, by rewrite',
    wrong: nginx({ server: 'listen 80 so_keepalive=on;\nrewrite ^/(.*)$ https://example.com/$1 permanent;' }),
    on: 'rewrite',
    right: nginx({ server: 'listen 80 so_keepalive=on;\nrewrite ^/old/(.*)$ /new/$1 permanent;' }),
  },
  { rule: 'NGX018', wrong: nginx({ match: 'location /ws/' }), on: 'location /ws/', right: nginx() },
  {
    rule: 'NGX018',
    when: 'unless a location answers the path itself, with its modifier and path in one word',
    wrong: nginx({ match: 'location ^~/ws/' }),
    on: 'location ^~/ws/',
    right: nginx({ match: 'location =/ws/' }),
  },
  {
    rule: 'NGX019',
    wrong: nginx({ headers: without('proxy_set_header Host $host;') }),
    on: 'proxy_pass',
    right: nginx(),
  },
  { rule: 'NGX020', wrong: nginx({ timeout: 'proxy_read_timeout 1h;' }), on: 'proxy_pass', right: nginx() },
  {
    rule: 'NGX020',
    when: 'on the listen line',
    wrong: nginx({ server: 'listen 80;' }),
    on: 'listen 80',
    right: nginx(),
  },
  {
    rule: 'NGX020',
    when: 'on a TCP listener, never on one of QUIC, where nginx refuses the parameter',
    wrong: nginx({ server: 'listen 443 ssl;' }),
    on: 'listen 443',
    right: nginx({ server: 'listen 443 quic reuseport;\nlisten 443 ssl so_keepalive=on;' }),
  },
  {
    rule: 'NGX021',
    when: 'by a location whose modifier and path are one word',
    wrong: nginx({
      server: `listen 80 so_keepalive=on;\n${headers}\nlocation =/auth { proxy_pass http://127.0.0.1:9; }`,
      headers: '',
      location: 'auth_request /auth;',
    }),
    on: 'location =/auth',
    right: nginx(),
  },
  {
    rule: 'NGX021',
    wrong: nginx({
      server: `listen 80 so_keepalive=on;\n${headers}\nlocation = /auth { proxy_pass http://127.0.0.1:9; }`,
      headers: '',
      location: 'auth_request /auth;',
    }),
    on: 'location = /auth',
    right: nginx({
      server:
        'listen 80 so_keepalive=on;\nlocation = /auth { proxy_pass http://127.0.0.1:9; proxy_set_header Upgrade ""; }',
      location: 'auth_request /auth;',
    }),
  },
  {
    rule: 'NGX022',
    wrong: nginx({ server: 'listen 443 ssl http2 so_keepalive=on;' }),
    on: 'listen 443',
    right: nginx({ server: 'listen 443 ssl so_keepalive=on;' }),
  },
  {
    rule: 'NGX024',
    wrong: nginx({ location: 'proxy_intercept_errors on;' }),
    on: 'proxy_intercept_errors',
    right: nginx({ location: 'proxy_intercept_errors off;' }),
  },
  {
    rule: 'NGX027',
    context: { heartbeatMs: 25_000 },
    wrong: 'events {}\nstream {\n server {\n listen 443;\n proxy_pass app;\n proxy_timeout 20s;\n }\n}\n',
    on: 'proxy_timeout',
    right: 'events {}\nstream {\n server {\n listen 443;\n proxy_pass app;\n }\n}\n',
  },
  {
    rule: 'NGX027',
    when: 'for TCP alone',
    wrong: 'events {}\nstream {\n server {\n listen 443;\n proxy_pass app;\n proxy_timeout 20s;\n }\n}\n',
    on: 'proxy_timeout',
    right: 'events {}\nstream {\n server {\n listen 443 udp;\n proxy_pass app;\n proxy_timeout 20s;\n }\n}\n',
  },
];

describe('the rules for nginx', () => {
  it('find nothing in a configuration without a fault', () => {
    expect(idsOf(lintText('nginx', nginx()))).toEqual([]);
  });

  testExamples('nginx', examples);

  it.each(['location ~^/ws', 'location ~*^/WS', 'location ^~/ws', 'location =/ws'])(
    'know that "%s" takes the declared path, and the location beside it does not',
    (match) => {
      const text = nginx({
        match,
        server: 'listen 80 so_keepalive=on;\nlocation / { proxy_pass http://a; }',
      });
      expect(idsOf(lintText('nginx', text, { path: '/ws' }))).toEqual([]);
    },
  );

  it('write a line once into a location that proxies in an "if", too: nginx refuses it twice', () => {
    const location = 'if ($arg_a) { proxy_pass http://127.0.0.1:2; }';
    const text = fixText('nginx', nginx({ location, headers: '', timeout: '' }));
    const added = /^\s*proxy_(socket_keepalive|read_timeout|http_version) .*$/gm;
    expect(text.match(added)).toHaveLength(3);
  });

  it('judge the thousands of locations that a controller of Kubernetes writes, in seconds', () => {
    const pairs = Array.from(
      { length: 4_000 },
      (_, i) => `location /${i} { auth_request /auth${i}; proxy_pass http://a; }
      location = /auth${i} { proxy_pass http://b; }`,
    );
    const { routes } = lintText('nginx', `server {\nlisten 80;\n${pairs.join('\n')}\n}\n`);
    expect(routes).toBe(4_000);
  });

  it('write no inherited header beside the one that a fix sets, however it is spelt', () => {
    const http = `${map}\nproxy_set_header connection close;\nproxy_set_header Host $host;`;
    const { findings } = lintText('nginx', nginx({ http, headers: 'proxy_http_version 1.1;' }));
    const [added] = findings.find(({ rule }) => rule.id === 'NGX001')?.edits ?? [];
    expect(added?.text).toContain('proxy_set_header Host $host;');
    expect(added?.text.match(/proxy_set_header connection/gi)).toHaveLength(1);
  });
});
