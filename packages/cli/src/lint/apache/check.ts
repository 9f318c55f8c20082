import { cutsSilence, sayDuration, sayTooShortFor } from '../durations.ts';
import type { Files } from '../files.ts';
import { Findings, type Checked, type Edit, type LintContext } from '../finding.ts';
import { InputError, type Place, type SourceFile } from '../source-file.ts';
import { readApache, type ApacheDocument } from './document.ts';
import type { Node } from './parse.ts';
import {
  covers,
  locationsAround,
  parameterOf,
  proxiedRoutes,
  webSocketRoutes,
  type Route,
} from './routes.ts';
import { directivesNamed, effective, enclosing, secondsOf, walk } from './scope.ts';

/** The default of Timeout (Apache httpd manual, core); Debian's own file says 300. */
const TIMEOUT_DEFAULT_MS = 60_000;
/** ServerLimit 16 × ThreadsPerChild 25 (Apache httpd manual, mpm_common). */
const WORKERS_DEFAULT = 400;

/** Checks one configuration of Apache with all its includes. Throws an InputError. */
export function checkApache(source: SourceFile, context: LintContext, files: Files): Checked {
  const document = readApache(source, files);
  if (![...walk(document.nodes)].some(({ name }) => /^[a-z][a-z0-9_]+$/.test(name))) {
    throw new InputError(`${source.path} holds no directive of Apache.`);
  }
  const findings = new Findings();
  const all = proxiedRoutes(document);
  const routes = webSocketRoutes(all, context);
  for (const route of routes) {
    checkUpgrade(route, all, findings);
    checkTimeouts(document, route, context, findings);
    checkModules(document, route, findings);
    checkHost(document, route, findings);
  }
  checkRewrites(document, routes, findings);
  if (routes.length > 0) checkWorkers(document, routes, context, findings);
  return { findings: findings.list, routes: routes.length };
}

/** APA001 and APA002. */
function checkUpgrade(route: Route, all: readonly Route[], findings: Findings): void {
  const { node, host, path } = route;
  const siblings = all.filter((other) => other !== route && other.host === host);
  const isInLocation = enclosing(node, 'location', 'locationmatch') !== undefined;
  if (route.isTunnel) {
    if (node.name === 'rewriterule' || isInLocation) return;
    const earlier = siblings.find(
      (other) => other.node.start < node.start && other.node.source === node.source && covers(other, path),
    );
    const isInTheWay = earlier && !earlier.isTunnel && !parameterOf(earlier, 'upgrade');
    if (isInTheWay)
      findings.add('APA002', node, `ProxyPass ${earlier.path} of line ${lineOf(earlier.node)} comes first.`);
    return;
  }
  const isServedElsewhere = siblings.some(
    (other) => other.isTunnel && (covers(other, path) || covers(route, other.path) || other.isPattern),
  );
  if (parameterOf(route, 'upgrade') || isServedElsewhere) return;
  if (node.name === 'rewriterule') {
    findings.add('APA001', node, `${path} is proxied by a rule, which forwards no upgrade, to http only.`);
    return;
  }
  const append: Edit = {
    place: { source: node.source, start: node.end, end: node.end },
    text: ' upgrade=websocket',
  };
  findings.add('APA001', node, `${path} is proxied without upgrade=websocket.`, [append]);
}

function lineOf({ source, start }: Place): number {
  return source.positionAt(start).line;
}

/** APA003 and APA004: a tunnel ends after the larger of the two timeouts. */
function checkTimeouts(
  document: ApacheDocument,
  route: Route,
  { heartbeatMs }: LintContext,
  findings: Findings,
): void {
  const parameter = parameterOf(route, 'timeout');
  const directive = effective(document, route.host, 'proxytimeout');
  const proxyMs = secondsOf(parameter?.value.slice('timeout='.length) ?? directive?.args[0]?.value);
  const general = effective(document, route.host, 'timeout');
  const isKnown = general !== undefined || (document.kind === 'whole' && !isPartlyUnread(document, route));
  const generalMs = general ? secondsOf(general.args[0]?.value) : isKnown ? TIMEOUT_DEFAULT_MS : undefined;
  if (generalMs === undefined) return;
  const idleMs = Math.max(generalMs, proxyMs ?? 0);
  if (cutsSilence(idleMs, heartbeatMs)) {
    findings.add(
      'APA003',
      parameter ?? directive ?? route.node,
      `Silence of ${sayDuration(idleMs)} ends a socket, ${sayTooShortFor(heartbeatMs)}.`,
    );
  } else if (proxyMs !== undefined && proxyMs < generalMs) {
    const message = `The timeout of the proxy is ${sayDuration(proxyMs)}, but Timeout is ${sayDuration(generalMs)}.`;
    findings.add('APA004', parameter ?? directive ?? route.node, message);
  }
}

