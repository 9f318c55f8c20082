import type { LintContext } from '../finding.ts';
import { soundsLikeWebSocket } from '../websocket-names.ts';
import type { NginxDocument } from './document.ts';
import type { Directive } from './parse.ts';
import {
  argument,
  effectiveHeader,
  enclosing,
  findHeader,
  headerValue,
  levelsOf,
  named,
  type Levels,
} from './scope.ts';

/** A block that hands requests to a backend, with what holds in it. */
export interface Route {
  /** The location, or the "if" inside of one. */
  readonly block: Directive;
  readonly pass: Directive;
  readonly location: Directive;
  readonly server: Directive | undefined;
  readonly levels: Levels;
}

export interface Matcher {
  readonly modifier: '' | '=' | '^~' | '~' | '~*' | '@';
  readonly path: string;
}

/** The modifier may stand by itself or at the front of the path: "= /ws" and "=/ws" are one. */
export function matcherOf(location: Directive): Matcher {
  const [first = '', second] = location.args.map(({ value }) => value);
  if (second !== undefined) return { modifier: first as Matcher['modifier'], path: second };
  const [modifier = ''] = /^(=|\^~|~\*?|@)?/.exec(first) ?? [];
  return { modifier: modifier as Matcher['modifier'], path: first.slice(modifier.length) };
}

export function sayLocation(location: Directive): string {
  return `location ${location.args.map(({ value }) => value).join(' ')}`;
}

/** Every block with a proxy_pass of its own: nginx does not hand that down to inner locations. */
export function proxiedRoutes(document: NginxDocument): Route[] {
  const routes: Route[] = [];
  for (const pass of named(document.all, 'proxy_pass')) {
    const block = pass.parent;
    const location = enclosing(block, 'location');
    if (!block || !location) continue;
    const levels = levelsOf(block, document.directives);
    routes.push({ block, pass, location, server: enclosing(location, 'server'), levels });
  }
  return routes;
}

/**
 * The routes that carry a WebSocket: those that forward Upgrade, whose name says so, or that the
 * declared path reaches. If none stands out, any of them may be the one that fails.
 */
export function webSocketRoutes(document: NginxDocument, context: LintContext): Route[] {
  const asked = new Set(subrequests(document).map(({ uri }) => uri));
  const routes = proxiedRoutes(document).filter(({ location }) => !asked.has(matcherOf(location).path));
  const reached = context.path === undefined ? new Set<Directive>() : locationsFor(document, context.path);
  const certain = new Set(
    routes.filter(
      (route) =>
        forwardsUpgrade(route) || reached.has(route.location) || (reached.size === 0 && isNamed(route)),
    ),
  );
  if (certain.size === 0) return routes;
  const inUse = new Set([...certain].filter(inheritsUpgrade).map(({ server }) => server));
  return routes.filter(
    (route) => certain.has(route) || (!inUse.has(route.server) && outerUpgrade(route) !== undefined),
  );
}

/**
 * An include in the location, or in what stands around it in its server, was passed over, and such files hold the very
 * lines that would be missed. Those of the http level hold other things nearly always.
 */
export function isPartlyUnread({ block }: Route): boolean {
  for (let at: Directive | undefined = block; at && at.name !== 'http'; at = at.parent)
    if (named(at.block ?? [], 'include').length > 0) return true;
  return false;
}

/** Where nginx asks a location on the side: a client never opens a WebSocket there. */
export function subrequests(document: NginxDocument): { directive: Directive; uri: string }[] {
  return [...named(document.all, 'auth_request'), ...named(document.all, 'mirror')]
    .map((directive) => ({ directive, uri: argument(directive) ?? 'off' }))
    .filter(({ uri }) => uri !== 'off');
}

function forwardsUpgrade({ levels }: Route): boolean {
  return headerValue(effectiveHeader(levels, 'upgrade')) !== undefined;
}

/** Makes use of what an outer level sets. Where nothing in a server does, what lost that may be what should. */
function inheritsUpgrade({ block, levels }: Route): boolean {
  const isOwn = named(block.block ?? [], 'proxy_set_header').length > 0;
  return !isOwn && effectiveHeader(levels, 'upgrade') !== undefined;
}

/** An Upgrade line of an outer level, which this block's own lines cancel. */
export function outerUpgrade({ levels }: Route): Directive | undefined {
  const nearest = levels.findIndex((level) => named(level, 'proxy_set_header').length > 0);
  if (nearest === -1) return undefined;
  for (const level of levels.slice(nearest + 1)) {
    const line = findHeader(named(level, 'proxy_set_header'), 'upgrade');
    if (line) return headerValue(line) === undefined ? undefined : line;
  }
  return undefined;
}

function isNamed({ location, pass }: Route): boolean {
  return soundsLikeWebSocket(matcherOf(location).path) || soundsLikeWebSocket(argument(pass) ?? '');
}

/** In each server, the location that nginx picks for this path. */
export function locationsFor(document: NginxDocument, path: string): Set<Directive> {
  const servers = named(document.all, 'server').filter(({ block }) => block);
  const scopes = servers.length > 0 ? servers.map(({ block }) => block ?? []) : [document.directives];
  return new Set(scopes.flatMap((scope) => pickLocation(scope, path) ?? []));
}

/** nginx: an exact match, else the longest prefix if it is marked ^~, else the first pattern, else that prefix. */
function pickLocation(scope: readonly Directive[], path: string): Directive | undefined {
  const candidates = scope.filter(({ name, block }) => name === 'location' && block);
  const fits = (location: Directive) => {
    const { modifier, path: pattern } = matcherOf(location);
    if (modifier === '=') return path === pattern;
    return (modifier === '' || modifier === '^~') && path.startsWith(pattern);
  };
  const exact = candidates.find((location) => matcherOf(location).modifier === '=' && fits(location));
  if (exact) return exact;
  const prefix = candidates
    .filter(fits)
    .toSorted((a, b) => matcherOf(b).path.length - matcherOf(a).path.length)
    .at(0);
  const nested = prefix && pickLocation(prefix.block ?? [], path);
  if (nested) return nested;
  if (prefix && matcherOf(prefix).modifier === '^~') return prefix;
  return candidates.find((location) => matchesPattern(matcherOf(location), path)) ?? prefix;
}

export function matchesPattern({ modifier, path: pattern }: Matcher, path: string): boolean {
  if (modifier !== '~' && modifier !== '~*') return false;
  try {
    return new RegExp(pattern, modifier === '~*' ? 'i' : '').test(path);
  } catch {
    return false; // A pattern in the dialect of PCRE that JavaScript does not know.
  }
}
