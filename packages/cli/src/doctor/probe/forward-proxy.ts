import { BlockList, isIP, type Socket } from 'node:net';
import { parseResponseHead } from './response-head.ts';
import { BadInput } from '../../bad-input.ts';
import { type Target } from './target.ts';

/** A proxy of the client's own network, which tunnels on CONNECT (RFC 9110, 9.3.6). */
export interface ForwardProxy {
  /** Without credentials, so that it can be shown. */
  readonly address: string;
  readonly host: string;
  readonly port: number;
  /** The value of Proxy-Authorization. */
  readonly authorization: string | null;
}

/** Throws `BadInput` without repeating credentials. */
export function parseForwardProxy(text: string): ForwardProxy {
  const url = urlOf(text.includes('://') ? text : `http://${text}`);
  if (url === null || url.hostname === '') {
    const shown = text.replace(/[^@/]*@/, '…@');
    throw new BadInput(`The forward proxy (--proxy, HTTPS_PROXY) is http://HOST:PORT, not "${shown}".`);
  }
  if (url.protocol !== 'http:') {
    throw new BadInput(
      `The forward proxy (--proxy, HTTPS_PROXY) begins with http://, not ${url.protocol}//.`,
    );
  }
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const port = url.port === '' ? 80 : Number(url.port);
  const credentials = `${decoded(url.username)}:${decoded(url.password)}`;
  return {
    address: `${url.hostname}:${port}`,
    host,
    port,
    authorization: url.username === '' ? null : `Basic ${Buffer.from(credentials).toString('base64')}`,
  };
}

/** As it is where it holds a percent sign that encodes nothing. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function urlOf(text: string): URL | null {
  try {
    return new URL(text);
  } catch {
    return null;
  }
}

type Environment = Readonly<Record<string, string | undefined>>;

/** What other programs on this machine would use; undefined for targets that are reached without. */
export function forwardProxyFor(target: Target, env: Environment): string | undefined {
  const names = target.secure ? ['https_proxy', 'HTTPS_PROXY'] : ['http_proxy', 'HTTP_PROXY'];
  const name = [...names, 'all_proxy', 'ALL_PROXY'].find((candidate) => env[candidate]);
  if (name === undefined || isExempt(target, env['no_proxy'] ?? env['NO_PROXY'] ?? '')) return undefined;
  return env[name];
}

/** NO_PROXY: names with all that ends in them, networks, `*` for everything. Loopback never goes through a proxy. */
function isExempt({ host }: Target, list: string): boolean {
  if (host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))) return true;
  return list
    .split(',')
    .map(hostOf)
    .some(
      (entry) =>
        entry === '*' ||
        (entry !== '' && (host === entry || host.endsWith(`.${entry}`))) ||
        isWithin(host, entry),
    );
}

/** An entry such as 10.0.0.0/8 or fd00::/8. */
function isWithin(host: string, entry: string): boolean {
  const [, network = '', prefix = ''] = /^(.+)\/(\d{1,3})$/.exec(entry) ?? [];
  const version = isIP(host);
  if (version === 0 || isIP(network) !== version || Number(prefix) > (version === 6 ? 128 : 32)) return false;
  const family = version === 6 ? 'ipv6' : 'ipv4';
  const list = new BlockList();
  list.addSubnet(network, Number(prefix), family);
  return list.check(host, family);
}

/** Of an entry: without what covers names below it, and without a port, which looks like the end of an IPv6 address. */
function hostOf(entry: string): string {
  const text = entry
    .trim()
    .toLowerCase()
    .replace(/^\*?\./, '');
  return isIP(text) === 6 ? text : text.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
}

export function connectRequest({ host, port }: Target, { authorization }: ForwardProxy): string {
  const authority = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  const credentials = authorization === null ? '' : `Proxy-Authorization: ${authorization}\r\n`;
  return `CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\nUser-Agent: holdfast-doctor\r\n${credentials}\r\n`;
}

export type Tunnel =
  | { readonly kind: 'open' }
  /** The proxy's own answer, or none that could be read. */
  | { readonly kind: 'refused'; readonly status: number | null };

/** Asks for the tunnel; the caller bounds the time and looks after errors of the socket. */
export function openTunnel(socket: Socket, request: string, done: (tunnel: Tunnel) => void): void {
  let bytes = Buffer.alloc(0);
  const read = (chunk: Buffer): void => {
    bytes = Buffer.concat([bytes, chunk]);
    const parsed = parseResponseHead(bytes);
    if (parsed.kind === 'incomplete') return;
    socket.off('data', read).pause();
    if (parsed.kind !== 'head') return done({ kind: 'refused', status: null });
    const { status } = parsed.head;
    if (status < 200 || status > 299) return done({ kind: 'refused', status });
    // What already came belongs to the tunnel.
    if (parsed.rest.length > 0) socket.unshift(parsed.rest);
    done({ kind: 'open' });
  };
  socket.on('data', read);
  socket.write(request, 'latin1');
}
