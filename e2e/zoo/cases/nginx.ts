import type { Progress } from '../../../packages/cli/src/doctor/report/report.ts';
import { freePort } from '../program.ts';
import { nginx, NGINX_UPGRADE, type NginxParts } from '../proxies.ts';
import { closesIdle, echoServer, type EchoOptions, rawServer } from '../servers.ts';
import { type Animal, stopping, type ZooCase, type ZooGroup } from '../zoo.ts';

const needs = ['nginx'];

/** nginx before an echo server; `$port` in the location is where that listens. */
async function before(parts: NginxParts, options: EchoOptions = {}): Promise<Animal> {
  const server = await echoServer(options);
  const location = parts.location.replaceAll('$port', String(server.port));
  const proxy = await nginx({ ...parts, location });
  return { url: proxy.url, stop: stopping(server, proxy) };
}

const pass = 'proxy_pass http://127.0.0.1:$port;';
const good = `${pass}\n${NGINX_UPGRADE}`;

/** Does something once, as soon as the doctor has begun to wait for silence to kill. */
function whenSilent(act: () => Promise<void>): (progress: Progress) => void {
  let done = false;
  return (progress) => {
    if (done || progress.kind !== 'step-started' || progress.name !== 'idle') return;
    done = true;
    setTimeout(() => void act(), 1_200);
  };
}

const cases: readonly ZooCase[] = [
  { title: 'as it should be', start: () => before({ location: good }), id: 'stable', hop: 'none' },
  {
    title: 'without upgrade headers',
    start: () => before({ location: pass }),
    id: 'upgrade-lost',
    hop: 'proxy',
  },
  {
    title: 'headers of the server block lost to one in the location',
    start: () =>
      before({ server: NGINX_UPGRADE, location: `${pass}\nproxy_set_header X-Real-IP $remote_addr;` }),
    id: 'upgrade-lost',
    hop: 'proxy',
  },
  {
    title: 'Upgrade without Connection',
    start: () =>
      before({ location: `${pass}\nproxy_http_version 1.1;\nproxy_set_header Upgrade $http_upgrade;` }),
    id: 'upgrade-lost',
    hop: 'proxy',
  },
  {
    title: 'HTTP/1.0 to a server that bears it',
    start: () => before({ location: good.replace('proxy_http_version 1.1;', '') }),
    id: 'stable',
    hop: 'none',
  },
  {
    title: 'idle limit of 2 s',
    start: () => before({ location: `${good}\nproxy_read_timeout 2s;` }),
    id: 'idle-limit',
    hop: 'proxy',
    limitMs: 2_000,
  },
  {
    title: 'idle limit of 2 s, beside the bare server',
    start: async () => {
      const server = await echoServer();
      const proxy = await nginx({
        location: `${good.replaceAll('$port', String(server.port))}\nproxy_read_timeout 2s;`,
      });
      return { url: proxy.url, direct: server.url, stop: stopping(server, proxy) };
    },
    id: 'idle-limit',
    hop: 'proxy',
    limitMs: 2_000,
  },
  {
    title: 'limit_conn',
    start: () =>
      before({
        http: 'limit_conn_zone $binary_remote_addr zone=c:1m;',
        location: `${good}\nlimit_conn c 6;`,
      }),
    id: 'connection-limit',
    hop: 'proxy',
  },
  {
    title: 'limit_req',
    start: () =>
      before({
        http: 'limit_req_zone $binary_remote_addr zone=r:1m rate=2r/s;',
        location: `${good}\nlimit_req zone=r burst=1 nodelay;`,
      }),
    id: 'rate-limited',
    hop: 'proxy',
  },
  {
    title: 'redirect to https',
    start: () => before({ location: 'return 301 https://$host$request_uri;' }),
    id: 'redirected',
    hop: 'proxy',
  },
  {
    title: 'a path that nginx does not know',
    start: () => before({ location: 'return 404;' }),
    id: 'not-found',
    hop: 'proxy',
  },
  {
    title: 'server behind it down',
    start: async () => {
      const port = await freePort();
      const proxy = await nginx({ location: good.replaceAll('$port', String(port)) });
      return { url: proxy.url, stop: () => proxy.stop() };
    },
    id: 'backend-unavailable',
    hop: 'server',
  },
  {
    title: 'server behind it hangs, 504',
    start: async () => {
      const server = await rawServer(() => {});
      const proxy = await nginx({
        location: `${good.replaceAll('$port', String(server.port))}\nproxy_read_timeout 1s;`,
      });
      return { url: proxy.url, stop: stopping(server, proxy) };
    },
    id: 'backend-silent',
    hop: 'server',
  },
  {
    title: 'server behind it hangs, longer than anyone waits',
    start: async () => {
      const server = await rawServer(() => {});
      const proxy = await nginx({ location: good.replaceAll('$port', String(server.port)) });
      return { url: proxy.url, stop: stopping(server, proxy) };
    },
    id: 'backend-silent',
    hop: 'server',
  },
  {
    title: 'reload that cuts old workers',
    start: async () => {
      const server = await echoServer();
      const proxy = await nginx({
        main: 'worker_shutdown_timeout 300ms;',
        location: good.replaceAll('$port', String(server.port)),
      });
      const onProgress = whenSilent(() => proxy.reload());
      return { url: proxy.url, onProgress, stop: stopping(server, proxy) };
    },
    id: 'closed-together',
    hop: 'proxy',
  },
  {
    title: 'too few worker_connections',
    start: () => before({ events: 'worker_connections 20;', location: good }),
    id: 'connection-limit',
    hop: 'proxy',
  },
  {
    title: 'Host rewritten, so that the server refuses the Origin',
    start: () =>
      before(
        { location: good },
        {
          admit: ({ headers }) => {
            if (headers.origin === undefined) return null;
            // nginx sends the name of the upstream; the page comes from the public name.
            return new URL(headers.origin).host === headers.host ? null : 403;
          },
        },
      ),
    id: 'origin-refused',
    hop: 'server',
  },
  {
    title: 'server behind it closes idle clients, beside the bare way',
    start: async () => {
      const server = await echoServer({ onConnection: closesIdle(2_000, 'terminate') });
      const proxy = await nginx({ location: good.replaceAll('$port', String(server.port)) });
      return { url: proxy.url, direct: server.url, stop: stopping(server, proxy) };
    },
    id: 'idle-limit',
    hop: 'server',
    limitMs: 2_000,
  },
];

export const nginxCases: ZooGroup = { name: 'nginx', cases: cases.map((zooCase) => ({ ...zooCase, needs })) };
