import { dirname, isAbsolute, join, resolve } from 'node:path';
import { existsSync } from 'node:fs';
import { expandGlob, hasWildcard } from '../glob.ts';
import type { Files } from '../files.ts';
import { InputError, type SourceFile } from '../source-file.ts';
import { parseNginx, type Directive } from './parse.ts';

/** `whole`: what nginx starts with. `fragment`: a piece that some other file includes. */
export type DocumentKind = 'whole' | 'fragment';

export interface NginxDocument {
  readonly kind: DocumentKind;
  readonly root: SourceFile;
  readonly directives: readonly Directive[];
}

const FILES_MAX = 512;
const INCLUDE_DEPTH_MAX = 16;

/** Reads a configuration with all that it includes. Throws an InputError. */
export function readNginx(root: SourceFile, files: Files): NginxDocument {
  const folder = dirname(resolve(root.path));
  const loader = new Loader(folder, files);
  const directives = loader.load(root, undefined, undefined, [resolve(root.path)]);
  const whole = directives.some(({ name, block }) => block && (name === 'events' || name === 'http'));
  return { kind: whole ? 'whole' : 'fragment', root, directives };
}

class Loader {
  readonly #folder: string;
  readonly #files: Files;
  #loaded = 0;

  constructor(folder: string, files: Files) {
    this.#folder = folder;
    this.#files = files;
  }

  load(
    source: SourceFile,
    parent: Directive | undefined,
    via: Directive | undefined,
    way: readonly string[],
  ): Directive[] {
    this.#loaded += 1;
    if (this.#loaded > FILES_MAX)
      throw new InputError(`${source.path} and its includes are more than ${FILES_MAX} files.`);
    return this.#expand(parseNginx(source), parent, via, way);
  }

  #expand(
    directives: readonly Directive[],
    parent: Directive | undefined,
    via: Directive | undefined,
    way: readonly string[],
  ): Directive[] {
    return directives.flatMap((directive) => {
      if (parent) directive.parent = parent;
      if (via) directive.via = via;
      const isInclude = directive.name === 'include' && directive.args.length === 1;
      if (isInclude && !directive.block) return this.#follow(directive, parent, way);
      if (directive.block) directive.block = this.#expand(directive.block, directive, undefined, way);
      return [directive];
    });
  }

  #follow(include: Directive, parent: Directive | undefined, way: readonly string[]): Directive[] {
    const named = include.args[0]?.value ?? '';
    return this.#filesOf(named).flatMap((path) => {
      if (way.includes(path)) throw include.source.errorAt(include.start, `${named} includes itself`);
      if (way.length > INCLUDE_DEPTH_MAX)
        throw include.source.errorAt(include.start, 'includes stand too deep in each other');
      return this.load(this.#read(include, path), parent, include, [...way, path]);
    });
  }

  /**
   * nginx reads a relative include from the folder of its main file. A fragment in sites-available
   * stands one or two folders below that, so those are tried too.
   */
  #filesOf(named: string): readonly string[] {
    const folders = [this.#folder, dirname(this.#folder), dirname(dirname(this.#folder))];
    const candidates = isAbsolute(named) ? [named] : folders.map((folder) => join(folder, named));
    if (hasWildcard(named))
      return candidates.map((candidate) => expandGlob(candidate)).find((found) => found.length > 0) ?? [];
    return [candidates.find((candidate) => existsSync(candidate)) ?? candidates[0] ?? named];
  }

  #read(include: Directive, path: string): SourceFile {
    try {
      return this.#files.read(path);
    } catch (error) {
      if (error instanceof InputError)
        throw include.source.errorAt(include.start, `the include failed: ${error.message}`);
      throw error;
    }
  }
}
