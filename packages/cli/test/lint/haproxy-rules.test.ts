import { describe, expect, it } from 'vitest';
import { fixText, idsOf, lintText, testExamples, type RuleExample } from './support.ts';

const timeouts = `timeout connect 5s
  timeout client 30s
  timeout server 30s
  timeout tunnel 1h
  timeout client-fin 30s
  timeout http-request 10s`;

const options = 'option redispatch\n  option abortonclose\n  option clitcpka\n  option srvtcpka';

interface Parts {
  readonly global?: string;
  readonly mode?: string;
  readonly timeouts?: string;
  readonly options?: string;
  readonly bind?: string;
  readonly front?: string;
  readonly back?: string;
}

/** A configuration without a fault, in which an example changes one part. */
function haproxy(parts: Parts = {}): string {
  return `global
  ${parts.global ?? 'hard-stop-after 30m\n  close-spread-time 5m'}
defaults
  mode ${parts.mode ?? 'http'}
  ${parts.timeouts ?? timeouts}
  ${parts.options ?? options}
frontend web
  ${parts.bind ?? 'bind :8080'}
  ${parts.front ?? ''}
  default_backend app
backend app
  ${parts.back ?? 'server a 127.0.0.1:1'}
`;
}

const without = (line: string) => timeouts.replace(line, '');
const twoServers = 'server a 127.0.0.1:1\n  server b 127.0.0.1:2';

