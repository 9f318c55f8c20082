import { onTestFinished } from 'vitest';
import { haproxy, type Proxy } from '../zoo/proxies.ts';

/**
 * A real HAProxy before nodes at these addresses, which asks each whether it is ready as often as `check` says, and has
 * `lines` besides.
 */
export async function openHaproxy(
  addresses: readonly string[],
  check: string,
  lines: readonly string[] = [],
): Promise<Proxy> {
  const servers = addresses.map((address, index) => `server node${index} ${address} check ${check}`);
  const proxy = await haproxy(
    (bind) => `
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  timeout tunnel 1h
listen nodes
  bind ${bind}
  balance roundrobin
  option httpchk GET /readyz
  ${[...lines, ...servers].join('\n  ')}
`,
  );
  onTestFinished(() => proxy.stop());
  return proxy;
}
