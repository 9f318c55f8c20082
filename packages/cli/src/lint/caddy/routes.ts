import type { LintContext } from '../finding.ts';
import { soundsLikeWebSocket } from '../websocket-names.ts';
import type { Site } from './document.ts';
import type { Node } from './parse.ts';

/** A reverse_proxy with the matchers of the blocks around it. */
export interface Route {
  readonly node: Node;
  readonly site: Site;
  readonly matchers: readonly string[];
}

export function* walk(nodes: readonly Node[]): Generator<Node> {
  for (const node of nodes) {
    yield node;
    if (node.children) yield* walk(node.children);
  }
}

export function nameOf(node: Node): string {
  return node.words[0]?.value ?? '';
}

/** A path or a named matcher, where one stands after the name of a directive. */
export function matcherOf(node: Node): string | undefined {
  const word = node.words[1]?.value;
  return word !== undefined && /^[/@*]/.test(word) ? word : undefined;
}

export function proxiedRoutes(sites: readonly Site[]): Route[] {
  return sites.flatMap((site) =>
    [...walk(site.directives)]
      .filter(
        (node) => nameOf(node) === 'reverse_proxy' && node.words.length + (node.children?.length ?? 0) > 1,
      )
      .map((node) => ({ node, site, matchers: matchersAround(node) })),
  );
}

function matchersAround(node: Node): string[] {
  const found: string[] = [];
  for (let at: Node | undefined = node; at; at = at.parent) found.push(matcherOf(at) ?? '*');
  return found.filter((matcher) => matcher !== '*');
}

/** The routes that carry WebSockets; Caddy needs no setting, so if none is marked any of them may. */
export function webSocketRoutes(routes: readonly Route[], { path }: LintContext): readonly Route[] {
  const marked = routes.filter((route) => {
    const isNamed = route.matchers.some((matcher) => isAboutWebSocket(route.site, matcher, path));
    return (
      isNamed ||
      route.node.words.slice(1).some(({ value }) => !value.startsWith('/') && soundsLikeWebSocket(value))
    );
  });
  return marked.length > 0 ? marked : routes;
}

/** Whether a matcher, or the definition that it names, speaks of the WebSocket. */
export function isAboutWebSocket(site: Site, matcher: string, path: string | undefined): boolean {
  if (!matcher.startsWith('@'))
    return path === undefined ? soundsLikeWebSocket(matcher) : matchesPath(matcher, path);
  const definition = [...walk(site.directives)].find((node) => nameOf(node) === matcher);
  const words = definition ? wordsAskedFor(definition, 1) : [];
  if (words.some((word) => /^(upgrade|websocket)$/i.test(word))) return true;
  return words.some((word) => word.startsWith('/') && isAboutWebSocket(site, word, path));
}

/** The words of a matcher, from one on in its first line, without what it takes away by "not". */
function wordsAskedFor({ words, children = [] }: Node, from: number): readonly string[] {
  const own = words.slice(from).map(({ value }) => value);
  return own[0] === 'not' ? [] : [...own, ...children.flatMap((child) => wordsAskedFor(child, 0))];
}

/** Caddy: a path fits exactly, and a star at its end stands for anything. */
export function matchesPath(matcher: string, path: string): boolean {
  return matcher.endsWith('*') ? path.startsWith(matcher.slice(0, -1)) : matcher === path;
}
