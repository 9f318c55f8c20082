import { dirname, resolve } from 'node:path';
import type { Files } from '../files.ts';
import { hasWildcard } from '../glob.ts';
import { Includes } from '../include.ts';
import type { SourceFile } from '../source-file.ts';
import { parseApache, type Node } from './parse.ts';

export interface ApacheDocument {
  /** A fragment, such as one file of sites-available, does not show Timeout or the modules. */
  readonly kind: 'whole' | 'fragment';
  readonly root: SourceFile;
  readonly nodes: readonly Node[];
}

const processDirectives = new Set(['serverroot', 'loadmodule', 'listen', 'user']);

/** Reads a configuration with all that it includes. Throws an InputError. */
export function readApache(root: SourceFile, files: Files): ApacheDocument {
  const path = resolve(root.path);
  const expander = new Expander(dirname(path), files);
  const nodes = expander.expand(parseApache(root), undefined, [path]);
  const isWhole = nodes.some(({ name }) => processDirectives.has(name));
  return { kind: isWhole ? 'whole' : 'fragment', root, nodes };
}

/** Puts what an include names in the place of the include; one that was passed over stays, as a mark. */
class Expander {
  #folder: string;
  readonly #includes: Includes;

  constructor(folder: string, files: Files) {
    this.#folder = folder;
    this.#includes = new Includes(files);
  }

  expand(nodes: readonly Node[], parent: Node | undefined, way: readonly string[]): Node[] {
    return nodes.flatMap((node) => {
      if (parent) node.parent = parent;
      if (node.name === 'serverroot') this.#folder = node.args[0]?.value ?? this.#folder;
      if (node.name === 'include' || node.name === 'includeoptional') return this.#follow(node, parent, way);
      if (node.children) node.children = this.expand(node.children, node, way);
      return [node];
    });
  }

  #follow(include: Node, parent: Node | undefined, way: readonly string[]): Node[] {
    const named = include.args[0]?.value ?? '';
    // A name with a variable of the environment cannot be known here.
    if (named.includes('${')) return [include];
    const isOptional = include.name === 'includeoptional' && !hasWildcard(named);
    const nodes: Node[] = [];
    for (const included of this.#includes.named(named, this.#folder, include)) {
      if (isOptional && !this.#includes.exists(included)) continue;
      // Apache includes every file of a folder, and of the folders in it.
      for (const path of this.#includes.filesUnder(included, include)) {
        const source = this.#includes.read(path, include, way);
        nodes.push(...(source ? this.expand(parseApache(source), parent, [...way, path]) : [include]));
      }
    }
    return nodes;
  }
}
