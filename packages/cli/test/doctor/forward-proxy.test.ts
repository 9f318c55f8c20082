import { createServer } from 'node:http';
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { diagnose } from '../../src/doctor/diagnose.ts';
import { connectRequest, forwardProxyFor, parseForwardProxy } from '../../src/doctor/probe/forward-proxy.ts';
import { parseTarget } from '../../src/doctor/probe/target.ts';
import { localEcho, localRaw, type LocalServer } from './local-server.ts';

const servers: LocalServer[] = [];
afterEach(() => Promise.all(servers.splice(0).map((server) => server.stop())));

function kept<S extends LocalServer>(server: S): S {
  servers.push(server);
  return server;
}

/** A proxy that knows every name, leads to one port, and wants what `admits` says. */
async function localProxy(port: number, admits: (authorization: string | undefined) => number = () => 200) {
  const asked: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer();
  server.on('connect', ({ url, headers }, client: Socket) => {
    asked.push(url ?? '');
    sockets.add(client);
    client.on('error', () => {});
    const status = admits(headers['proxy-authorization']);
    if (status !== 200) return void client.end(`HTTP/1.1 ${status} No\r\nContent-Length: 0\r\n\r\n`);
    const upstream = connect(port, '127.0.0.1', () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      upstream.pipe(client).pipe(upstream);
    });
    sockets.add(upstream);
    upstream.on('error', () => client.destroy());
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const address = server.address() as { port: number };
  kept({
    url: '',
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  });
  return { proxy: `http://127.0.0.1:${address.port}`, asked };
}

const short = { depth: 'quick', idleMaxMs: 1_000, timeoutMs: 2_000, connectionsMax: 3 } as const;
// No resolver of this machine knows it.
const url = 'ws://behind.invalid:8080/';

describe('the doctor through a forward proxy', { timeout: 30_000 }, () => {
  it('tunnels everything, and leaves the name to the proxy', async () => {
    const { url: echo } = kept(await localEcho());
    const { proxy, asked } = await localProxy(Number(new URL(echo).port));
    const report = await diagnose({ ...short, url, proxy, send: 'hello' });
    expect(report.verdict.id, report.verdict.evidence.join(' ')).toBe('stable');
    expect(report.measurements.public.forwardProxy).toMatchObject({ outcome: 'tunnel' });
    expect(new Set(asked)).toEqual(new Set(['behind.invalid:8080']));
    expect(report.sent.bytes).toBeLessThanOrEqual(report.plan.bytes);
  });

  it.each([
    [407, /answered CONNECT with 407\. It wants credentials/],
    [403, /answered CONNECT with 403/],
    [503, /It did not reach the server itself/],
  ])('says so when it refuses with %i', async (status, evidence) => {
    const { proxy } = await localProxy(9, () => status);
    const { verdict, standing } = await diagnose({ ...short, url, proxy });
    expect(verdict).toMatchObject({ id: 'forward-proxy-refused', hop: 'client-network' });
    expect(verdict.evidence.join(' ')).toMatch(evidence);
    expect(standing).toBe('problem');
  });

  it('sends the credentials of its address, and shows them nowhere', async () => {
    const { url: echo } = kept(await localEcho());
    const wanted = `Basic ${Buffer.from('me:s3cret').toString('base64')}`;
    const { proxy } = await localProxy(Number(new URL(echo).port), (given) => (given === wanted ? 200 : 407));
    const report = await diagnose({ ...short, url, proxy: proxy.replace('//', '//me:s3cret@') });
    expect(report.verdict.id).toBe('stable');
    expect(JSON.stringify(report)).not.toContain('s3cret');
  });

  it.each([
    ['garbage', (socket: Socket) => void socket.write('220 mail.example.com ESMTP\r\n')],
    ['a close', (socket: Socket) => void socket.end()],
    ['nothing', () => {}],
  ])('a proxy that answers with %s: no hang', async (_name, serve) => {
    const { url: address } = kept(await localRaw(serve));
    const { verdict } = await diagnose({
      ...short,
      timeoutMs: 500,
      url,
      proxy: address.replace('ws:', 'http:'),
    });
    expect(verdict.id).toBe('forward-proxy-refused');
  });

  it('a proxy that is not there', async () => {
    const gone = await localRaw(() => {});
    await gone.stop();
    const { verdict } = await diagnose({ ...short, url, proxy: gone.url.replace('ws:', 'http:') });
    expect(verdict).toMatchObject({ id: 'forward-proxy-refused' });
    expect(verdict.evidence.join(' ')).toContain('ECONNREFUSED');
  });
});

describe('which forward proxy', () => {
  const env = {
    HTTPS_PROXY: 'http://proxy:3128',
    http_proxy: 'plain:8080',
    NO_PROXY: 'localhost, .corp.example,10.0.0.1',
  };
  const proxyFor = (address: string, given: Readonly<Record<string, string>> = env) =>
    forwardProxyFor(parseTarget(address), given);

  it('is the one of the environment, by scheme', () => {
    expect(proxyFor('wss://example.com/')).toBe('http://proxy:3128');
    expect(proxyFor('ws://example.com/')).toBe('plain:8080');
    expect(proxyFor('wss://example.com/', { all_proxy: 'http://any:1' })).toBe('http://any:1');
    expect(proxyFor('wss://example.com/', {})).toBeUndefined();
  });

  it.each([
    'wss://127.0.0.1/',
    'wss://localhost/',
    'wss://[::1]/',
    'wss://corp.example/',
    'wss://a.corp.example/',
    'wss://10.0.0.1/',
  ])('none for %s', (address) => expect(proxyFor(address)).toBeUndefined());

  it('an address of IPv6 that is exempt does not', () => {
    for (const NO_PROXY of ['2001:db8::5', '[2001:DB8::5]', '[2001:db8::5]:443'])
      expect(proxyFor('wss://[2001:db8::5]/', { ...env, NO_PROXY }), NO_PROXY).toBeUndefined();
    expect(proxyFor('wss://[2001:db8::]/', { ...env, NO_PROXY: '2001:db8::5' })).toBe('http://proxy:3128');
  });

  it.each([
    ['wss://10.1.2.3/', '10.0.0.0/8', undefined],
    ['wss://11.1.2.3/', '10.0.0.0/8', 'http://proxy:3128'],
    ['wss://10.1.2.3/', '10.0.0.0/99', 'http://proxy:3128'],
    ['wss://[fd12::1]/', 'fd00::/8', undefined],
    ['wss://[fd12::1]/', '10.0.0.0/8', 'http://proxy:3128'],
    ['wss://example.com/', '10.0.0.0/8', 'http://proxy:3128'],
  ])('%s, with the network %s exempt: %s', (address, NO_PROXY, proxy) =>
    expect(proxyFor(address, { ...env, NO_PROXY })).toBe(proxy),
  );

  it('a name that only looks like an exempt one goes through it', () => {
    expect(proxyFor('wss://notcorp.example/')).toBe('http://proxy:3128');
    expect(proxyFor('wss://example.com/', { ...env, NO_PROXY: '*' })).toBeUndefined();
  });

  it('is taken apart, with its credentials apart', () => {
    expect(parseForwardProxy('proxy:3128')).toEqual({
      address: 'proxy:3128',
      host: 'proxy',
      port: 3_128,
      authorization: null,
    });
    const { authorization } = parseForwardProxy('http://u%40x:p@[::1]:8080/');
    expect(authorization).toBe(`Basic ${Buffer.from('u@x:p').toString('base64')}`);
    expect(() => parseForwardProxy('https://me:secret@proxy:1')).toThrow(/begins with http/);
    expect(() => parseForwardProxy('http://me:secret@')).toThrow(/^(?!.*secret)/);
    expect(connectRequest(parseTarget('wss://[::1]/'), parseForwardProxy('a:1'))).toMatch(
      /^CONNECT \[::1\]:443 HTTP\/1\.1\r\n/,
    );
  });
});
