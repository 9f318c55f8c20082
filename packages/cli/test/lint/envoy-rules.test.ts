import { describe, expect, it } from 'vitest';
import { idsOf, lintText, testExamples, type RuleExample } from './support.ts';

interface Parts {
  readonly manager?: string;
  readonly routes?: string;
  readonly route?: string;
  readonly filters?: string;
  readonly cluster?: string;
}

/** A configuration without a fault, in which an example changes one part. */
function envoy(parts: Parts = {}): string {
  return `static_resources:
  listeners:
  - name: web
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: web
          ${parts.manager ?? 'upgrade_configs: [{ upgrade_type: websocket }]'}
          route_config:
            virtual_hosts:
            - name: host
              domains: ["*"]
              routes:
              ${parts.routes ?? ''}
              - match: { prefix: "/ws" }
                ${parts.route ?? 'route: { cluster: app, timeout: 0s, idle_timeout: 3600s }'}
          http_filters:
          ${parts.filters ?? ''}
          - name: envoy.filters.http.router
  clusters:
  - name: app
    load_assignment: {}
    ${parts.cluster ?? ''}
`;
}

const upgrade = 'upgrade_configs: [{ upgrade_type: websocket }]';

const examples: readonly RuleExample[] = [
  { rule: 'ENV001', wrong: envoy({ manager: '' }), on: '"@type"', right: envoy() },
  {
    rule: 'ENV001',
    when: 'as switched off by the route',
    wrong: envoy({
      route:
        'route: { cluster: app, timeout: 0s, idle_timeout: 1h, upgrade_configs: [{ upgrade_type: websocket, enabled: false }] }',
    }),
    on: 'route: {',
    right: envoy({
      manager: '',
      route:
        'route: { cluster: app, timeout: 0s, idle_timeout: 3600s, upgrade_configs: [{ upgrade_type: websocket }] }',
    }),
  },
  {
    rule: 'ENV002',
    context: { heartbeatMs: 25_000 },
    wrong: envoy({
      manager: `${upgrade}\n          streamIdleTimeout: 20s`,
      route: 'route: { cluster: app, timeout: 0s }',
    }),
    on: 'streamIdleTimeout',
    right: envoy({ manager: `${upgrade}\n          stream_idle_timeout: 20s` }),
  },
  {
    rule: 'ENV003',
    wrong: envoy({
      manager: `${upgrade}\n          common_http_protocol_options:\n            max_connection_duration: 600s`,
    }),
    on: 'max_connection_duration',
    right: envoy({
      manager: `${upgrade}\n          common_http_protocol_options:\n            max_connection_duration: 0s`,
    }),
  },
  {
    rule: 'ENV003',
    when: 'for streams, unless the route lifts it',
    wrong: envoy({
      manager: `${upgrade}\n          common_http_protocol_options:\n            max_stream_duration: 600s`,
    }),
    on: 'max_stream_duration',
    right: envoy({
      manager: `${upgrade}\n          common_http_protocol_options:\n            max_stream_duration: 600s`,
      route:
        'route: { cluster: app, timeout: 0s, idle_timeout: 3600s, max_stream_duration: { max_stream_duration: 0s } }',
    }),
  },
  {
    rule: 'ENV004',
    wrong: envoy({ route: 'route: { cluster: app, idle_timeout: 3600s }' }),
    on: 'route: {',
    right: envoy(),
  },
  {
    rule: 'ENV005',
    wrong: envoy({ manager: `${upgrade}\n          codec_type: HTTP2` }),
    on: 'codec_type',
    right: envoy({
      manager: `${upgrade}\n          codec_type: HTTP2\n          http2_protocol_options: { allow_connect: true }`,
    }),
  },
  {
    rule: 'ENV006',
    wrong: envoy({ cluster: 'http2_protocol_options: {}' }),
    on: 'http2_protocol_options',
    right: envoy({ cluster: 'http2_protocol_options: { allow_connect: true }' }),
  },
  {
    rule: 'ENV007',
    context: { connections: 20_000 },
    wrong: envoy(),
    on: '- name: app',
    right: envoy({
      cluster: 'circuit_breakers: { thresholds: [{ max_connections: 24000, max_requests: 24000 }] }',
    }),
  },
  {
    rule: 'ENV007',
    when: 'at the priority that requests have',
    context: { connections: 20_000 },
    wrong: envoy({
      cluster:
        'circuit_breakers: { thresholds: [{ priority: HIGH, max_connections: 24000, max_requests: 24000 }] }',
    }),
    on: '- name: app',
    right: envoy({
      cluster:
        'circuit_breakers: { thresholds: [{ priority: HIGH }, { priority: DEFAULT, max_connections: 24000, max_requests: 24000 }] }',
    }),
  },
  {
    rule: 'ENV008',
    wrong: envoy({ filters: '- name: envoy.filters.http.buffer' }),
    on: '- name: envoy.filters.http.buffer',
    right: envoy({
      manager:
        'upgrade_configs: [{ upgrade_type: websocket, filters: [{ name: envoy.filters.http.router }] }]',
      filters: '- name: envoy.filters.http.buffer',
    }),
  },
  {
    rule: 'ENV009',
    context: { path: '/ws' },
    wrong: envoy({ routes: '- match: { prefix: "/" }\n                redirect: { https_redirect: true }' }),
    on: 'redirect',
    right: envoy({
      routes: '- match: { prefix: "/old" }\n                redirect: { https_redirect: true }',
    }),
  },
];

describe('the rules for Envoy', () => {
  it('find nothing in a configuration without a fault', () => {
    expect(idsOf(lintText('envoy', envoy()))).toEqual([]);
  });

  it('judge the declared path in each virtual host, and leave one alone that only sends everything to https', () => {
    const plain = (redirect: string): string =>
      envoy().replace(
        '- name: host',
        `- name: plain
              domains: [a]
              routes:
              - match: { prefix: "/" }
                redirect: { ${redirect} }
            - name: host`,
      );
    const cut = plain('https_redirect: true').replace('idle_timeout: 3600s', 'idle_timeout: 9s');
    expect(idsOf(lintText('envoy', cut, { path: '/ws' }))).toEqual(['ENV002']);
    expect(idsOf(lintText('envoy', plain('host_redirect: b'), { path: '/ws' }))).toEqual(['ENV009']);
  });

  testExamples('envoy', examples);

  it("let a route's own time win over one that is merged in, wherever the merge stands", () => {
    const route = (idle: string) =>
      `x: &short { idle_timeout: 10s }\n${envoy({ route: `route: { ${idle}cluster: app, timeout: 0s, <<: *short }` })}`;
    expect(idsOf(lintText('envoy', route('idle_timeout: 1h, ')))).toEqual([]);
    expect(idsOf(lintText('envoy', route('')))).toEqual(['ENV002']);
  });
});
