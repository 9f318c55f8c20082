import { nginxUpgradeMap } from '../../facts/nginx.ts';
import type { Edit } from '../finding.ts';
import type { NginxDocument } from './document.ts';
import type { Directive } from './parse.ts';
import type { Route } from './routes.ts';
import { argument, effectiveAll, findHeader, named } from './scope.ts';

/** The text of one line of a configuration, without its indent. */
type Line = string;

function insertion(source: Directive['source'], at: number, text: string): Edit {
  return { place: { source, start: at, end: at }, text };
}

export function insertAfter(directive: Directive, lines: readonly Line[]): Edit {
  const indent = directive.source.indentAt(directive.start);
  return insertion(directive.source, directive.end, lines.map((line) => `\n${indent}${line}`).join(''));
}

export function insertBefore(directive: Directive, line: Line): Edit {
  const indent = directive.source.indentAt(directive.start);
  return insertion(directive.source, directive.start, `${line}\n${indent}`);
}

/** Puts lines at the start of a block, as deep as what already stands in it. */
export function insertAtStart(block: Directive, lines: readonly Line[]): Edit {
  const outer = block.source.indentAt(block.start);
  const first = block.block?.find(({ source }) => source === block.source);
  const inner = first && block.source.indentAt(first.start);
  const indent = inner !== undefined && inner.length > outer.length ? inner : `${outer}    `;
  const text = lines.map((line) => (line === '' ? '\n' : `\n${indent}${line}`)).join('');
  return insertion(block.source, block.bodyStart, text);
}

export function replaceArguments(directive: Directive, text: string): Edit {
  const start = directive.args[0]?.start ?? directive.nameEnd;
  const end = directive.args.at(-1)?.end ?? directive.nameEnd;
  const gap = directive.args.length === 0 ? ' ' : '';
  return { place: { source: directive.source, start, end }, text: gap + text };
}

/**
 * Puts lines into the location of a route: below its proxy_pass, unless that came from a shared file. All routes of
 * a location (an "if" has one of its own) have one place, so that two findings never write the same line twice.
 */
export function insertIntoRoute({ location }: Route, lines: readonly Line[]): Edit {
  const pass = named(location.block ?? [], 'proxy_pass').find(({ source }) => source === location.source);
  return pass ? insertAfter(pass, lines) : insertAtStart(location, lines);
}

/** Sets a directive for one route: in place when the route has it itself, else as a new line. */
export function setInRoute(route: Route, name: string, value: string): Edit {
  const own = route.location.block?.findLast(
    (directive) => directive.name === name && directive.source === route.location.source,
  );
  return own ? replaceArguments(own, value) : insertIntoRoute(route, [`${name} ${value};`]);
}

/**
 * Sets headers of one route: in place where it sets them itself, else as new lines. The first header
 * of a level cancels all that it inherited, so the inherited ones are repeated beside it.
 */
export function setHeaders(route: Route, headers: Readonly<Record<string, string>>): readonly Edit[] {
  const holding = effectiveAll(route.levels, 'proxy_set_header');
  const names = new Set(Object.keys(headers).map((name) => name.toLowerCase()));
  const isInherited = !holding.some(({ parent }) => parent === route.location || parent === route.block);
  const lines: Line[] = isInherited
    ? holding.filter((line) => !names.has(argument(line)?.toLowerCase() ?? '')).map(textOf)
    : [];
  const edits: Edit[] = [];
  for (const [name, value] of Object.entries(headers)) {
    const own = isInherited ? undefined : findHeader(holding, name.toLowerCase());
    if (own?.source === route.location.source) edits.push(replaceArguments(own, `${name} ${value}`));
    else lines.push(`proxy_set_header ${name} ${value};`);
  }
  return lines.length > 0 ? [insertIntoRoute(route, lines), ...edits] : edits;
}

function textOf({ source, start, end }: Directive): Line {
  return source.text.slice(start, end);
}

/** The name of the variable that a map makes of $http_upgrade, if there is one. */
export function upgradeVariable(document: NginxDocument): string | undefined {
  for (const map of named(document.all, 'map')) {
    if (argument(map) === '$http_upgrade') return argument(map, 1);
  }
  return undefined;
}

/** The variable for the Connection header, and what defines it when nothing does yet. */
export function connectionVariable(
  document: NginxDocument,
): { variable: string; edits: readonly Edit[] } | undefined {
  const existing = upgradeVariable(document);
  if (existing !== undefined) return { variable: existing, edits: [] };
  const map = defineMap(document);
  return map && { variable: '$connection_upgrade', edits: [map] };
}

/** The map belongs into http: at the start of that block, or of a file that is included there. */
export function defineMap(document: NginxDocument): Edit | undefined {
  const http = document.directives.find(({ name }) => name === 'http');
  if (http) return insertAtStart(http, [...nginxUpgradeMap.split('\n'), '']);
  const isInsideHttp = document.directives.some(({ name }) => name === 'server' || name === 'upstream');
  return isInsideHttp ? insertion(document.root, 0, `${nginxUpgradeMap}\n\n`) : undefined;
}
