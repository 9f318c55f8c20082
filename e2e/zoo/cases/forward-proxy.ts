import { expect } from 'vitest';
import { squidForward } from '../proxies.ts';
import { echoServer } from '../servers.ts';
import { type Animal, stopping, type ZooCase, type ZooGroup } from '../zoo.ts';

/** Squid as companies have it, between the client and a server on a port of its own. */
async function through(lines: (serverPort: number) => string): Promise<Animal> {
  const server = await echoServer();
  const proxy = await squidForward(lines(server.port));
  return { url: server.url, proxy: `http://127.0.0.1:${proxy.port}`, stop: stopping(server, proxy) };
}

const allow = 'http_access allow all';

const cases: readonly ZooCase[] = [
  {
    title: 'Squid that tunnels',
    start: () => through(() => allow),
    id: 'stable',
    hop: 'none',
    check: ({ measurements }) => expect(measurements.public.forwardProxy?.outcome).toBe('tunnel'),
  },
  {
    title: 'Squid that grants tunnels to port 443 only, as Debian ships it',
    start: () =>
      through(
        () =>
          `acl SSL_ports port 443\nacl CONNECT method CONNECT\nhttp_access deny CONNECT !SSL_ports\n${allow}`,
      ),
    id: 'forward-proxy-refused',
    hop: 'client-network',
    check: ({ measurements }) => expect(measurements.public.forwardProxy?.status).toBe(403),
  },
  {
    title: 'Squid, tunnels with a read_timeout of 3 s',
    start: () => through(() => `${allow}\nread_timeout 3 seconds`),
    id: 'idle-limit',
    hop: 'client-network',
    limitMs: 3_000,
  },
];

export const forwardProxyCases: ZooGroup = {
  name: 'forward proxies',
  cases: cases.map((zooCase) => ({ ...zooCase, needs: ['squid'] })),
};