const examples: readonly RuleExample[] = [
  {
    rule: 'HAP001',
    wrong: haproxy({ timeouts: without('timeout tunnel 1h') }),
    on: 'backend app',
    right: haproxy(),
  },
  {
    rule: 'HAP001',
    when: 'although the heartbeat is known',
    context: { heartbeatMs: 25_000 },
    wrong: haproxy({ timeouts: without('timeout tunnel 1h') }),
    on: 'backend app',
    right: haproxy({ timeouts: without('timeout tunnel 1h').replaceAll('30s', '60s') }),
  },
  {
    rule: 'HAP002',
    context: { heartbeatMs: 25_000 },
    wrong: haproxy({ back: 'timeout tunnel 20s\n  server a 127.0.0.1:1' }),
    on: 'timeout tunnel 20s',
    right: haproxy(),
  },
  {
    rule: 'HAP001',
    when: 'where 0 stands, which HAProxy takes as not set',
    wrong: haproxy({ timeouts: timeouts.replace('tunnel 1h', 'tunnel 0') }),
    on: 'backend app',
    right: haproxy({ timeouts: timeouts.replace('tunnel 1h', 'tunnel 0').replaceAll('30s', '24h') }),
  },
  {
    rule: 'HAP002',
    when: 'without a heartbeat',
    wrong: haproxy({ timeouts: timeouts.replace('tunnel 1h', 'tunnel 30s') }),
    on: 'timeout tunnel 30s',
    right: haproxy(),
  },
  {
    rule: 'HAP003',
    wrong: haproxy({ timeouts: without('timeout client-fin 30s') }),
    on: 'timeout tunnel',
    right: haproxy(),
  },
  {
    rule: 'HAP004',
    wrong: haproxy({ timeouts: without('timeout server 30s') }),
    on: 'backend app',
    right: haproxy(),
  },
  {
    rule: 'HAP004',
    when: 'for clients',
    wrong: haproxy({ timeouts: without('timeout client 30s') }),
    on: 'frontend web',
    right: haproxy(),
  },
  {
    rule: 'HAP005',
    wrong: haproxy({ timeouts: 'timeout client 40000\n  timeout server 50s' }),
    on: 'timeout client 40000',
    right: haproxy({ timeouts: 'timeout client 50000\n  timeout server 50s' }),
  },
  { rule: 'HAP006', wrong: haproxy({ global: 'daemon' }), on: 'global', right: haproxy() },
  {
    rule: 'HAP007',
    wrong: haproxy({ global: 'hard-stop-after 30m' }),
    on: 'hard-stop-after',
    right: haproxy(),
  },
  {
    rule: 'HAP008',
    context: { connections: 20_000 },
    wrong: haproxy({ global: 'maxconn 4000' }),
    on: 'maxconn 4000',
    right: haproxy({ global: 'maxconn 24000' }),
  },
  {
    rule: 'HAP009',
    wrong: haproxy({ back: 'server a 127.0.0.1:1 maxconn 100' }),
    on: 'server a',
    right: haproxy(),
  },
  {
    rule: 'HAP009',
    when: 'unless it is sized for the sockets',
    context: { connections: 20_000 },
    wrong: haproxy({ back: 'server a 127.0.0.1:1 maxconn 100' }),
    on: 'server a',
    right: haproxy({ back: 'server a 127.0.0.1:1 maxconn 20000' }),
  },
  {
    rule: 'HAP009',
    when: 'where the servers of a template hold too few together',
    context: { connections: 1_000 },
    wrong: haproxy({ back: 'server-template a 1-9 app:1 maxconn 100' }),
    on: 'server-template a',
    right: haproxy({ back: 'server-template a 1-10 app:1 maxconn 100' }),
  },
  {
    rule: 'HAP009',
    when: 'but not as 0, which is no limit',
    wrong: haproxy({ back: 'server a 127.0.0.1:1 maxconn 1' }),
    on: 'server a',
    right: haproxy({ back: 'server a 127.0.0.1:1 maxconn 0' }),
  },
  {
    rule: 'HAP010',
    when: 'where handshakes can wait',
    wrong: haproxy({ back: 'server a 127.0.0.1:1 maxconn 100' }),
    on: 'backend app',
    right: haproxy({ back: 'server a 127.0.0.1:1 maxconn 0' }),
  },
  {
    rule: 'HAP010',
    wrong: haproxy({ back: 'server a 127.0.0.1:1 maxconn 100' }),
    on: 'backend app',
    right: haproxy({ back: 'timeout queue 5s\n  server a 127.0.0.1:1 maxconn 100' }),
  },
  {
    rule: 'HAP009',
    when: 'in the line that holds for every server',
    wrong: haproxy({ back: 'default-server maxconn 100\n  server a 127.0.0.1:1' }),
    on: 'server a',
    right: haproxy({ back: 'server a 127.0.0.1:1\n  default-server maxconn 100' }),
  },
  {
    rule: 'HAP011',
    context: { connections: 100 },
    wrong: haproxy({ back: 'server a 127.0.0.1:1 ssl alpn h2' }),
    on: 'server a',
    right: haproxy({ back: 'server a 127.0.0.1:1 ssl alpn h2 ws h1' }),
  },
  {
    rule: 'HAP011',
    when: 'where connections are shared, though they would fall back',
    wrong: haproxy({ back: 'http-reuse always\n  server a 127.0.0.1:1 ssl alpn h2,http/1.1' }),
    on: 'server a',
    right: haproxy({ back: 'server a 127.0.0.1:1 ssl alpn h2,http/1.1' }),
  },
  {
    rule: 'HAP012',
    wrong: haproxy({ bind: 'bind :443 ssl crt /c.pem alpn h2,http/1.1' }),
    on: 'bind :443',
    right: haproxy({ bind: 'bind :443 ssl crt /c.pem alpn http/1.1' }),
  },
  {
    rule: 'HAP013',
    wrong: haproxy({ back: twoServers }),
    on: 'backend app',
    right: haproxy({ back: `balance leastconn\n  ${twoServers}` }),
  },
  {
    rule: 'HAP014',
    wrong: haproxy({ options: 'no option redispatch', back: twoServers }),
    on: 'backend app',
    right: haproxy({ back: twoServers }),
  },
  { rule: 'HAP015', wrong: haproxy({ options: '' }), on: 'backend app', right: haproxy() },
  {
    rule: 'HAP016',
    wrong: haproxy({ options: '' }),
    on: 'frontend web',
    right: haproxy({ options: 'option tcpka' }),
  },
  {
    rule: 'HAP017',
    wrong: haproxy({ front: 'http-request redirect scheme https' }),
    on: 'redirect',
    right: haproxy({ front: 'http-request redirect scheme https unless { ssl_fc }' }),
  },
  {
    rule: 'HAP017',
    when: 'by the path',
    context: { path: '/ws' },
    wrong: haproxy({ front: 'acl private path_beg /ws /admin\n  http-request deny if private' }),
    on: 'http-request deny',
    right: haproxy({ front: 'acl private path_beg /admin\n  http-request deny if private' }),
  },
  {
    rule: 'HAP017',
    when: 'by one of two alternatives, and by the beginning of the path',
    context: { path: '/ws' },
    wrong: haproxy({ front: 'http-request redirect location /app if { src 10.0.0.1 } || { path_beg / }' }),
    on: 'http-request redirect',
    right: haproxy({ front: 'http-request redirect location /app if { src 10.0.0.1 } || { path / }' }),
  },
  {
    rule: 'HAP017',
    when: 'unless something else must hold, too',
    context: { path: '/ws' },
    wrong: haproxy({ front: 'http-request deny if { path_beg /ws } { path_beg / }' }),
    on: 'http-request deny',
    right: haproxy({
      front:
        'acl fast sc_http_req_rate(0) gt 100\n  http-request deny deny_status 429 if { path_beg /ws } fast',
    }),
  },
  {
    rule: 'HAP018',
    wrong: haproxy({ timeouts: without('timeout http-request 10s') }),
    on: 'frontend web',
    right: haproxy(),
  },
  {
    rule: 'HAP019',
    wrong: haproxy({ mode: 'tcp' }),
    on: 'mode tcp',
    right: haproxy({ mode: 'tcp', bind: 'bind :5432' }),
  },
  {
    rule: 'HAP020',
    wrong: haproxy({ mode: 'tcp', front: 'log global' }),
    on: 'frontend web',
    right: haproxy({ mode: 'tcp', front: 'log global\n  option tcplog' }),
  },
];

