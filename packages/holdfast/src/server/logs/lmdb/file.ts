import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readSync,
  realpathSync,
  statfsSync,
  statSync,
  truncateSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { open } from 'lmdb';
import { formatKey, isBlockKey, lastOffsetOf } from './keys.ts';
import { decodeBlock } from './records.ts';
import type { Tree } from './tree.ts';

const DATA_FILE = 'data.mdb';
const LOCK_FILE = 'lock.mdb';
/** Less room than this is none; a log that is made takes more at once. */
const ROOM_BYTES_MIN = 65_536;
const NEW_LOG_BYTES_MIN = 1_048_576;
/** Address space, not disk: a map that never has to grow is never moved below its readers. */
const MAP_BYTES = 2 ** 36;
/** The key of all resume tokens is in there. (An option that lmdb 3 takes, and its types lack.) */
const privateFile = { permissionsMode: 0o600 };

/** Opens the folder's LMDB environment, or says what is wrong with it and what to do. */
export function openTree(folder: string): Tree {
  try {
    checkHeader(folder);
    checkRoom(folder);
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
      ...privateFile,
    });
    checkLength(folder, tree);
    return tree;
  } catch (error) {
    throw explained(folder, error);
  }
}

/** Makes the folder if need be, and gives its one true name. */
export function realFolder(folder: string): string {
  try {
    makeFolder(resolve(folder));
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
  let bytes: Buffer | undefined;
  try {
    bytes = tree.getBinary(formatKey);
  } catch (error) {
    throw explained(folder, error);
  }
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

const notFolder = ['is not a folder.', 'Give the path of a folder; it is made if need be.'] as const;
const restore =
  'Restore the folder from a backup, or move it away and start with an empty one: subscribers are then told by a gap.';

/** Not by `recursive`, which tries for ever where a folder has room for none, such as /proc. */
function makeFolder(folder: string): void {
  if (existsSync(folder)) {
    if (!statSync(folder).isDirectory()) throw failure(folder, ...notFolder);
    return;
  }
  makeFolder(dirname(folder));
  mkdirSync(folder, { mode: 0o700 });
}

/** LMDB writes to its lock file as to memory: where the disk has no room for that, this process would end (SIGBUS). */
function checkRoom(folder: string): void {
  if (existsSync(join(folder, LOCK_FILE)) || !hasNoRoom(folder, NEW_LOG_BYTES_MIN)) return;
  throw failure(folder, 'is on a full disk.', 'Free some space, or choose another folder.');
}

export function hasNoRoom(folder: string, bytesMin = ROOM_BYTES_MIN): boolean {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize < bytesMin;
  } catch {
    return false;
  }
}

const HEADER_BYTES = 64;
const MAGIC = 0xbeefc0de;
const MAGIC_AT = 24;
const VERSION_AT = 28;
const LMDB_VERSION = 2;
const PAGE_SIZE_AT = 48;

/**
 * Looks at both roots before LMDB does: some of what is no root would end this process inside of it. (`MDB_meta`
 * behind the page header of LMDB 1.0, in the host's byte order.)
 */
function checkHeader(folder: string): void {
  const path = join(folder, DATA_FILE);
  if (!existsSync(path)) return;
  if (!statSync(path).isFile()) throw failure(folder, `holds a ${DATA_FILE} that is no file.`, restore);
  const { size } = statSync(path);
  if (size === 0) return;
  const file = openSync(path, 'r');
  try {
    const first = headerAt(file, 0);
    const pageSize = first.getUint32(PAGE_SIZE_AT, true);
    const isPageSize = pageSize >= 512 && pageSize <= 65_536;
    const headers = isPageSize ? [first, headerAt(file, pageSize)] : [first];
    if (!isPageSize || headers.some((header) => header.getUint32(MAGIC_AT, true) !== MAGIC)) {
      throw failure(folder, `is damaged: its ${DATA_FILE} does not begin as LMDB’s do.`, restore);
    }
    if (headers.some((header) => header.getUint16(VERSION_AT, true) !== LMDB_VERSION)) {
      throw failure(folder, 'was written by another version of LMDB.', 'Give lmdbLog a folder of its own.');
    }
  } finally {
    closeSync(file);
  }
}

function headerAt(file: number, position: number): DataView {
  const header = new Uint8Array(HEADER_BYTES);
  readSync(file, header, 0, HEADER_BYTES, position);
  return new DataView(header.buffer);
}

/**
 * A read beyond the file's end would end this process (SIGBUS). LMDB may leave the last pages unwritten when they
 * were freed again at once, so a file that is too short is made longer, and then read through.
 */
function checkLength(folder: string, tree: Tree): void {
  const path = join(folder, DATA_FILE);
  const wholeBytes = (): number => {
    const stats = tree.getStats() as { pageSize: number; lastPageNumber: number };
    return (stats.lastPageNumber + 1) * stats.pageSize;
  };
  const { size } = statSync(path);
  if (size >= wholeBytes()) return;
  try {
    // Within a transaction, so that no other process adds to the file meanwhile.
    tree.transactionSync(() => {
      if (statSync(path).size < wholeBytes()) truncateSync(path, wholeBytes());
    });
    for (const { key, value } of tree.getRange({}))
      if (isBlockKey(key)) decodeBlock(value, lastOffsetOf(key));
  } catch (error) {
    void tree.close();
    throw failure(folder, `is damaged: its file ended after ${size} bytes.`, restore, error);
  }
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
  [/MDB_INVALID|MDB_CORRUPTED|MDB_PAGE_NOTFOUND/i, 'is damaged.', restore],
];

/** What went wrong with a log on disk, with its cause and its cure. */
export class LmdbLogError extends Error {
  override readonly name = 'LmdbLogError';
}

export function failure(folder: string, what: string, fix: string, cause?: unknown): LmdbLogError {
  const shown = cause instanceof Error ? ` (${cause.message})` : '';
  return new LmdbLogError(`The log in ${folder} ${what}${shown} ${fix}`, { cause });
}
