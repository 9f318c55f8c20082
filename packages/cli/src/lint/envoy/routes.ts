import type { LintContext } from '../finding.ts';
import { at, itemsOf, textAt, walkMaps, type Setting } from '../settings/setting.ts';
import { soundsLikeWebSocket } from '../websocket-names.ts';

export interface Route {
  readonly route: Setting;
  /** Its "route" part; a redirect has none, and neither have routes that come from elsewhere. */
  readonly action: Setting | undefined;
  /** For a sentence: the path that it matches. */
  readonly name: string;
}

/** The routes of a connection manager that carry WebSockets; if none is marked, any of them may. */
export function webSocketRoutes(manager: Setting, { path }: LintContext): readonly Route[] {
  if (at(manager, 'rds')) return [{ route: manager, action: undefined, name: 'every route' }];
  const hosts = [...walkMaps(at(manager, 'route_config'))].map((map) => itemsOf(at(map, 'routes')));
  const routes = hosts.flat().map((route) => ({
    route,
    action: at(route, 'route'),
    name: `route ${matchOf(route) ?? '*'}`,
  }));
  const reached = new Set(hosts.map((own) => (path === undefined ? undefined : reachedOf(own, path))));
  const marked = routes.filter(
    (candidate) =>
      reached.has(candidate.route) ||
      at(candidate.action, 'upgrade_configs') !== undefined ||
      (path === undefined &&
        [matchOf(candidate.route), textAt(candidate.action, 'cluster')].some((name) =>
          soundsLikeWebSocket(name ?? ''),
        )),
  );
  return marked.length > 0 ? marked : routes.filter(({ action }) => action !== undefined);
}

/** A virtual host that only sends clients to https is left alone: wss:// never meets it. */
function reachedOf(routes: readonly Setting[], path: string): Setting | undefined {
  const fitting = routes.filter((route) => covers(route, path));
  const isServed = fitting.some((route) => at(route, 'route') !== undefined);
  return fitting.find((route) => isServed || textAt(route, 'redirect', 'https_redirect') !== 'true');
}

function matchOf(route: Setting): string | undefined {
  const match = at(route, 'match');
  return (
    textAt(match, 'prefix') ??
    textAt(match, 'path') ??
    textAt(match, 'path_separated_prefix') ??
    textAt(match, 'safe_regex', 'regex')
  );
}

/** Envoy takes the first route of a virtual host that fits. A pattern is not tried: RE2 differs from JavaScript. */
function covers(route: Setting, path: string): boolean {
  const match = at(route, 'match');
  const prefix = textAt(match, 'prefix') ?? textAt(match, 'path_separated_prefix');
  return textAt(match, 'path') === path || (prefix !== undefined && path.startsWith(prefix));
}
