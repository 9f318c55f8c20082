import type { Findings, LintContext } from '../finding.ts';
import { indexBy } from '../index-by.ts';
import { isAtLeast } from '../versions.ts';
import type { NginxDocument } from './document.ts';
import { setHeaders, connectionVariable, defineMap, replaceArguments, setInRoute } from './edits.ts';
import type { Directive } from './parse.ts';
import { matcherOf, outerUpgrade, proxiedRoutes, sayLocation, subrequests, type Route } from './routes.ts';
import { argument, effective, effectiveHeader, headOf, headerValue, levelsOf, named } from './scope.ts';

/** What a proxied location must forward for the handshake: NGX001 to NGX008, NGX019. */
export function checkHandshakeHeaders(
  document: NginxDocument,
  route: Route,
  context: LintContext,
  findings: Findings,
): void {
  checkUpgrade(document, route, findings);
  checkConnection(document, route, findings);
  checkHttpVersion(route, context, findings);
  if (!effectiveHeader(route.levels, 'host')) {
    findings.add(
      'NGX019',
      headOf(route.pass),
      `${sayLocation(route.location)} sends the name of the upstream as Host.`,
    );
  }
}

function checkUpgrade(document: NginxDocument, route: Route, findings: Findings): void {
  const { levels, location, pass } = route;
  if (headerValue(effectiveHeader(levels, 'upgrade')) !== undefined) return;
  const connection = connectionVariable(document);
  const edits = connection
    ? [
        ...setHeaders(route, { Upgrade: '$http_upgrade', Connection: connection.variable }),
        ...connection.edits,
      ]
    : [];
  const outer = outerUpgrade(route);
  if (!outer) {
    findings.add(
      'NGX001',
      headOf(pass),
      `${sayLocation(location)} does not forward Upgrade and Connection.`,
      edits,
    );
    return;
  }
  const culprit = levels.flat().find(({ name }) => name === 'proxy_set_header') ?? pass;
  const place = culprit.via ?? culprit;
  const how = culprit.via ? `the include of ${argument(culprit.via)}` : 'this proxy_set_header';
  const line = outer.source.positionAt(outer.start).line;
  findings.add(
    'NGX003',
    headOf(place),
    `In ${sayLocation(location)} ${how} cancels the Upgrade header of line ${line} (${outer.source.path}).`,
    edits,
  );
}

function checkConnection(document: NginxDocument, route: Route, findings: Findings): void {
  if (headerValue(effectiveHeader(route.levels, 'upgrade')) === undefined) return;
  const line = effectiveHeader(route.levels, 'connection');
  const value = headerValue(line) ?? '';
  const wanted = connectionVariable(document);
  if (value.split(',').some((token) => token.trim().toLowerCase() === 'upgrade')) {
    const edits =
      line && wanted ? [replaceArguments(line, `Connection ${wanted.variable}`), ...wanted.edits] : [];
    findings.add(
      'NGX005',
      headOf(line ?? route.pass),
      `Connection is "${value}" for plain requests too.`,
      edits,
    );
    return;
  }
  if (value.startsWith('$')) {
    checkConnectionVariable(document, route, line ?? route.pass, value, findings);
    return;
  }
  const where = headOf(line ?? route.pass);
  const what = line ? `Connection is set to "${value}"` : 'Connection is not set';
  const edits = wanted ? [...setHeaders(route, { Connection: wanted.variable }), ...wanted.edits] : [];
  findings.add('NGX002', where, `${what} in ${sayLocation(route.location)}.`, edits);
}

const definers = [
  'set',
  'geo',
  'split_clients',
  'js_set',
  'perl_set',
  'set_by_lua_block',
  'auth_request_set',
];