/** APA005. */
function checkWorkers(
  document: ApacheDocument,
  routes: readonly Route[],
  { connections }: LintContext,
  findings: Findings,
): void {
  if (connections === undefined || document.kind === 'fragment') return;
  const line =
    effective(document, undefined, 'maxrequestworkers') ?? effective(document, undefined, 'maxclients');
  if (!line && directivesNamed(document.nodes, 'include').length > 0) return;
  const workers = Number(line?.args[0]?.value ?? WORKERS_DEFAULT);
  const place = line ?? routes[0]?.node;
  if (place && workers < connections)
    findings.add('APA005', place, `${workers} workers hold fewer than ${connections} sockets.`);
}

/** APA006, APA008 and APA010. */
function checkRewrites(document: ApacheDocument, routes: readonly Route[], findings: Findings): void {
  let conditions: Node[] = [];
  for (const node of walk(document.nodes)) {
    if (node.name === 'rewritecond') {
      conditions.push(node);
      checkCase(node, findings);
    }
    if (node.name !== 'rewriterule') continue;
    const own = routes.filter(
      ({ host, node: routed }) => host === enclosing(node, 'virtualhost') && routed !== node,
    );
    const paths = own.filter(({ isPattern }) => !isPattern).map(({ path }) => path);
    const isRedirect = /\[(.*,)?(R|redirect)(=\w+)?(,.*)?\]/i.test(node.args[2]?.value ?? '');
    const pattern: Route = {
      node,
      host: undefined,
      path: node.args[0]?.value ?? '',
      isPattern: true,
      target: '',
      parameters: [],
      isTunnel: false,
    };
    const caught = paths.find((path) => covers(pattern, path));
    // A condition is a choice of the user, most often on HTTPS or on the name of the host.
    if (isRedirect && conditions.length === 0 && caught !== undefined)
      findings.add('APA006', node, `Clients of ${caught} are redirected.`);
    conditions = [];
  }
}

function checkCase(condition: Node, findings: Findings): void {
  const [test, pattern, flags] = condition.args;
  if (test && /^\$\{HTTP:[A-Za-z-]+\}$/i.test(test.value)) {
    const dollar = test.source.text.indexOf('$', test.start);
    const edit: Edit = { place: { ...test, start: dollar, end: dollar + 1 }, text: '%' };
    findings.add('APA010', condition, `${test.value} is no header; %${test.value.slice(1)} is.`, [edit]);
  }
  const isAboutUpgrade =
    /^%\{HTTP:Upgrade\}$/i.test(test?.value ?? '') && /websocket/i.test(pattern?.value ?? '');
  if (
    !isAboutUpgrade ||
    /\[(.*,)?(NC|nocase)(,.*)?\]/i.test(flags?.value ?? '') ||
    pattern?.value.includes('(?i)')
  )
    return;
  const edit: Edit = flags
    ? { place: { ...flags, start: flags.end - 1 }, text: ',NC]' }
    : { place: { source: condition.source, start: condition.end, end: condition.end }, text: ' [NC]' };
  findings.add('APA008', condition, 'The test has no [NC].', [edit]);
}

/** APA007: a build with modules of its own says nothing here, so some LoadModule must be seen. */
function checkModules(document: ApacheDocument, route: Route, findings: Findings): void {
  const loaded = directivesNamed(document.nodes, 'loadmodule').map(({ args }) => args[0]?.value);
  if (loaded.length === 0 || isPartlyUnread(document, route)) return;
  const needed = ['proxy_module', route.isTunnel ? 'proxy_wstunnel_module' : 'proxy_http_module'];
  const missing = needed.filter((module) => !loaded.includes(module));
  if (missing.length > 0) findings.add('APA007', route.node, `${missing.join(' and ')} is not loaded.`);
}

/** An include that was passed over may hold what seems to be missing. */
function isPartlyUnread(document: ApacheDocument, { host }: Route): boolean {
  return [document.nodes, host?.children ?? []].some((nodes) => directivesNamed(nodes, 'include').length > 0);
}

/** APA009. */
function checkHost(document: ApacheDocument, route: Route, findings: Findings): void {
  // A request is in every Location that its path fits, whichever line proxies it.
  const own = locationsAround(document, route).flatMap(({ children }) =>
    directivesNamed(children ?? [], 'proxypreservehost'),
  );
  const line = own.at(-1) ?? effective(document, route.host, 'proxypreservehost');
  if (!line && isPartlyUnread(document, route)) return;
  if (line?.args[0]?.value.toLowerCase() !== 'on')
    findings.add(
      'APA009',
      line ?? route.node,
      `${route.path} is proxied with the name of the target as Host.`,
    );
}
