import type { Findings, LintContext } from '../finding.ts';
import { soundsLikeWebSocket } from '../websocket-names.ts';
import { hasParameter, listensOf } from './check-timeouts.ts';
import type { NginxDocument } from './document.ts';
import type { Directive } from './parse.ts';
import { locationsFor, matcherOf, matchesPattern, sayLocation, type Route } from './routes.ts';
import { argument, effective, enclosing, headOf, isOn, named } from './scope.ts';

/** NGX018, NGX022 and NGX024: what else may answer a handshake that should reach the backend. */
export function checkAnswers(route: Route, context: LintContext, findings: Findings): void {
  checkSlash(route, context, findings);
  for (const listen of listensOf(route)) {
    if (hasParameter(listen, 'http2')) findings.add('NGX022', headOf(listen), 'This listener speaks HTTP/2.');
  }
  const http2 = named(route.server?.block ?? [], 'http2').at(-1);
  if (isOn(http2) && http2) findings.add('NGX022', headOf(http2), 'This server speaks HTTP/2.');
  const intercept = effective(route.levels, 'proxy_intercept_errors');
  if (isOn(intercept) && intercept) {
    findings.add(
      'NGX024',
      headOf(intercept),
      `Errors of the backend are replaced in ${sayLocation(route.location)}.`,
    );
  }
}

/** Clients of these libraries always ask with the slash. */
const alwaysWithSlash = /\/(socket\.io|sockjs|engine\.io)\/$/;

function checkSlash({ location, server }: Route, context: LintContext, findings: Findings): void {
  const { modifier, path } = matcherOf(location);
  const isPrefix = modifier === '' || modifier === '^~';
  if (!isPrefix || path === '/' || !path.endsWith('/') || alwaysWithSlash.test(path)) return;
  const bare = path.slice(0, -1);
  if (context.path !== undefined && context.path !== bare) return;
  const isAnswered = (server?.block ?? []).some((other) => {
    if (other.name !== 'location') return false;
    const matcher = matcherOf(other);
    return matcher.path === bare || matchesPattern(matcher, bare);
  });
  if (!isAnswered)
    findings.add('NGX018', headOf(location), `A client that opens ${bare} is redirected to ${path}.`);
}

/** NGX017: a redirect in the location, or in the server around it, that a WebSocket client would meet. */
export function checkRedirects(
  document: NginxDocument,
  routes: readonly Route[],
  context: LintContext,
  findings: Findings,
): void {
  const reached = context.path === undefined ? undefined : locationsFor(document, context.path);
  const servers = new Set(routes.map(({ server }) => server));
  for (const directive of document.all) {
    const { parent } = directive;
    // What stands in an "if" depends on the request, so it may well spare the WebSocket.
    if (!parent || parent.name === 'if' || !redirects(directive)) continue;
    const location = enclosing(parent, 'location');
    if (location ? !isWebSocketLocation(location, reached, directive) : !servers.has(parent)) continue;
    const paths = location
      ? [location]
      : routes.filter(({ server }) => server === parent).map((route) => route.location);
    if (directive.name === 'rewrite' && !paths.some((path) => catches(directive, path))) continue;
    const where = location ? sayLocation(location) : 'this server';
    findings.add('NGX017', headOf(directive), `Clients of ${where} are redirected.`);
  }
}

function redirects({ name, args }: Directive): boolean {
  const words = args.map(({ value }) => value);
  if (name === 'return') return /^30[12378]$/.test(words[0] ?? '') || /^https?:/.test(words[0] ?? '');
  if (name !== 'rewrite') return false;
  return words[2] === 'redirect' || words[2] === 'permanent' || /^https?:/.test(words[1] ?? '');
}

function catches(rewrite: Directive, location: Directive): boolean {
  return matchesPattern({ modifier: '~', path: argument(rewrite) ?? '' }, matcherOf(location).path);
}

/** A server on port 80 that sends everything to https is left alone: wss:// never meets it. */
function isWebSocketLocation(
  location: Directive,
  reached: ReadonlySet<Directive> | undefined,
  directive: Directive,
): boolean {
  if (soundsLikeWebSocket(matcherOf(location).path)) return true;
  if (!reached?.has(location)) return false;
  const server = enclosing(location, 'server');
  const isEncrypted = (server?.block ?? []).some(
    (line) => line.name === 'listen' && hasParameter(line, 'ssl'),
  );
  return isEncrypted || !directive.args.some(({ value }) => value.startsWith('https://'));
}
