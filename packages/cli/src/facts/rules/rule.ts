import type { Source } from '../intermediary.ts';

export type Product = 'nginx' | 'haproxy' | 'apache' | 'caddy' | 'envoy' | 'traefik' | 'kubernetes';

/** `error`: sockets fail or die. `warning`: they will under load, reloads or bad luck. `info`: worth knowing. */
export type Severity = 'error' | 'warning' | 'info';

/** One thing that a configuration can get wrong for WebSockets. */
export interface Rule {
  readonly severity: Severity;
  /** The fault, as a headline. */
  readonly title: string;
  /** What users see of it. */
  readonly why: string;
  /** The lines or the step that mend it. */
  readonly fix: string;
  readonly source: Source;
}
