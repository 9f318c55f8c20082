import { dirname, resolve } from 'node:path';
import type { Files } from '../files.ts';
import { Includes } from '../include.ts';
import type { SourceFile } from '../source-file.ts';
import { parseCaddyfile, type Node } from './parse.ts';

export interface Site {
  readonly addresses: readonly string[];
  readonly directives: readonly Node[];
}

/** Reads a Caddyfile with all that it imports. Throws an InputError. */
export function readCaddyfile(root: SourceFile, files: Files): Site[] {
  const path = resolve(root.path);
  const importer = new Importer(files);
  const nodes = importer.expand(parseCaddyfile(root), undefined, [path]);
  const entries = nodes.filter(
    ({ words, children }) => !(children && (words.length === 0 || isSnippet(words[0]?.value))),
  );
  const [only] = entries;
  // Without braces the whole file is one site, whose first line holds the address.
  if (only && !only.children) return [{ addresses: addressesOf(only), directives: entries.slice(1) }];
  return entries.map((entry) => ({ addresses: addressesOf(entry), directives: entry.children ?? [] }));
}

function addressesOf({ words }: Node): string[] {
  return words.map(({ value }) => value.replace(/,$/, ''));
}

function isSnippet(name: string | undefined): boolean {
  return /^&?\(.+\)$/.test(name ?? '');
}

class Importer {
  readonly #includes: Includes;
  readonly #snippets = new Map<string, readonly Node[]>();

  constructor(files: Files) {
    this.#includes = new Includes(files);
  }

  expand(nodes: readonly Node[], parent: Node | undefined, way: readonly string[]): Node[] {
    return nodes.flatMap((node) => {
      if (parent) node.parent = parent;
      const name = node.words[0]?.value ?? '';
      if (name === 'import') return this.#follow(node, parent, way);
      // A snippet is unfolded where it is used, so it may use one that is defined below it.
      if (node.children && isSnippet(name)) this.#snippets.set(name.slice(1, -1), node.children);
      else if (node.children) node.children = this.expand(node.children, node, way);
      return [node];
    });
  }

  #follow(node: Node, parent: Node | undefined, way: readonly string[]): Node[] {
    const named = node.words[1]?.value ?? '';
    const snippet = this.#snippets.get(named);
    if (snippet) {
      const use = `(${named})`;
      if (way.includes(use)) throw node.source.errorAt(node.start, `the snippet ${named} imports itself`);
      // Each use gets nodes of its own, because a node knows the block around it.
      return this.expand(structuredCopy(snippet), parent, [...way, use]);
    }
    if (named.includes('{')) return [];
    return this.#includes.named(named, dirname(resolve(node.source.path)), node).flatMap((path) => {
      const source = this.#includes.read(path, node, way);
      return source ? this.expand(parseCaddyfile(source), parent, [...way, path]) : [];
    });
  }
}

function structuredCopy(nodes: readonly Node[]): Node[] {
  return nodes.map(({ source, start, end, words, children }) => ({
    source,
    start,
    end,
    words,
    ...(children && { children: structuredCopy(children) }),
  }));
}
