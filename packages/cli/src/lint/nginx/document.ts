import { dirname, resolve } from 'node:path';
import type { Files } from '../files.ts';
import { Includes } from '../include.ts';
import type { SourceFile } from '../source-file.ts';
import { parseNginx, type Directive } from './parse.ts';
import { walk } from './scope.ts';

/** `whole`: what nginx starts with. `fragment`: a piece that some other file includes. */
export type DocumentKind = 'whole' | 'fragment';

export interface NginxDocument {
  readonly kind: DocumentKind;
  readonly root: SourceFile;
  readonly directives: readonly Directive[];
  /** The same with all that stands inside of blocks. */
  readonly all: readonly Directive[];
}

/** Reads a configuration with all that it includes. Throws an InputError. */
export function readNginx(root: SourceFile, files: Files): NginxDocument {
  const path = resolve(root.path);
  const expander = new Expander(dirname(path), files);
  const directives = expander.expand(parseNginx(root), undefined, undefined, [path]);
  const isWhole = directives.some(({ name, block }) => block && (name === 'events' || name === 'http'));
  return { kind: isWhole ? 'whole' : 'fragment', root, directives, all: [...walk(directives)] };
}

/** Puts what an include names in the place of the include; one that was passed over stays, as a mark. */
class Expander {
  readonly #folder: string;
  readonly #includes: Includes;

  constructor(folder: string, files: Files) {
    this.#folder = folder;
    this.#includes = new Includes(files);
  }

  expand(
    directives: readonly Directive[],
    parent: Directive | undefined,
    via: Directive | undefined,
    way: readonly string[],
  ): Directive[] {
    return directives.flatMap((directive) => {
      if (parent) directive.parent = parent;
      if (via) directive.via = via;
      if (directive.name === 'include' && !directive.block) return this.#follow(directive, parent, way);
      if (directive.block) directive.block = this.expand(directive.block, directive, undefined, way);
      return [directive];
    });
  }

  #follow(include: Directive, parent: Directive | undefined, way: readonly string[]): Directive[] {
    return this.#includes.named(include.args[0]?.value ?? '', this.#folder, include).flatMap((path) => {
      const source = this.#includes.read(path, include, way);
      return source ? this.expand(parseNginx(source), parent, include, [...way, path]) : [include];
    });
  }
}
