import type { Progress } from '../../../packages/cli/src/doctor/report/report.ts';
import { freePort } from '../program.ts';
import { apache, caddy, type Proxy, squid, varnish } from '../proxies.ts';
import { echoServer, type ZooServer } from '../servers.ts';
import { type Animal, stopping, type ZooCase, type ZooGroup } from '../zoo.ts';

async function before(make: (server: ZooServer) => Promise<Proxy>): Promise<Animal> {
  const server = await echoServer();
  const proxy = await make(server);
  return { url: proxy.url, stop: stopping(server, proxy) };
}

const nobody = async (make: (port: number) => Promise<Proxy>): Promise<Animal> => {
  const proxy = await make(await freePort());
  return { url: proxy.url, stop: () => proxy.stop() };
};

const vcl = (port: number, rules: string) => `vcl 4.1;
backend default { .host = "127.0.0.1"; .port = "${port}"; }
${rules}
`;

const VCL_PIPE = `sub vcl_recv {
  if (req.http.Upgrade ~ "(?i)websocket") { return (pipe); }
}
sub vcl_pipe {
  if (req.http.Upgrade) {
    set bereq.http.Upgrade = req.http.Upgrade;
    set bereq.http.Connection = req.http.Connection;
  }
}`;

const SQUID_UPGRADE = 'http_upgrade_request_protocols websocket allow all';

const apacheCases: readonly ZooCase[] = [
  {
    title: 'Apache as it should be',
    start: () => before(({ port }) => apache(`ProxyPass / http://127.0.0.1:${port}/ upgrade=websocket`)),
    id: 'stable',
    hop: 'none',
  },
  {
    title: 'Apache, Timeout 2',
    start: () =>
      before(({ port }) => apache(`Timeout 2\nProxyPass / http://127.0.0.1:${port}/ upgrade=websocket`)),
    id: 'idle-limit',
    hop: 'proxy',
    limitMs: 2_000,
  },
  {
    title: 'Apache without upgrade=websocket',
    start: () => before(({ port }) => apache(`ProxyPass / http://127.0.0.1:${port}/`)),
    id: 'upgrade-lost',
    hop: 'proxy',
  },
  {
    title: 'Apache, server down',
    start: () => nobody((port) => apache(`ProxyPass / http://127.0.0.1:${port}/ upgrade=websocket`)),
    id: 'backend-unavailable',
    hop: 'server',
  },
];

const caddyCases: readonly ZooCase[] = [
  {
    title: 'Caddy as it should be',
    start: () => before(({ port }) => caddy(`reverse_proxy 127.0.0.1:${port}`)),
    id: 'stable',
    hop: 'none',
  },
  {
    title: 'Caddy, server down',
    start: () => nobody((port) => caddy(`reverse_proxy 127.0.0.1:${port}`)),
    id: 'backend-unavailable',
    hop: 'server',
  },
  {
    title: 'Caddy, upgrade stripped',
    start: () =>
      before(({ port }) =>
        caddy(`reverse_proxy 127.0.0.1:${port} {\nheader_up -Upgrade\nheader_up -Connection\n}`),
      ),
    id: 'upgrade-lost',
    hop: 'proxy',
  },
  {
    title: 'Caddy, reloaded',
    start: async () => {
      const server = await echoServer();
      const proxy = await caddy(`reverse_proxy 127.0.0.1:${server.port}`);
      let done = false;
      const onProgress = (progress: Progress) => {
        if (done || progress.kind !== 'step-started' || progress.name !== 'idle') return;
        done = true;
        setTimeout(() => void proxy.reload(), 1_200);
      };
      return { url: proxy.url, onProgress, stop: stopping(server, proxy) };
    },
    id: 'closed-together',
    hop: 'proxy',
  },
];

const varnishCases: readonly ZooCase[] = [
  {
    title: 'Varnish that pipes',
    start: () => before(({ port }) => varnish(vcl(port, VCL_PIPE))),
    id: 'stable',
    hop: 'none',
  },
  {
    title: 'Varnish that does not pipe',
    start: () => before(({ port }) => varnish(vcl(port, ''))),
    id: 'upgrade-lost',
    hop: 'proxy',
  },
  {
    title: 'Varnish, pipe_timeout of 2 s',
    start: () => before(({ port }) => varnish(vcl(port, VCL_PIPE), ['pipe_timeout=2'])),
    id: 'idle-limit',
    hop: 'proxy',
    limitMs: 2_000,
  },
];

const squidCases: readonly ZooCase[] = [
  {
    title: 'Squid that lets upgrades through',
    start: () => before(({ port }) => squid(port, SQUID_UPGRADE)),
    id: 'stable',
    hop: 'none',
  },
  {
    title: 'Squid as it comes',
    start: () => before(({ port }) => squid(port, '')),
    id: 'upgrade-lost',
    hop: 'proxy',
  },
  {
    title: 'Squid, read_timeout of 3 s',
    start: () => before(({ port }) => squid(port, `${SQUID_UPGRADE}\nread_timeout 3 seconds`)),
    id: 'idle-limit',
    hop: 'proxy',
    limitMs: 3_000,
  },
];

const needing = (program: string, cases: readonly ZooCase[]) =>
  cases.map((zooCase) => ({ ...zooCase, needs: [program] }));

export const otherProxyCases: ZooGroup = {
  name: 'Apache, Caddy, Varnish and Squid',
  cases: [
    ...needing('apache2', apacheCases),
    ...needing('caddy', caddyCases),
    ...needing('varnishd', varnishCases),
    ...needing('squid', squidCases),
  ],
};