describe('the rules for HAProxy', () => {
  it('find nothing in a configuration without a fault', () => {
    expect(idsOf(lintText('haproxy', haproxy()))).toEqual([]);
  });

  testExamples('haproxy', examples);

  it('take the defaults section that a proxy names, not only the one above it', () => {
    const text = `defaults long
  timeout tunnel 1h
  mode http
defaults short
  mode http
backend app from long
  server a 127.0.0.1:1
frontend web from long
  bind :8080
  default_backend app
`;
    expect(idsOf(lintText('haproxy', text))).not.toContain('HAP001');
    expect(idsOf(lintText('haproxy', text.replace('app from long', 'app')))).toContain('HAP001');
  });

  it('write no line into a block that holds on a condition', () => {
    const text = haproxy({
      options: '',
      back: 'server a 127.0.0.1:1\n.if defined(X)\n  server b 127.0.0.1:2\n.endif',
    });
    const fixed = fixText('haproxy', text);
    expect(fixed).toContain('.endif\n  balance leastconn\n');
    expect(fixed).not.toMatch(/127\.0\.0\.1:2\n(?!\.endif)/);
  });

  it('judge every backend where the name is only known at run time', () => {
    const text = haproxy({ timeouts: without('timeout tunnel 1h') }).replace(
      'default_backend app',
      'use_backend %[req.hdr(host),lower,map(/hosts.map)]',
    );
    expect(idsOf(lintText('haproxy', text))).toEqual(['HAP001']);
  });

  it.each(['if !is_ws', 'unless is_ws', 'if ! { hdr(Upgrade) -i websocket }'])(
    'judge no backend that WebSockets are kept from: use_backend app %s',
    (condition) => {
      const text = haproxy({
        timeouts: without('timeout tunnel 1h'),
        front: `acl is_ws hdr(Upgrade) -i websocket\n  use_backend app ${condition}`,
        back: 'server a 127.0.0.1:1\nbackend live\n  timeout tunnel 10s\n  server b 127.0.0.1:2',
      }).replace('default_backend app', 'default_backend live');
      const found = lintText('haproxy', text).findings;
      expect(found.map(({ rule }) => rule.id)).toContain('HAP002');
      expect(found.filter(({ message }) => message.includes('backend app'))).toEqual([]);
    },
  );

  it('judge only the backend that is marked as the one for WebSockets', () => {
    const text = haproxy({
      timeouts: without('timeout tunnel 1h'),
      front: 'use_backend live if { hdr(Upgrade) -i websocket }',
      back: 'server a 127.0.0.1:1\nbackend live\n  server b 127.0.0.1:2',
    });
    const found = lintText('haproxy', text).findings.filter(({ rule }) => rule.id === 'HAP001');
    expect(found.map(({ message }) => message)).toEqual([expect.stringContaining('backend live')]);
  });
});
