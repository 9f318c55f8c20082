import { isAtLeast } from '../lint/versions.ts';
import { headline, type ProxySettings } from './settings.ts';

/** A whole Caddyfile. Caddy forwards upgrades and has no idle limit by itself. */
export function caddyConfig(settings: ProxySettings): string {
  const { upstream, host, port, path, tls, productVersion } = settings;
  const matcher = path === '/' ? '' : `${path}* `;
  const address = tls ? `https://${host}:${port}` : `http://${host}:${port}`;
  const certificate = tls ? `\ttls ${tls.certificate} ${tls.key}\n` : '';
  const isOld = productVersion !== undefined && !isAtLeast(productVersion, [2, 7]);
  const options = isOld
    ? ''
    : ` {
		# Sockets outlive a reload by this time (Caddy 2.7; for an older one: --product-version 2.6).
		stream_close_delay 5m
	}`;
  return `# ${headline(settings)}
# To be saved as /etc/caddy/Caddyfile; try it with: caddy adapt --config /etc/caddy/Caddyfile
{
	grace_period 30s
}

${address} {
${certificate}	reverse_proxy ${matcher}${upstream}${options}
}
`;
}
