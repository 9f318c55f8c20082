import { expect } from 'vitest';
import { createCertificate } from '../certificates.ts';
import { freePort } from '../program.ts';
import { haproxy } from '../proxies.ts';
import { echoServer, rawServer, type ZooServer } from '../servers.ts';
import { type Animal, stopping, type ZooCase, type ZooGroup } from '../zoo.ts';

const needs = ['haproxy'];

interface Lines {
  readonly defaults?: string;
  readonly frontend?: string;
  readonly server?: string;
  /** What follows the address of the server line. */
  readonly serverOptions?: string;
}

const config = (bind: string, backendPort: number, lines: Lines) => `defaults
  mode http
  timeout connect 2s
  timeout client 30s
  timeout server 30s
  ${lines.defaults ?? ''}
frontend f
  bind ${bind}
  ${lines.frontend ?? ''}
  default_backend b
backend b
  ${lines.server ?? ''}
  server s 127.0.0.1:${backendPort} ${lines.serverOptions ?? ''}
`;

async function before(lines: Lines, server?: ZooServer): Promise<Animal> {
  const backend = server ?? (await echoServer());
  const proxy = await haproxy((bind) => config(bind, backend.port, lines));
  return { url: proxy.url, stop: stopping(backend, proxy) };
}

/** HAProxy on TLS with HTTP/2 offered. */
async function withHttp2(frontend: string): Promise<Animal> {
  const tls = createCertificate('IP:127.0.0.1', 10);
  const backend = await echoServer();
  const proxy = await haproxy((bind) => config(bind, backend.port, { frontend }), tls);
  return { url: proxy.url.replace('ws:', 'wss:'), ca: tls.authority, stop: stopping(backend, proxy) };
}

const cases: readonly ZooCase[] = [
  { title: 'as it should be', start: () => before({}), id: 'stable', hop: 'none' },
  {
    title: 'timeout tunnel 2s',
    start: () => before({ defaults: 'timeout tunnel 2s' }),
    id: 'idle-limit',
    hop: 'proxy',
    limitMs: 2_000,
  },
  {
    title: 'no timeout tunnel, client and server 2s',
    start: () => before({ defaults: 'timeout client 2s\n  timeout server 2s' }),
    id: 'idle-limit',
    hop: 'proxy',
    limitMs: 2_000,
    check: ({ verdict }) => expect(verdict.fix?.snippet).toContain('timeout tunnel'),
  },
  {
    title: 'mode tcp with 2s, beside the bare server',
    start: async () => {
      const server = await echoServer();
      const animal = await before({ defaults: 'mode tcp\n  timeout client 2s\n  timeout server 2s' }, server);
      return { ...animal, direct: server.url };
    },
    id: 'idle-limit',
    hop: 'proxy',
    limitMs: 2_000,
  },
  {
    title: 'maxconn of the server, with a short queue',
    start: () => before({ defaults: 'timeout queue 500ms', serverOptions: 'maxconn 4' }),
    id: 'connection-limit',
    hop: 'proxy',
  },
  {
    title: 'maxconn of the frontend, where the rest hangs',
    start: () => before({ frontend: 'maxconn 4' }),
    id: 'connection-limit',
    hop: 'proxy',
  },
  {
    title: 'server down',
    start: async () => {
      const port = await freePort();
      const proxy = await haproxy((bind) => config(bind, port, {}));
      return { url: proxy.url, stop: () => proxy.stop() };
    },
    id: 'backend-unavailable',
    hop: 'server',
    // HAProxy tries three times, a second apart, before it answers 503.
    options: { timeoutMs: 8_000 },
  },
  {
    title: 'server hangs, 504',
    start: async () => before({ defaults: 'timeout server 1s' }, await rawServer(() => {})),
    id: 'backend-silent',
    hop: 'server',
  },
  {
    title: 'upgrade stripped by a rule',
    start: () =>
      before({ frontend: 'http-request del-header upgrade\n  http-request del-header connection' }),
    id: 'upgrade-lost',
    hop: 'proxy',
  },
  {
    title: 'HTTP/2 with extended CONNECT',
    start: () => withHttp2(''),
    id: 'stable',
    hop: 'none',
    check: ({ measurements }) =>
      expect(measurements.public.http2).toEqual({ negotiated: true, offersWebSocket: true, status: 200 }),
  },
  {
    title: 'HTTP/2 offered for WebSockets, and refused by a rule',
    start: () => withHttp2('http-request deny if { req.ver 2.0 } { req.hdr(upgrade) -i websocket }'),
    id: 'http2-broken',
    hop: 'proxy',
  },
];

export const haproxyCases: ZooGroup = {
  name: 'HAProxy',
  cases: cases.map((zooCase) => ({ ...zooCase, needs: [...needs, 'openssl'] })),
};
