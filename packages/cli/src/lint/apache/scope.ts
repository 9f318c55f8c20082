import { parseDurationMs } from '../durations.ts';
import { indexBy } from '../index-by.ts';
import type { ApacheDocument } from './document.ts';
import type { Node } from './parse.ts';

/** Sections whose content counts as if they were not there, when their condition holds. */
const transparent = new Set([
  'ifmodule',
  'ifdefine',
  'ifversion',
  'if',
  'else',
  'elseif',
  'iffile',
  'ifdirective',
  'ifsection',
]);

const laidOpen = new WeakMap<readonly Node[], readonly Node[]>();

/** What stands directly in a scope, with conditional sections laid open. */
export function directives(nodes: readonly Node[]): readonly Node[] {
  let open = laidOpen.get(nodes);
  if (!open) {
    open = nodes.flatMap((node) => (transparent.has(node.name) ? directives(node.children ?? []) : [node]));
    laidOpen.set(nodes, open);
  }
  return open;
}

const named = indexBy<Node>(({ name }) => name);

/** The directives of this name directly in a scope. */
export function directivesNamed(nodes: readonly Node[], name: string): readonly Node[] {
  return named(directives(nodes), name);
}

export function* walk(nodes: readonly Node[]): Generator<Node> {
  for (const node of nodes) {
    yield node;
    if (node.children) yield* walk(node.children);
  }
}

export function enclosing(node: Node, ...names: readonly string[]): Node | undefined {
  for (let at = node.parent; at; at = at.parent) if (names.includes(at.name)) return at;
  return undefined;
}

/** The virtual host that a node belongs to; `undefined` is the main server. */
export function hostOf(node: Node): Node | undefined {
  return node.name === 'virtualhost' ? node : enclosing(node, 'virtualhost');
}

/** The last directive of this name in the virtual host, else in the main server. */
export function effective(document: ApacheDocument, host: Node | undefined, name: string): Node | undefined {
  const own = directivesNamed(host?.children ?? [], name).at(-1);
  return own ?? directivesNamed(document.nodes, name).at(-1);
}

export function secondsOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : parseDurationMs(text, 1_000);
}
