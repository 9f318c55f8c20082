/**
 * Limits of what stands between clients and servers, as their defaults have it, for naming the likely one. Only
 * those that end a connection openly: what goes silent instead shows as `half-open`. Sources stand with the
 * linter's facts, which know much more of each.
 */
export interface KnownLimit {
  readonly seconds: number;
  readonly name: string;
}

export const idleLimits: readonly KnownLimit[] = [
  { seconds: 20, name: 'Azure Application Gateway’s requestTimeout' },
  {
    seconds: 50,
    name: 'HAProxy’s timeout client and timeout server as Debian sets them (raise timeout tunnel)',
  },
  { seconds: 55, name: 'Heroku’s router (fixed)' },
  { seconds: 60, name: 'nginx proxy_read_timeout’s default' },
  { seconds: 60, name: 'AWS load balancers’ idle timeout' },
  { seconds: 60, name: 'Apache’s Timeout' },
  { seconds: 100, name: 'Cloudflare (fixed)' },
  { seconds: 230, name: 'Azure App Service (fixed)' },
  { seconds: 300, name: 'Envoy’s stream_idle_timeout' },
  { seconds: 600, name: 'nginx’s proxy_timeout in stream blocks' },
  { seconds: 600, name: 'AWS API Gateway (fixed)' },
  { seconds: 900, name: 'Squid’s read_timeout' },
];

export const lifetimeLimits: readonly KnownLimit[] = [
  { seconds: 30, name: 'timeoutSec of a Google Cloud backend service' },
  { seconds: 300, name: 'Google Cloud Run’s request timeout' },
  { seconds: 300, name: 'Vercel’s maxDuration' },
  { seconds: 7_200, name: 'AWS API Gateway (fixed)' },
  { seconds: 14_400, name: 'Azure Front Door (fixed)' },
  { seconds: 86_400, name: 'Squid’s client_lifetime' },
];

/** A limit is met a little late, because of the way of the last bytes; its own clock may be a little early. */
export function namesOf(
  limits: readonly KnownLimit[],
  ms: number,
  earlyMs: number,
  lateMs: number,
): string[] {
  return limits
    .filter(({ seconds }) => ms >= seconds * 1_000 - earlyMs && ms <= seconds * 1_000 + lateMs)
    .map(({ name }) => name);
}