/** A variable may come from a map, which can be read, or from somewhere that cannot be judged. */
function checkConnectionVariable(
  document: NginxDocument,
  route: Route,
  line: Directive,
  variable: string,
  findings: Findings,
): void {
  const name = variable.replace(/^\$\{?([A-Za-z0-9_]+)\}?$/, '$$$1');
  const map = findMap(document, name);
  if (map) {
    checkMap(document, route, line, map, findings);
    return;
  }
  const isBuiltIn = /^\$(http|arg|cookie|sent_http|upstream_http)_/.test(name) && name !== '$http_upgrade';
  const isDefined = definers.some((definer) =>
    named(document.all, definer).some(({ args }) => args.some(({ value }) => value === name)),
  );
  if (isBuiltIn || isDefined) return;
  // A fragment cannot tell what the files beside it define, nor can a whole what was passed over.
  if (document.kind === 'fragment' || named(document.all, 'include').length > 0) return;
  const edit = name === '$connection_upgrade' ? defineMap(document) : undefined;
  findings.add('NGX004', headOf(line), `${name} is not defined by any map.`, edit ? [edit] : []);
}

function findMap(document: NginxDocument, variable: string): Directive | undefined {
  return named(document.all, 'map').find((map) => argument(map, 1) === variable);
}

function checkMap(
  document: NginxDocument,
  route: Route,
  line: Directive,
  map: Directive,
  findings: Findings,
): void {
  const branches = map.block ?? [];
  // A variable, most often $http_connection, may hold what the client sent; an include that was passed over, anything.
  const mayUpgrade = ({ name, args: [value] }: Directive) =>
    name === 'include' || /^(upgrade$|\$)/i.test(value?.value ?? '');
  if (!branches.some(mayUpgrade)) {
    findings.add('NGX002', headOf(line), `No branch of the map for ${argument(map, 1)} says upgrade.`);
    return;
  }
  const empty = branches.find(({ name, args }) => name === '' && args[0]?.value.toLowerCase() === 'close');
  const upstream = upstreamOf(document, route);
  const keepalive = upstream?.block?.find(({ name }) => name === 'keepalive');
  if (empty && keepalive) {
    const message = `Plain requests close their connection, though upstream ${argument(upstream)} has keepalive.`;
    findings.add('NGX006', headOf(empty), message, [replaceArguments(empty, "''")]);
  }
}

function upstreamOf(document: NginxDocument, { pass }: Route): Directive | undefined {
  const host = /^https?:\/\/([^/:$]+)/.exec(argument(pass) ?? '')?.[1];
  return named(document.all, 'upstream').find((upstream) => argument(upstream) === host);
}

/** nginx has used HTTP/1.1 towards backends by itself since this version (nginx.org, CHANGES). */
const HTTP_1_1_BY_DEFAULT = [1, 29, 7] as const;

function checkHttpVersion(route: Route, { productVersion }: LintContext, findings: Findings): void {
  const line = effective(route.levels, 'proxy_http_version');
  const value = argument(line);
  const edits = [setInRoute(route, 'proxy_http_version', '1.1')];
  if (value === '2' || value === '2.0') {
    findings.add('NGX008', headOf(line ?? route.pass), 'The backend is asked over HTTP/2.', edits);
  } else if (value === '1.0') {
    findings.add('NGX007', headOf(line ?? route.pass), 'The backend is asked over HTTP/1.0.', edits);
  } else if (value === undefined && !isAtLeast(productVersion, HTTP_1_1_BY_DEFAULT)) {
    findings.add(
      'NGX007',
      headOf(route.pass),
      `${sayLocation(route.location)} does not set proxy_http_version.`,
      edits,
    );
  }
}

const routesAt = indexBy<Route>(({ location }) => matcherOf(location).path);

/** NGX021: locations that nginx asks on the side inherit the Upgrade headers of their server. */
export function checkSubrequests(document: NginxDocument, findings: Findings): void {
  const routes = proxiedRoutes(document);
  for (const { directive, uri } of subrequests(document)) {
    const server = levelsOf(directive, document.directives);
    for (const route of routesAt(routes, uri)) {
      const isAsked = server.includes(route.server?.block ?? document.directives);
      if (!isAsked || headerValue(effectiveHeader(route.levels, 'upgrade')) === undefined) continue;
      const edits = setHeaders(route, { Upgrade: '""', Connection: '""' });
      findings.add(
        'NGX021',
        headOf(route.location),
        `${directive.name} asks ${uri}, which forwards Upgrade.`,
        edits,
      );
    }
  }
}
