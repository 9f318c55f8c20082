import { describe, expect, it } from 'vitest';
import { diagnose } from '../../packages/cli/src/doctor/diagnose.ts';
import type { Report } from '../../packages/cli/src/doctor/report/report.ts';
import type { VerdictId } from '../../packages/cli/src/doctor/verdict/verdict-id.ts';
import { requirePeer } from '../peers.ts';
import {
  apache,
  haproxy,
  nginx,
  NGINX_UPGRADE,
  type NginxParts,
  type Proxy,
  squid,
  varnish,
} from './proxies.ts';
import { echoServer } from './servers.ts';

/** The tries that a reload may need until the old configuration has stopped answering. */
const TRIES_MAX = 5;
const RUN_MS_MAX = 120_000;

interface Repair {
  readonly title: string;
  readonly program: string;
  /** The broken deployment in front of the server on this port. */
  start(serverPort: number): Promise<Broken>;
  readonly id: VerdictId;
}

interface Broken {
  readonly proxy: Pick<Proxy, 'url' | 'stop'>;
  /** Pastes the lines of the fix where its `file` says, and lets the proxy take them. */
  mend(snippet: string): Promise<Pick<Proxy, 'url' | 'stop'>>;
}

function examine(url: string): Promise<Report> {
  return diagnose({ url, depth: 'quick', send: 'holdfast', timeoutMs: 3_000 });
}

const repairs: readonly Repair[] = [
  {
    title: 'nginx without upgrade headers, reloaded',
    program: 'nginx',
    start: async (port) => {
      const location = `proxy_pass http://127.0.0.1:${port};`;
      const proxy = await nginx({ location });
      return {
        proxy,
        mend: async (snippet) => {
          const [http = '', inLocation = ''] = snippet.split('# in the location of the WebSocket');
          const mended: NginxParts = { http, location: `${location}\n${inLocation}` };
          await proxy.reload(mended);
          return proxy;
        },
      };
    },
    id: 'upgrade-lost',
  },
  {
    title: 'nginx with a short idle limit, reloaded',
    program: 'nginx',
    start: async (port) => {
      const location = `proxy_pass http://127.0.0.1:${port};\n${NGINX_UPGRADE}`;
      const proxy = await nginx({ location: `${location}\nproxy_read_timeout 2s;` });
      return {
        proxy,
        mend: async (snippet) => {
          await proxy.reload({ location: `${location}\n${snippet}` });
          return proxy;
        },
      };
    },
    id: 'idle-limit',
  },
  {
    title: 'HAProxy with short timeouts, restarted',
    program: 'haproxy',
    start: async (port) => {
      const config = (bind: string, more: string) => `defaults
  mode http
  timeout connect 2s
  timeout client 2s
  timeout server 2s
  ${more.replaceAll('\n', '\n  ')}
listen l
  bind ${bind}
  server s 127.0.0.1:${port}
`;
      const proxy = await haproxy((bind) => config(bind, ''));
      return { proxy, mend: (snippet) => restart(proxy, () => haproxy((bind) => config(bind, snippet))) };
    },
    id: 'idle-limit',
  },
  {
    title: 'Apache with a short Timeout, restarted',
    program: 'apache2',
    start: async (port) => {
      const config = (more: string) =>
        `Timeout 2\nProxyPass / http://127.0.0.1:${port}/ upgrade=websocket\n${more}`;
      const proxy = await apache(config(''));
      return { proxy, mend: (snippet) => restart(proxy, () => apache(config(snippet))) };
    },
    id: 'idle-limit',
  },
  {
    title: 'Varnish that does not pipe, restarted',
    program: 'varnishd',
    start: async (port) => {
      const vcl = (more: string) =>
        `vcl 4.1;\nbackend default { .host = "127.0.0.1"; .port = "${port}"; }\n${more}\n`;
      const proxy = await varnish(vcl(''));
      return { proxy, mend: (snippet) => restart(proxy, () => varnish(vcl(snippet))) };
    },
    id: 'upgrade-lost',
  },
  {
    title: 'Squid that drops Upgrade, restarted',
    program: 'squid',
    start: async (port) => {
      const proxy = await squid(port, '');
      return { proxy, mend: (snippet) => restart(proxy, () => squid(port, snippet)) };
    },
    id: 'upgrade-lost',
  },
];

async function restart(old: Pick<Proxy, 'stop'>, start: () => Promise<Proxy>) {
  await old.stop();
  return start();
}

async function repair({ start, id }: Repair): Promise<void> {
  const server = await echoServer();
  const broken = await start(server.port);
  let proxy = broken.proxy;
  try {
    const before = await examine(proxy.url);
    expect(before.verdict.id).toBe(id);
    expect(before.verdict.fix?.product).toBe(before.verdict.product);
    proxy = await broken.mend(before.verdict.fix?.snippet ?? '');
    let after = await examine(proxy.url);
    for (let tries = 1; after.standing !== 'stable' && tries < TRIES_MAX; tries += 1) {
      after = await examine(proxy.url);
    }
    expect(after.verdict.id, after.verdict.evidence.join(' ')).toBe('stable');
  } finally {
    await proxy.stop();
    await server.stop();
  }
}

describe.concurrent('the lines that the doctor prints, pasted', () => {
  for (const each of repairs) {
    it.runIf(requirePeer(each.program))(`mend ${each.title}`, { timeout: RUN_MS_MAX }, () => repair(each));
  }
});
