import { join, parse, sep } from 'node:path';
import type { Disk } from './files.ts';

const WILDCARD = /[*?[]/;

/** No real include reaches as many files; a pattern like /*\/*\/* must not walk the disk. */
const MATCHES_MAX = 512;

export function hasWildcard(pattern: string): boolean {
  return WILDCARD.test(pattern);
}

/**
 * The files that an absolute pattern names, in the order of their names, as the proxies read them. Throws an InputError
 * where a folder on the way may not be read: what stands there would be passed over in silence.
 */
export function expandGlob(pattern: string, disk: Pick<Disk, 'namesIn'>): string[] {
  const { root } = parse(pattern);
  let found = [root];
  for (const part of pattern.slice(root.length).split(sep).filter(Boolean)) {
    found = hasWildcard(part)
      ? found.flatMap((folder) => matchesIn(folder, part, disk))
      : found.map((folder) => join(folder, part));
    found = found.slice(0, MATCHES_MAX);
  }
  return found;
}

/** A pattern may match nothing, and so may a folder that is not there; only a plain include must exist. */
function matchesIn(folder: string, part: string, disk: Pick<Disk, 'namesIn'>): string[] {
  const pattern = segmentPattern(part);
  return (disk.namesIn(folder) ?? [])
    .filter((name) => pattern.test(name) && (part.startsWith('.') || !name.startsWith('.')))
    .map((name) => join(folder, name));
}

function segmentPattern(part: string): RegExp {
  const source = part.replace(/\[!?[^\]]+\]|[\\^$.*+?()[\]{}|]/g, (token) => {
    if (token === '*') return '.*';
    if (token === '?') return '.';
    if (token.length > 1) return token.replace(/^\[!/, '[^').replaceAll('\\', '\\\\');
    return `\\${token}`;
  });
  try {
    return new RegExp(`^${source}$`);
  } catch {
    return /^$/; // A range like [z-a] fits no name.
  }
}
