import { describe, expect, it } from 'vitest';
import { idsOf, lintText, testExamples, type RuleExample } from './support.ts';

interface Parts {
  readonly main?: string;
  readonly modules?: string;
  readonly pass?: string;
  readonly host?: string;
}

/** A configuration without a fault, in which an example changes one part. */
function apache(parts: Parts = {}): string {
  return `Listen 80
LoadModule proxy_module modules/mod_proxy.so
${parts.modules ?? 'LoadModule proxy_http_module modules/mod_proxy_http.so\nLoadModule proxy_wstunnel_module m.so'}
${parts.main ?? 'Timeout 60'}
<VirtualHost *:80>
  ProxyPreserveHost On
  ${parts.host ?? ''}
  ${parts.pass ?? 'ProxyPass "/ws" "http://127.0.0.1:1/ws" upgrade=websocket timeout=3600'}
</VirtualHost>
`;
}

const examples: readonly RuleExample[] = [
  {
    rule: 'APA001',
    wrong: apache({ pass: 'ProxyPass "/ws" "http://127.0.0.1:1/ws" timeout=3600' }),
    on: 'ProxyPass "/ws"',
    right: apache(),
  },
  {
    rule: 'APA001',
    when: 'inside a Location',
    wrong: apache({ pass: '<Location /ws>\nProxyPass http://127.0.0.1:1/ws timeout=3600\n</Location>' }),
    on: 'ProxyPass http',
    right: apache({
      pass: '<Location /ws>\nProxyPass http://127.0.0.1:1/ws timeout=3600 upgrade=ANY\n</Location>',
    }),
  },
  {
    rule: 'APA001',
    when: 'where a rule proxies to http only',
    wrong: apache({ pass: 'RewriteRule .* http://127.0.0.1:1%{REQUEST_URI} [P]' }),
    on: 'RewriteRule',
    right: apache({
      pass: 'RewriteRule ^/ws ws://127.0.0.1:1/ [P]\nRewriteRule .* http://127.0.0.1:1%{REQUEST_URI} [P]',
    }),
  },
  {
    rule: 'APA002',
    wrong: apache({ pass: 'ProxyPass / http://127.0.0.1:1/\nProxyPass /ws ws://127.0.0.1:1/ws' }),
    on: 'ProxyPass /ws',
    right: apache({ pass: 'ProxyPass /ws ws://127.0.0.1:1/ws\nProxyPass / http://127.0.0.1:1/' }),
  },
  {
    rule: 'APA003',
    wrong: apache({ pass: 'ProxyPass /ws http://127.0.0.1:1/ws upgrade=websocket' }),
    on: 'ProxyPass /ws',
    right: apache({ main: 'Timeout 300', pass: 'ProxyPass /ws http://127.0.0.1:1/ws upgrade=websocket' }),
  },
  {
    rule: 'APA003',
    when: 'below the heartbeat, in the virtual host',
    context: { heartbeatMs: 90_000 },
    wrong: apache({ host: 'ProxyTimeout 80', pass: 'ProxyPass /ws http://127.0.0.1:1/ws upgrade=websocket' }),
    on: 'ProxyTimeout',
    right: apache({
      host: 'ProxyTimeout 270',
      pass: 'ProxyPass /ws http://127.0.0.1:1/ws upgrade=websocket',
    }),
  },
  {
    rule: 'APA004',
    wrong: apache({
      main: 'Timeout 300',
      pass: 'ProxyPass /ws http://127.0.0.1:1/ws upgrade=websocket timeout=90',
    }),
    on: 'ProxyPass /ws',
    right: apache({
      main: 'Timeout 300',
      pass: 'ProxyPass /ws http://127.0.0.1:1/ws upgrade=websocket timeout=900',
    }),
  },
  {
    rule: 'APA005',
    context: { connections: 2_000 },
    wrong: apache({ main: 'MaxRequestWorkers 150' }),
    on: 'MaxRequestWorkers',
    right: apache({ main: 'MaxRequestWorkers 2500' }),
  },
  {
    rule: 'APA006',
    wrong: apache({ host: 'RewriteRule ^/(.*)$ https://example.com/$1 [R=301,L]' }),
    on: 'RewriteRule',
    right: apache({ host: 'RewriteCond %{HTTPS} off\nRewriteRule ^/(.*)$ https://example.com/$1 [R=301,L]' }),
  },
  {
    rule: 'APA006',
    when: 'with a status in words',
    wrong: apache({ host: 'RewriteRule ^/(.*)$ https://example.com/$1 [L,R=permanent]' }),
    on: 'RewriteRule',
    right: apache({ host: 'RewriteRule ^/old$ https://example.com/ [L,R=permanent]' }),
  },
  { rule: 'APA007', wrong: apache({ modules: '' }), on: 'ProxyPass', right: apache() },
  {
    rule: 'APA008',
    wrong: apache({
      host: 'RewriteCond %{HTTP:Upgrade} =websocket\nRewriteRule /(.*) ws://127.0.0.1:1/$1 [P,L]',
    }),
    on: 'RewriteCond',
    right: apache({
      host: 'RewriteCond %{HTTP:Upgrade} =websocket [NC]\nRewriteRule /(.*) ws://127.0.0.1:1/$1 [P,L]',
    }),
  },
  {
    rule: 'APA009',
    wrong: apache().replace('ProxyPreserveHost On', ''),
    on: 'ProxyPass',
    right: apache().replace('ProxyPreserveHost On', '').replace('Timeout 60', 'ProxyPreserveHost On'),
  },
  {
    rule: 'APA009',
    when: 'unless a Location around the path forwards it',
    wrong: apache().replace('ProxyPreserveHost On', '<Location /other>\nProxyPreserveHost On\n</Location>'),
    on: 'ProxyPass',
    right: apache().replace('ProxyPreserveHost On', '<Location "/">\nProxyPreserveHost On\n</Location>'),
  },
  {
    rule: 'APA010',
    wrong: apache({
      host: 'RewriteCond "${HTTP:Upgrade}" websocket [NC]\nRewriteRule /(.*) ws://127.0.0.1:1/$1 [P,L]',
    }),
    on: 'RewriteCond',
    right: apache({
      host: 'RewriteCond "%{HTTP:Upgrade}" websocket [NC]\nRewriteRule /(.*) ws://127.0.0.1:1/$1 [P,L]',
    }),
  },
];

