import { describe, expect, it } from 'vitest';
import { idsOf, lintText, testExamples, type RuleExample } from './support.ts';

/** A configuration without a fault, to which an example adds lines. */
function caddy(options = '', site = '', rest = 'stream_close_delay 5m'): string {
  return `example.com {
	${site}
	reverse_proxy /ws* 127.0.0.1:8080 {
		${rest}
		${options}
	}
}
`;
}

const examples: readonly RuleExample[] = [
  { rule: 'CAD001', wrong: caddy('stream_timeout 1h'), on: 'stream_timeout', right: caddy() },
  { rule: 'CAD002', wrong: caddy('', '', ''), on: 'reverse_proxy', right: caddy() },
  {
    rule: 'CAD002',
    when: 'where the version is known to have it',
    context: { productVersion: '2.8.4' },
    wrong: 'example.com {\n\treverse_proxy 127.0.0.1:8080\n}\n',
    on: 'reverse_proxy',
    right: caddy(),
  },
  {
    rule: 'CAD003',
    context: { heartbeatMs: 25_000 },
    wrong: caddy('transport http {\n read_timeout 20s\n }'),
    on: 'read_timeout',
    right: caddy('transport http {\n read_timeout 2m\n }'),
  },
  {
    rule: 'CAD004',
    wrong: caddy('header_up -Upgrade'),
    on: 'header_up',
    right: caddy('header_up -X-Secret'),
  },
  {
    rule: 'CAD004',
    when: 'as close',
    wrong: caddy('header_up Connection close'),
    on: 'header_up',
    right: caddy(),
  },
  {
    rule: 'CAD005',
    wrong: caddy('', 'redir https://www.example.com{uri} permanent'),
    on: 'redir',
    right: caddy('', 'redir /old /new permanent'),
  },
  {
    rule: 'CAD006',
    wrong: caddy('transport http {\n versions h2c 2\n }'),
    on: 'versions',
    right: caddy('transport http {\n versions 1.1 2\n }'),
  },
  {
    rule: 'CAD007',
    wrong: caddy('unhealthy_request_count 100'),
    on: 'unhealthy_request_count',
    right: caddy(),
  },
];

describe('the rules for Caddy', () => {
  it('find nothing in a configuration without a fault', () => {
    expect(idsOf(lintText('caddy', caddy()))).toEqual([]);
  });

  testExamples('caddy', examples);

  it('know that an old Caddy has no stream options', () => {
    expect(idsOf(lintText('caddy', caddy('', '', ''), { productVersion: '2.6.2' }))).toEqual([]);
  });

  it('follow a snippet that uses one below it, and refuse one that uses itself', () => {
    const site = 'example.com {\n\timport a\n}\n';
    const a = '(a) {\n\timport b\n}\n';
    const b = '(b) {\n\treverse_proxy 127.0.0.1:8080 {\n\t\tstream_timeout 1h\n\t}\n}\n';
    expect(idsOf(lintText('caddy', a + b + site))).toContain('CAD001');
    expect(() => lintText('caddy', `${a}(b) {\n\timport a\n}\n${site}`)).toThrow(
      /:5:2: the snippet a imports itself/,
    );
  });

  it.each([
    '@rest not path /ws*',
    '@rest {\n not path /ws*\n method GET\n }',
    '@rest {\n not {\n path /ws*\n }\n }',
  ])('judge no route that a matcher keeps WebSockets from (%j)', (matcher) => {
    const rest = `${matcher}\n reverse_proxy @rest web:80 {\n transport http {\n read_timeout 30s\n }\n }`;
    expect(idsOf(lintText('caddy', caddy('', rest)))).toEqual([]);
    const asked = caddy('', rest.replace('not ', ''));
    expect(idsOf(lintText('caddy', asked))).toEqual(['CAD002', 'CAD003']);
  });

  it('know that only addresses go on behind a comma in the next line', () => {
    const text = caddy('stream_timeout 1h', 'respond /hello "Hello,"').replace(
      'example.com',
      'example.com,\nwww.example.com',
    );
    expect(idsOf(lintText('caddy', text))).toContain('CAD001');
  });

  it('follow snippets, and read a file without braces as one site', () => {
    const snippet = '(proxy) {\n\treverse_proxy 127.0.0.1:8080 {\n\t\tstream_timeout 1h\n\t}\n}\n';
    expect(idsOf(lintText('caddy', `${snippet}example.com {\n\timport proxy\n}\n`))).toContain('CAD001');
    expect(
      idsOf(lintText('caddy', 'example.com\nreverse_proxy 127.0.0.1:1 {\n\tstream_timeout 1h\n}\n')),
    ).toContain('CAD001');
  });
});
