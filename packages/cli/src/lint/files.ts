import { existsSync, readdirSync, readFileSync, realpathSync, statSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { InputError, SourceFile } from './source-file.ts';

/** Above this no real configuration lies, and a wrong path (a log, a core) is told at once. */
export const FILE_BYTES_MAX = 4 * 1024 * 1024;

/** The path that stands for standard input. */
export const STDIN = '-';

/** Where files are read from. */
export interface Disk {
  exists(path: string): boolean;
  /** The names in a folder, in order; nothing where there is no folder. Throws an InputError. */
  namesIn(path: string): readonly string[] | undefined;
  /** Throws an InputError. */
  text(path: string): string;
}

const noInput = (): Buffer => Buffer.alloc(0);

const machine: Disk = { exists: existsSync, namesIn: readFolder, text: readText };

/**
 * The files of one run. Changes are kept in memory, so that fixes can be checked again, and reach
 * the disk together when all of them are known.
 */
export class Files {
  /** Includes that are not there are passed over, as on a machine without the certificates of the server. */
  readonly skipsMissing: boolean;
  /** Those that were passed over: what they hold is not known. */
  readonly passedOver: Set<string>;
  readonly #changed = new Map<string, string>();
  readonly #disk: Disk;
  readonly #input: () => Buffer;
  /** Standard input can be read only once. */
  #typed: string | undefined;

  constructor({
    skipsMissing = false,
    passedOver = new Set<string>(),
    disk = machine,
    input = noInput,
  } = {}) {
    this.skipsMissing = skipsMissing;
    this.passedOver = passedOver;
    this.#disk = disk;
    this.#input = input;
  }

  /** The same run where the files are others. */
  on(disk: Disk): Files {
    const { skipsMissing, passedOver } = this;
    return new Files({ skipsMissing, passedOver, disk });
  }

  /** Throws an InputError. */
  read(path: string): SourceFile {
    if (path === STDIN) {
      this.#typed ??= decode('standard input', this.#input());
      return new SourceFile('standard input', this.#typed);
    }
    return new SourceFile(path, this.#changed.get(resolve(path)) ?? this.#disk.text(path));
  }

  exists(path: string): boolean {
    return this.#disk.exists(path);
  }

  /** The names in a folder, in order; nothing where there is no folder. Throws an InputError. */
  namesIn(path: string): readonly string[] | undefined {
    return this.#disk.namesIn(path);
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

function readFolder(path: string): readonly string[] | undefined {
  try {
    const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
    return isFolder ? readdirSync(path).toSorted() : undefined;
  } catch (error) {
    throw unreadable(path, error);
  }
}

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

function unreadable(path: string, error: unknown): InputError {
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
