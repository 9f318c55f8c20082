import { existsSync, mkdirSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { open } from 'lmdb';
import { formatKey } from './keys.ts';
import type { Tree } from './tree.ts';

const DATA_FILE = 'data.mdb';
/** Address space, not disk: a map that never has to grow is never moved below its readers. */
const MAP_BYTES = 2 ** 36;

/** Opens the folder's LMDB environment, or says what is wrong with it and what to do. */
export function openTree(folder: string): Tree {
  try {
    mkdirSync(folder, { recursive: true });
    checkHeader(folder);
    const tree = open<Buffer, Buffer>({
      path: folder,
      encoding: 'binary',
      keyEncoding: 'binary',
      // A commit returns when its pages and then its root are on the disk, and nobody sees it before that. With
      // overlapping flushes other processes would be shown messages that a power loss can still take back.
      overlappingSync: false,
      ...(process.platform !== 'win32' && process.arch.endsWith('64') && { mapSize: MAP_BYTES }),
      // Batches are made here, and a failed commit of LMDB’s own would reject a promise that nobody holds.
      eventTurnBatching: false,
      noSubdir: false,
      maxReaders: 1_024,
    });
    checkLength(folder, tree);
    return tree;
  } catch (error) {
    throw explained(folder, error);
  }
}

/** The same folder under one name, whatever it was called. */
export function realFolder(folder: string): string {
  try {
    mkdirSync(folder, { recursive: true });
    return realpathSync(folder);
  } catch (error) {
    throw explained(folder, error);
  }
}

export interface Format {
  format: 'holdfast log';
  version: 1;
  epoch: number;
  /** Base64. */
  key: string;
}

/** What the file says that it is; undefined when it is new. */
export function formatOf(tree: Tree, folder: string): Format | undefined {
  const bytes = tree.getBinary(formatKey);
  if (!bytes) {
    if ([...tree.getKeys({ limit: 1 })].length === 0) return undefined;
    throw failure(folder, 'belongs to another program.', 'Give lmdbLog a folder of its own.');
  }
  const format = parsed(bytes);
  if (format?.format !== 'holdfast log') {
    throw failure(folder, 'is damaged: its format record cannot be read.', restore);
  }
  if (format.version !== 1) {
    const what = `has version ${String(format.version)} of its format, and this program knows version 1.`;
    throw failure(folder, what, 'Run the version of Holdfast that wrote it, or give a new folder.');
  }
  return format;
}

const restore =
  'Restore the folder from a backup, or move it away and start with an empty one: subscribers are then told by a gap.';

/** A file whose first page is not LMDB’s would be refused too, but with less to go by. */
function checkHeader(folder: string): void {
  const path = join(folder, DATA_FILE);
  if (!existsSync(path)) return;
  if (!statSync(path).isFile()) throw failure(folder, `holds a ${DATA_FILE} that is no file.`, restore);
}

/** A file that ends before its last page would end this process (SIGBUS) at the first read beyond it. */
function checkLength(folder: string, tree: Tree): void {
  const stats = tree.getStats() as { pageSize: number; lastPageNumber: number };
  const expected = (stats.lastPageNumber + 1) * stats.pageSize;
  const { size } = statSync(join(folder, DATA_FILE));
  if (size >= expected) return;
  void tree.close();
  throw failure(folder, `is damaged: its file has ${size} bytes of ${expected}.`, restore);
}

function parsed(bytes: Buffer): Format | undefined {
  try {
    return JSON.parse(bytes.toString()) as Format;
  } catch {
    return undefined;
  }
}

/** What LMDB and the system say, as a sentence with its cause and its cure. */
function explained(folder: string, error: unknown): Error {
  if (error instanceof LmdbLogError) return error;
  const text = error instanceof Error ? error.message : String(error);
  const known = causes.find(([pattern]) => pattern.test(text));
  return failure(folder, known?.[1] ?? 'cannot be opened.', known?.[2] ?? restore, error);
}

const causes: readonly (readonly [RegExp, what: string, fix: string])[] = [
  [
    /EACCES|EPERM|permission/i,
    'may not be written.',
    'Give this user the right to, or choose another folder.',
  ],
  [/EROFS|read-only/i, 'is on a disk that is mounted read-only.', 'Choose another folder.'],
  [
    /ENOTDIR|EEXIST|not a directory/i,
    'is not a folder.',
    'Give the path of a folder; it is made if need be.',
  ],
  [/ENOENT|no such file/i, 'cannot be made.', 'Choose a folder on a disk that can be written.'],
  [/ENOSPC|no space/i, 'is on a full disk.', 'Free some space, or choose another folder.'],
  [/MDB_INVALID|not an LMDB file|MDB_CORRUPTED/i, 'is damaged, or no LMDB file.', restore],
  [/MDB_VERSION_MISMATCH/i, 'was written by another version of LMDB.', restore],
];

/** What went wrong with a log on disk, with its cause and its cure. */
export class LmdbLogError extends Error {
  override readonly name = 'LmdbLogError';
}

export function failure(folder: string, what: string, fix: string, cause?: unknown): LmdbLogError {
  const shown = cause instanceof Error ? ` (${cause.message})` : '';
  return new LmdbLogError(`The log in ${folder} ${what}${shown} ${fix}`, { cause });
}