describe('the rules for Apache', () => {
  it('find nothing in a configuration without a fault', () => {
    expect(idsOf(lintText('apache', apache()))).toEqual([]);
  });

  testExamples('apache', examples);

  it.each([
    ['by ProxyPass', 'ProxyPass /ws balancer://nodes/ws timeout=3600'],
    ['by RewriteRule', 'ProxyTimeout 3600\nRewriteRule ^/(.*) balancer://nodes/$1 [P,L]'],
  ])('look at the members of a balancer that is reached %s', (_by, pass) => {
    const members = (member: string) =>
      apache({ pass: `<Proxy "balancer://nodes">\nBalancerMember ${member}\n</Proxy>\n${pass}` });
    expect(lintText('apache', members('ws://127.0.0.1:1'))).toMatchObject({ routes: 1, findings: [] });
    const dead = members('ws://127.0.0.1:1').replaceAll('3600', '20');
    expect(idsOf(lintText('apache', dead))).toEqual(['APA003']);
  });

  it('find upgrade=websocket on the members of a balancer, and miss it there', () => {
    const nodes = (parameters: string) =>
      apache({
        pass: `<Proxy balancer://nodes>\nBalancerMember http://127.0.0.1:1 ${parameters}\n</Proxy>\nProxyPass /ws balancer://nodes/ws`,
      });
    expect(idsOf(lintText('apache', nodes('upgrade=websocket timeout=3600')))).toEqual([]);
    expect(idsOf(lintText('apache', nodes('timeout=3600')))).toEqual(['APA001']);
  });

  it('know a tunnel through a Unix socket', () => {
    const pass = 'ProxyPass /ws unix:/run/app.sock|ws://localhost/ws timeout=3600';
    expect(idsOf(lintText('apache', apache({ pass })))).toEqual([]);
  });

  it('keep the virtual hosts apart', () => {
    const text = `${apache()}<VirtualHost *:81>\n  ProxyTimeout 10\n  ProxyPass /a http://127.0.0.1:2/\n</VirtualHost>\n`;
    expect(idsOf(lintText('apache', text, { heartbeatMs: 25_000 }))).toEqual([]);
  });

  it('do not guess the Timeout of a site file', () => {
    const site =
      '<VirtualHost *:80>\nProxyPreserveHost On\nProxyPass /ws http://127.0.0.1:1/ws upgrade=websocket\n</VirtualHost>\n';
    expect(idsOf(lintText('apache', site))).toEqual([]);
  });
});
