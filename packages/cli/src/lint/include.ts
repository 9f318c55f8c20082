import { dirname, isAbsolute, join } from 'node:path';
import type { Files } from './files.ts';
import { expandGlob, hasWildcard } from './glob.ts';
import { InputError, type Place, type SourceFile } from './source-file.ts';

/** More than any real configuration, and a stop for one that multiplies itself. */
const FILES_MAX = 512;
const DEPTH_MAX = 16;

/** Follows the includes of one configuration. `way` is the chain of files down to the present one. */
export class Includes {
  readonly #files: Files;
  #read = 0;

  constructor(files: Files) {
    this.#files = files;
  }

  /**
   * The files that an include names. A relative name is read from the folder of the main file; a
   * fragment (sites-available/app) stands one or two folders below that, so those are tried too, and
   * then the same from the including file.
   */
  named(name: string, folder: string, include: Place): readonly string[] {
    const folders = [...withParents(folder), ...withParents(dirname(include.source.path))];
    const candidates = isAbsolute(name) ? [name] : folders.map((from) => join(from, name));
    if (hasWildcard(name)) {
      for (const [index, candidate] of candidates.entries()) {
        const found =
          index === 0 ? told(include, () => expandGlob(candidate, this.#files)) : this.#guess(candidate);
        if (found.length > 0) return found;
      }
      return [];
    }
    return [candidates.find((candidate) => this.exists(candidate)) ?? candidates[0] ?? name];
  }

  exists(path: string): boolean {
    return this.#files.exists(path);
  }

  /** Throws an InputError that points to the including line; `undefined` is a missing file that is passed over. */
  read(path: string, include: Place, way: readonly string[]): SourceFile | undefined {
    if (way.includes(path)) throw include.source.errorAt(include.start, `${path} includes itself`);
    if (way.length > DEPTH_MAX)
      throw include.source.errorAt(include.start, 'includes stand too deep in each other');
    this.#read += 1;
    if (this.#read > FILES_MAX) {
      throw include.source.errorAt(include.start, `this configuration has more than ${FILES_MAX} files`);
    }
    const isMissing = !this.exists(path);
    if (isMissing && this.#files.skipsMissing) {
      this.#files.passedOver.add(path);
      return undefined;
    }
    const hint = isMissing ? ' (--skip-missing passes over it)' : '';
    return told(include, () => this.#files.read(path), hint);
  }

  /** A file by itself; of a folder all files, those of the folders in it, too. Throws like `read`. */
  *filesUnder(path: string, include: Place, depth = 0): Generator<string> {
    // Links may lead in a circle.
    if (depth > DEPTH_MAX)
      throw include.source.errorAt(include.start, 'folders stand too deep in each other');
    const names = told(include, () => this.#files.namesIn(path));
    if (!names) yield path;
    for (const name of names ?? []) yield* this.filesUnder(join(path, name), include, depth + 1);
  }

  /** A folder that is only guessed may be anybody’s, who need not let us read it. */
  #guess(pattern: string): readonly string[] {
    try {
      return expandGlob(pattern, this.#files);
    } catch (error) {
      if (error instanceof InputError) return [];
      throw error;
    }
  }
}

function told<Result>(include: Place, action: () => Result, hint = ''): Result {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    throw include.source.errorAt(include.start, `the include failed: ${error.message}${hint}`);
  }
}

function withParents(folder: string): readonly string[] {
  return [folder, dirname(folder), dirname(dirname(folder))];
}
