import { cutsSilence, parseDurationMs, sayDuration, sayTooShortFor } from '../durations.ts';
import type { Files } from '../files.ts';
import { Findings, type Checked, type Edit, type LintContext } from '../finding.ts';
import { indexBy } from '../index-by.ts';
import { InputError, type SourceFile } from '../source-file.ts';
import { isAtLeast } from '../versions.ts';
import { readCaddyfile } from './document.ts';
import type { Node } from './parse.ts';
import { matcherOf, matchesPath, nameOf, proxiedRoutes, webSocketRoutes, type Route } from './routes.ts';

/** stream_close_delay and stream_timeout came with this version (Caddy, release notes of 2.7). */
const STREAM_OPTIONS_SINCE = [2, 7] as const;

/** Checks one Caddyfile with all its imports. Throws an InputError. */
export function checkCaddy(source: SourceFile, context: LintContext, files: Files): Checked {
  const sites = readCaddyfile(source, files);
  if (!sites.some(({ directives }) => directives.length > 0)) {
    throw new InputError(`${source.path} holds no site with a directive of Caddy.`);
  }
  const findings = new Findings();
  const routes = webSocketRoutes(proxiedRoutes(sites), context);
  for (const route of routes) {
    checkStreams(route, context, findings);
    checkTransport(route, context, findings);
    checkHeaders(route, findings);
    checkRedirects(route, context, findings);
  }
  return { findings: findings.list, routes: routes.length };
}

/** CAD001, CAD002 and CAD007. */
function checkStreams({ node }: Route, { productVersion }: LintContext, findings: Findings): void {
  const options = node.children ?? [];
  const option = (name: string) => options.findLast((line) => nameOf(line) === name);
  const lifetime = option('stream_timeout');
  const lifetimeMs = parseDurationMs(lifetime?.words[1]?.value ?? '', 1e-6);
  if (lifetime && lifetimeMs !== undefined && lifetimeMs > 0) {
    findings.add('CAD001', lifetime, `Every socket is cut at the age of ${sayDuration(lifetimeMs)}.`);
  }
  const isKnown = isAtLeast(productVersion, STREAM_OPTIONS_SINCE);
  if (!option('stream_close_delay') && (isKnown || productVersion === undefined)) {
    // An older Caddy refuses to start with this line, so it is written only when the version is known.
    findings.add(
      'CAD002',
      headOf(node),
      'A reload closes all sockets at once.',
      isKnown ? [addOption(node, 'stream_close_delay 5m')] : [],
    );
  }
  const limit = option('unhealthy_request_count');
  if (limit)
    findings.add('CAD007', limit, `The backend counts as down with ${limit.words[1]?.value} open sockets.`);
}

/** A complaint about a whole block points at its first line. */
function headOf({ source, start, words, end }: Node) {
  return { source, start, end: words.at(-1)?.end ?? end };
}

function addOption(node: Node, text: string): Edit {
  const indent = node.source.indentAt(node.start);
  const last = node.children?.at(-1);
  const place = { source: node.source, start: node.end, end: node.end };
  if (!node.children) return { place, text: ` {\n${indent}\t${text}\n${indent}}` };
  return { place, text: `\n${last ? node.source.indentAt(last.start) : `${indent}\t`}${text}` };
}

/** CAD003 and CAD006. */
function checkTransport({ node }: Route, { heartbeatMs }: LintContext, findings: Findings): void {
  const transport = node.children?.findLast((line) => nameOf(line) === 'transport');
  for (const line of transport?.children ?? []) {
    const idleMs = parseDurationMs(line.words[1]?.value ?? '', 1e-6);
    if (nameOf(line) === 'read_timeout' && idleMs !== undefined && cutsSilence(idleMs, heartbeatMs)) {
      findings.add('CAD003', line, `read_timeout is ${sayDuration(idleMs)}, ${sayTooShortFor(heartbeatMs)}.`);
    }
    const versions = line.words.slice(1).map(({ value }) => value);
    if (nameOf(line) === 'versions' && !versions.includes('1.1'))
      findings.add('CAD006', line, `The backend is asked over ${versions.join(' and ')}.`);
  }
  const isH2c = node.words.find(({ value }) => value.startsWith('h2c://'));
  if (isH2c) findings.add('CAD006', isH2c, `${isH2c.value} is asked over HTTP/2 only.`);
}

/** CAD004. */
function checkHeaders({ node }: Route, findings: Findings): void {
  for (const line of node.children ?? []) {
    if (nameOf(line) !== 'header_up') continue;
    const [field = '', value = ''] = line.words.slice(1).map((word) => word.value.toLowerCase());
    const isHop = /^[-+]?(upgrade|connection)$/.test(field);
    const isKept = value.includes('upgrade') || value.includes('websocket') || value.includes('{');
    if (isHop && !isKept) findings.add('CAD004', line, `header_up changes ${field.replace(/^[-+]/, '')}.`);
  }
}

/** CAD005: redir stands before reverse_proxy in the order of directives, wherever it is written. */
function checkRedirects(route: Route, { path }: LintContext, findings: Findings): void {
  const own = route.matchers
    .filter((matcher) => matcher.startsWith('/'))
    .map((matcher) => matcher.replace(/\*$/, ''));
  const paths = path === undefined ? own : [path];
  for (const redir of redirectsAround(route)) {
    const matcher = matcherOf(redir) ?? '*';
    const catches =
      matcher === '*' || matcher === '/*' || paths.some((wanted) => matchesPath(matcher, wanted));
    if (catches) findings.add('CAD005', redir, 'This redirect also answers WebSockets.');
  }
}

const named = indexBy(nameOf);

/** Those in the blocks around the route; one in a handle of its own is for other requests. */
function redirectsAround({ node, site }: Route): Node[] {
  const levels: (readonly Node[])[] = [site.directives];
  for (let at = node.parent; at; at = at.parent) levels.push(at.children ?? []);
  return levels.flatMap((level) => named(level, 'redir'));
}
