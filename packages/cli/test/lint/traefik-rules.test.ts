import { describe, expect, it } from 'vitest';
import { idsOf, lintText, testExamples, type RuleExample } from './support.ts';

const entryPoint = (transport: string) => `entryPoints:
  web:
    address: ":80"
    transport:
      lifeCycle:
        graceTimeOut: 60s
      ${transport}
`;

/** A dynamic configuration with one middleware on the router of the WebSocket. */
const dynamic = (middleware: string, service = 'url: http://127.0.0.1:1', passHost = 'true') => `http:
  routers:
    chat:
      rule: Host(\`example.com\`) && PathPrefix(\`/ws\`)
      middlewares: [own]
      service: app
  middlewares:
    own:
      ${middleware}
  services:
    app:
      loadBalancer:
        passHostHeader: ${passHost}
        servers:
        - ${service}
`;

/** Two routers, of which only the other one redirects. */
const twoRouters = (match: string) => `http:
  routers:
    start: { rule: ${match}(\`/\`), middlewares: [own], service: app }
    live: { rule: PathPrefix(\`/ws\`), service: app }
  middlewares:
    own: { redirectRegex: { regex: '^', replacement: https://www.example.com } }
`;

const harmless = 'addPrefix: { prefix: /v1 }';

const examples: readonly RuleExample[] = [
  { rule: 'TRF001', wrong: entryPoint('').replace('60s', '5s'), on: 'graceTimeOut', right: entryPoint('') },
  {
    rule: 'TRF001',
    when: 'in TOML',
    wrong:
      '[entryPoints]\n[entryPoints.web]\naddress = ":80"\n[entryPoints.web.transport.lifeCycle]\ngraceTimeOut = 5\n',
    on: 'graceTimeOut',
    right: '[entryPoints.web]\naddress = ":80"\ntransport.lifeCycle = { graceTimeOut = "60s" }\n',
  },
  {
    rule: 'TRF002',
    wrong: entryPoint('respondingTimeouts: { writeTimeout: 30s }'),
    on: 'respondingTimeouts',
    right: entryPoint('respondingTimeouts: { writeTimeout: 0s }'),
  },
  {
    rule: 'TRF003',
    wrong: dynamic('inFlightReq: { amount: 10 }'),
    on: 'inFlightReq',
    right: dynamic(harmless),
  },
  {
    rule: 'TRF004',
    wrong: dynamic('rateLimit: { average: 10 }'),
    on: 'rateLimit',
    right: dynamic('rateLimit: { average: 10, burst: 100 }'),
  },
  {
    rule: 'TRF005',
    wrong: dynamic('redirectScheme: { scheme: https }'),
    on: 'redirectScheme',
    right: dynamic(harmless),
  },
  {
    rule: 'TRF005',
    when: 'on the declared path, of which Path wants the whole',
    context: { path: '/ws' },
    wrong: twoRouters('PathPrefix'),
    on: 'own: { redirectRegex',
    right: twoRouters('Path'),
  },
  {
    rule: 'TRF006',
    wrong: dynamic(harmless, 'url: http://127.0.0.1:1', 'false'),
    on: 'passHostHeader',
    right: dynamic(harmless),
  },
  {
    rule: 'TRF007',
    wrong: dynamic(harmless, 'url: h2c://127.0.0.1:1'),
    on: '- url',
    right: dynamic(harmless),
  },
];

