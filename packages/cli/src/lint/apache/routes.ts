import type { LintContext } from '../finding.ts';
import { soundsLikeWebSocket } from '../websocket-names.ts';
import type { ApacheDocument } from './document.ts';
import type { Node, Word } from './parse.ts';
import { directivesNamed, enclosing, hostOf, walk } from './scope.ts';

/** A line that hands requests to a backend. */
export interface Route {
  readonly node: Node;
  readonly host: Node | undefined;
  /** The path, or the pattern of a rule that matches by one. */
  readonly path: string;
  readonly isPattern: boolean;
  readonly target: string;
  readonly parameters: readonly Word[];
  /** The target is ws:// or wss://, or a balancer of such, which mod_proxy_wstunnel serves. */
  readonly isTunnel: boolean;
}

/** What the members of each balancer say, by the name of the balancer in lower case. */
type Balancers = ReadonlyMap<string, readonly Word[]>;

export function proxiedRoutes(document: ApacheDocument): Route[] {
  const nodes = [...walk(document.nodes)];
  const balancers = balancersIn(nodes);
  return nodes.flatMap((node) => {
    const route =
      node.name === 'rewriterule' ? rewriteRoute(node, balancers) : proxyPassRoute(node, balancers);
    return route && route.target !== '!' ? [route] : [];
  });
}

function balancersIn(nodes: readonly Node[]): Balancers {
  const balancers = new Map<string, Word[]>();
  for (const { name, args, children } of nodes) {
    const balancer = args[0]?.value.toLowerCase() ?? '';
    if (name !== 'proxy' || !balancer.startsWith('balancer://')) continue;
    const lines = (children ?? []).filter((line) => ['balancermember', 'proxyset'].includes(line.name));
    balancers.set(balancer, [...(balancers.get(balancer) ?? []), ...lines.flatMap((line) => line.args)]);
  }
  return balancers;
}

function membersOf(target: string, balancers: Balancers): readonly Word[] {
  return balancers.get(/^balancer:\/\/[^/]*/i.exec(target)?.[0].toLowerCase() ?? '') ?? [];
}

function isTunnelTo(target: string, members: readonly Word[]): boolean {
  return [target, ...members.map(({ value }) => value)].some((url) => /^(unix:[^|]*\|)?wss?:/i.test(url));
}

function proxyPassRoute(node: Node, balancers: Balancers): Route | undefined {
  if (node.name !== 'proxypass' && node.name !== 'proxypassmatch') return undefined;
  const location = enclosing(node, 'location', 'locationmatch');
  const isOfLocation = location !== undefined && !node.args[0]?.value.startsWith('/');
  const values = node.args.map(({ value }) => value);
  const path = isOfLocation ? (location.args.at(-1)?.value ?? '/') : (values[0] ?? '');
  const target = values[isOfLocation ? 0 : 1] ?? '';
  const isPattern = node.name === 'proxypassmatch' || location?.name === 'locationmatch';
  const members = membersOf(target, balancers);
  const parameters = [...node.args.slice(isOfLocation ? 1 : 2), ...members];
  const isTunnel = isTunnelTo(target, members);
  return { node, host: hostOf(node), path, isPattern, target, parameters, isTunnel };
}

/** Only RewriteRule … [P] proxies. Its ws:// form is meant for WebSockets, and its http:// form may be. */
function rewriteRoute(node: Node, balancers: Balancers): Route | undefined {
  const [pattern, target, flags] = node.args.map(({ value }) => value);
  const isProxy = /\[(.*,)?(P|proxy)(,.*)?\]/i.test(flags ?? '');
  const members = membersOf(target ?? '', balancers);
  if (!isProxy || !target || !/^(https?|wss?|balancer|unix):/i.test(target)) return undefined;
  return {
    node,
    host: hostOf(node),
    path: pattern ?? '',
    isPattern: true,
    target,
    parameters: members,
    isTunnel: isTunnelTo(target, members),
  };
}

export function parameterOf(route: Route, name: string): Word | undefined {
  return route.parameters.find(({ value }) => value.toLowerCase().startsWith(`${name}=`));
}

/** Whether a path would come to this route. */
export function covers({ path: own, isPattern }: Route, path: string): boolean {
  if (!isPattern) return path === own || path.startsWith(own.endsWith('/') ? own : `${own}/`);
  try {
    // In a virtual host a pattern sees the leading slash, in a folder it does not.
    return new RegExp(own).test(path) || new RegExp(own).test(path.slice(1));
  } catch {
    return false;
  }
}

/** The Location sections that hold for a route: those that it stands in, and those whose path it begins with. */
export function locationsAround(document: ApacheDocument, { node, host, path, isPattern }: Route): Node[] {
  const own = enclosing(node, 'location', 'locationmatch');
  return directivesNamed(host?.children ?? document.nodes, 'location').filter((location) => {
    const prefix = location.args[0]?.value ?? '';
    return prefix === '/' || location === own || (!isPattern && path.startsWith(prefix));
  });
}

/** The routes that carry WebSockets; if none is marked, any of them may be the one that fails. */
export function webSocketRoutes(routes: readonly Route[], { path }: LintContext): readonly Route[] {
  const hosts = new Set(routes.map(({ host }) => host));
  const reached =
    path === undefined
      ? []
      : [...hosts].map((host) => routes.find((route) => route.host === host && covers(route, path)));
  const marked = routes.filter(
    (route) =>
      route.isTunnel ||
      parameterOf(route, 'upgrade') !== undefined ||
      reached.includes(route) ||
      (path === undefined && soundsLikeWebSocket(route.path)),
  );
  return marked.length > 0 ? marked : routes;
}
