import { readdirSync, readFileSync, realpathSync, statSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { InputError, SourceFile } from './source-file.ts';

/** Above this no real configuration lies, and a wrong path (a log, a core) is told at once. */
export const FILE_BYTES_MAX = 4 * 1024 * 1024;

/**
 * The files of one run. Changes are kept in memory, so that fixes can be checked again, and reach
 * the disk together when all of them are known.
 */
export class Files {
  /** Includes that are not there are passed over, as on a machine without the certificates of the server. */
  readonly skipsMissing: boolean;
  /** Those that were passed over: what they hold is not known. */
  readonly passedOver = new Set<string>();
  readonly #changed = new Map<string, string>();

  constructor({ skipsMissing = false } = {}) {
    this.skipsMissing = skipsMissing;
  }

  /** Throws an InputError. */
  read(path: string): SourceFile {
    return new SourceFile(path, this.#changed.get(resolve(path)) ?? readText(path));
  }

  /** The names in a folder, in order; nothing where there is no folder. Throws an InputError. */
  namesIn(path: string): readonly string[] | undefined {
    try {
      const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
      return isFolder ? readdirSync(path).toSorted() : undefined;
    } catch (error) {
      throw unreadable(path, error);
    }
  }

  change(path: string, text: string): void {
    this.#changed.set(resolve(path), text);
  }

  /** Writes through links, so that sites-enabled keeps pointing to sites-available. */
  save(): void {
    for (const [path, text] of this.#changed) {
      try {
        writeFileSync(realpathSync(path), text);
      } catch (error) {
        throw new InputError(
          `${path} cannot be written: ${(error as NodeJS.ErrnoException).code ?? String(error)}.`,
        );
      }
    }
  }
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'it may not be read by this user',
  EPERM: 'it may not be read by this user',
  ELOOP: 'its links run in a circle',
  ENOTDIR: 'a part of its path is not a directory',
};

function readText(path: string): string {
  try {
    const stat = statSync(path);
    if (stat.isDirectory()) throw new InputError(`${path} is a directory; name the file to check.`);
    if (!stat.isFile()) throw new InputError(`${path} is not a plain file.`);
    if (stat.size > FILE_BYTES_MAX) {
      throw new InputError(`${path} has ${stat.size} bytes; a configuration has at most ${FILE_BYTES_MAX}.`);
    }
    return decode(path, readFileSync(path));
  } catch (error) {
    throw error instanceof InputError ? error : unreadable(path, error);
  }
}

export function unreadable(path: string, error: unknown): InputError {
  const errno = (error as NodeJS.ErrnoException).code ?? '';
  return new InputError(`${path} cannot be read: ${reasons[errno] ?? (errno || String(error))}.`);
}

function decode(path: string, bytes: Buffer): string {
  if (bytes.includes(0)) throw new InputError(`${path} is a binary file, not a configuration.`);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new InputError(`${path} is not UTF-8 text.`);
  }
}