describe('the rules for Traefik', () => {
  it('find nothing in configurations without a fault', () => {
    expect(idsOf(lintText('traefik', entryPoint('')))).toEqual([]);
    expect(idsOf(lintText('traefik', dynamic(harmless)))).toEqual([]);
  });

  testExamples('traefik', examples);

  it('leave a router alone that only sends everything to https', () => {
    const text = `http:
  routers:
    plain: { rule: Host(\`a\`), entryPoints: [web], middlewares: [secure], service: app }
    main: { rule: Host(\`a\`), entryPoints: [websecure], service: app, tls: {} }
  middlewares:
    secure: { redirectScheme: { scheme: https } }
`;
    expect(idsOf(lintText('traefik', text))).toEqual([]);
    expect(idsOf(lintText('traefik', text.replace('scheme: https', 'scheme: http')))).toEqual(['TRF005']);
  });

  it('judge no router that WebSockets are kept from', () => {
    const text = twoRouters('Path').replace('Path(`/`)', 'Host(`a`) && !PathPrefix(`/ws`)');
    expect(idsOf(lintText('traefik', text, { path: '/ws' }))).toEqual([]);
    expect(idsOf(lintText('traefik', text))).toEqual([]);
  });

  it('take names as they are written', () => {
    const text = dynamic(harmless).replace(
      '  services:',
      '  services:\n    a-p-p: { loadBalancer: { servers: [{ url: "h2c://127.0.0.1:2" }] } }',
    );
    expect(idsOf(lintText('traefik', text))).toEqual([]);
    expect(idsOf(lintText('traefik', text.replace('service: app', 'service: a-p-p@file')))).toEqual([
      'TRF007',
    ]);
  });

  it('take a number in TOML for a name', () => {
    const toml =
      '[http.routers.404]\nrule = "PathPrefix(`/ws`)"\n[http.routers]\n500 = { rule = "PathPrefix(`/live`)" }\n';
    expect(lintText('traefik', toml, { path: '/ws' }).routes).toBe(1);
    expect(lintText('traefik', toml, { path: '/live' }).routes).toBe(1);
  });

  it('read arrays of tables in TOML', () => {
    const toml = `[http.routers.chat]
rule = "PathPrefix(\`/ws\`)"
service = "app"
[http.services.app.loadBalancer]
[[http.services.app.loadBalancer.servers]]
url = "http://127.0.0.1:1"
[[http.services.app.loadBalancer.servers]]
url = "h2c://127.0.0.1:2"
`;
    const [finding] = lintText('traefik', toml).findings;
    expect(finding).toMatchObject({ line: 8, column: 1, rule: { id: 'TRF007' } });
  });

  const compose = (traefik: string, app: string) => `services:
  proxy:
    image: traefik:v3.6
    command: ${traefik}
  app:
    image: app
    labels: ${app}
`;

  it.each([
    ['TRF001', '["--entrypoints.web.address=:80"]', '[]'],
    [
      'TRF002',
      '--entryPoints.web.transport.lifeCycle.graceTimeOut=1m --entryPoints.web.transport.respondingTimeouts.writeTimeout=30s',
      '[]',
    ],
    [
      'TRF003',
      '[]',
      '["traefik.http.routers.a.middlewares=x,few@docker", "traefik.http.middlewares.few.inflightreq.amount=5"]',
    ],
    [
      'TRF004',
      '[]',
      '{ traefik.http.routers.a.middlewares: few, traefik.http.middlewares.few.ratelimit.average: 5 }',
    ],
    [
      'TRF006',
      '[]',
      '["traefik.http.routers.a.rule=Host(`a`)", "traefik.http.services.s.loadbalancer.passhostheader=false"]',
    ],
    [
      'TRF007',
      '[]',
      '["traefik.http.routers.a.service=s", "traefik.http.services.s.loadbalancer.server.scheme=h2c"]',
    ],
  ])('read arguments and labels in Compose files: %s', (rule, traefik, app) => {
    const { findings } = lintText('traefik', compose(traefik, app));
    expect(findings.map(({ rule: { id }, line }) => [id, line])).toEqual([[rule, app === '[]' ? 4 : 7]]);
  });

  it('let a router of two services ask only the one that it names', () => {
    const labels =
      '["traefik.http.routers.a.rule=Host(`a`)", "traefik.http.services.s.loadbalancer.server.scheme=h2c", "traefik.http.services.t.loadbalancer.server.port=1"]';
    expect(idsOf(lintText('traefik', compose('[]', labels)))).toEqual([]);
  });

  it('find nothing of Traefik in other Compose files', () => {
    expect(() => lintText('traefik', compose('[]', '["a=b"]'))).toThrow('holds no settings of Traefik');
  });
});
