import { expect } from 'vitest';
import { createCertificate } from '../certificates.ts';
import { nginx, NGINX_UPGRADE } from '../proxies.ts';
import { echoServer } from '../servers.ts';
import { type Animal, stopping, type ZooCase, type ZooGroup } from '../zoo.ts';

/** A TLS server whose certificate has these names and ends in so many days. */
async function withCertificate(names: string, days: number, trust = true): Promise<Animal> {
  const tls = createCertificate(names, days);
  const server = await echoServer({ tls });
  return { url: server.url, ...(trust ? { ca: tls.authority } : {}), stop: () => server.stop() };
}

const cases: readonly ZooCase[] = [
  {
    title: 'a certificate as it should be',
    start: () => withCertificate('IP:127.0.0.1', 10),
    id: 'stable',
    hop: 'none',
    check: ({ measurements }) =>
      expect(measurements.public.tls).toMatchObject({ trusted: true, error: null }),
  },
  { title: 'expired', start: () => withCertificate('IP:127.0.0.1', -1), id: 'tls-expired', hop: 'tls' },
  {
    title: 'for another name',
    start: () => withCertificate('DNS:example.com', 10),
    id: 'tls-wrong-name',
    hop: 'tls',
  },
  {
    title: 'from an authority that nobody trusts',
    start: () => withCertificate('IP:127.0.0.1', 10, false),
    id: 'tls-untrusted',
    hop: 'tls',
  },
  {
    title: 'wss:// to a port without TLS',
    start: async () => {
      const server = await echoServer();
      return { url: server.url.replace('ws:', 'wss:'), stop: () => server.stop() };
    },
    id: 'tls-failed',
    hop: 'tls',
  },
  {
    title: 'ws:// to a Node server with TLS',
    start: async () => {
      const server = await echoServer({ tls: createCertificate('IP:127.0.0.1', 10) });
      return { url: server.url.replace('wss:', 'ws:'), stop: () => server.stop() };
    },
    id: 'upgrade-cut',
    hop: 'server',
  },
  {
    title: 'ws:// to the TLS port of nginx',
    needs: ['nginx'],
    start: async () => {
      const server = await echoServer();
      const proxy = await nginx({
        tls: createCertificate('IP:127.0.0.1', 10),
        location: `proxy_pass http://127.0.0.1:${server.port};\n${NGINX_UPGRADE}`,
      });
      return { url: proxy.url, stop: stopping(server, proxy) };
    },
    id: 'tls-needed',
    hop: 'tls',
  },
];

export const tlsCases: ZooGroup = {
  name: 'TLS',
  cases: cases.map((zooCase) => ({ ...zooCase, needs: ['openssl', ...(zooCase.needs ?? [])] })),
};
