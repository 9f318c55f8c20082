import { parseArguments } from '../arguments.ts';
import { parseDurationMs } from '../lint/durations.ts';
import type { ProxySettings } from './settings.ts';

export const configHelp = `holdfast config PRODUCT --upstream HOST:PORT --host NAME: a configuration that holds WebSockets

  PRODUCT                 nginx, haproxy, caddy, apache, envoy, traefik or k8s
  --upstream HOST:PORT    where the application listens (k8s: SERVICE:PORT)
  --host NAME             the name that clients use
  --path /ws              where clients open the WebSocket (/)
  --heartbeat 25s         the interval of your heartbeat (25s)
  --connections 20000     sockets to be held at the same time (10000)
  --tls CERT,KEY          the certificate and its key, as the proxy sees the files
  --listen PORT           where the proxy listens (80, with --tls 443)
  --product-version 2.6   the version of the proxy, where an option is newer than that

Exit codes: 0 printed, 2 an argument is missing or wrong.
`;

export type ConfigOptions =
  | { readonly kind: 'help' }
  | { readonly kind: 'wrong'; readonly complaint: string }
  | { readonly kind: 'config'; readonly product: string; readonly settings: ProxySettings };

const flags = {
  upstream: { type: 'string' },
  host: { type: 'string' },
  path: { type: 'string', default: '/' },
  heartbeat: { type: 'string', default: '25s' },
  connections: { type: 'string', default: '10000' },
  tls: { type: 'string' },
  listen: { type: 'string' },
  'product-version': { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

/**
 * What a value may hold. It ends up inside a configuration, so nothing may pass that could end a line
 * or open a block there.
 */
const patterns = {
  upstream: /^([A-Za-z0-9]([A-Za-z0-9_.-]{0,252})|\[[0-9A-Fa-f:.]+\]):[1-9]\d{0,4}$/,
  host: /^[A-Za-z0-9]([A-Za-z0-9.-]{0,252})$/,
  path: /^\/[A-Za-z0-9._~/-]{0,200}$/,
  connections: /^[1-9]\d{0,7}$/,
  listen: /^[1-9]\d{0,4}$/,
  tls: /^[A-Za-z0-9._~/+@-]+,[A-Za-z0-9._~/+@-]+$/,
  'product-version': /^\d+(\.\d+){0,2}$/,
} as const;

const examples = {
  upstream: '127.0.0.1:8080',
  host: 'example.com',
  path: '/ws',
  connections: '20000',
  listen: '8443',
  tls: '/etc/ssl/site.pem,/etc/ssl/site.key',
  'product-version': '2.6.2',
} as const;

const wrong = (complaint: string): ConfigOptions => ({ kind: 'wrong', complaint });

export function parseConfigOptions(args: readonly string[], products: readonly string[]): ConfigOptions {
  let parsed;
  try {
    parsed = parseArguments(args, flags);
  } catch (error) {
    return wrong((error as Error).message);
  }
  const { values, positionals } = parsed;
  if (values.help) return { kind: 'help' };
  const [product, ...rest] = positionals;
  if (product === undefined) return wrong(`Name a product: ${products.join(', ')}.`);
  if (!products.includes(product) || rest.length > 0) {
    return wrong(
      `The product is one of ${products.join(', ')}, not ${JSON.stringify(positionals.join(' '))}.`,
    );
  }
  const { upstream, host } = values;
  if (upstream === undefined) return wrong('--upstream is missing, for example --upstream 127.0.0.1:8080.');
  if (host === undefined) return wrong('--host is missing, for example --host example.com.');
  for (const [name, pattern] of Object.entries(patterns)) {
    const value = values[name as keyof typeof patterns];
    if (value !== undefined && !pattern.test(value)) {
      return wrong(
        `--${name} is something like ${examples[name as keyof typeof examples]}, not ${JSON.stringify(value)}.`,
      );
    }
  }
  for (const port of [values.listen ?? '1', upstream.replace(/.*:/, '')]) {
    if (Number(port) > 65_535) return wrong(`A port is at most 65535, not ${port}.`);
  }
  const heartbeatMs = parseDurationMs(values.heartbeat, Number.NaN);
  if (!(heartbeatMs && heartbeatMs >= 100))
    return wrong(`--heartbeat is a time such as 25s, not ${JSON.stringify(values.heartbeat)}.`);
  const [certificate, key] = values.tls?.split(',') ?? [];
  const version = values['product-version'];
  const settings: ProxySettings = {
    upstream,
    host,
    port: Number(values.listen ?? (values.tls ? 443 : 80)),
    path: values.path,
    heartbeatMs,
    connections: Number(values.connections),
    ...(certificate && key && { tls: { certificate, key } }),
    ...(version && { productVersion: version }),
  };
  return { kind: 'config', product, settings };
}
