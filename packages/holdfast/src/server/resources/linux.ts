import type { Use } from './machine.ts';

/**
 * What Linux says about a process's limits, as text in its file systems. `read` gives a file's text, or undefined
 * when it is not there: these functions need no Linux to be tested.
 */
export type ReadText = (path: string) => string | undefined;

/** A version of cgroups: where its groups are, and the files in them. */
interface Cgroups {
  readonly mount: string;
  readonly limits: readonly string[];
  readonly used: string;
  /** In `memory.stat`: what the kernel takes back before it kills. */
  readonly reclaimable: RegExp;
}

/** cgroup-v2.rst: above memory.high a process is throttled, long before memory.max kills it. */
const version2: Cgroups = {
  mount: '/sys/fs/cgroup',
  limits: ['memory.max', 'memory.high'],
  used: 'memory.current',
  reclaimable: /^(?:inactive_file|active_file|slab_reclaimable) (\d+)$/gm,
};

/** cgroup-v1/memory.rst */
const version1: Cgroups = {
  mount: '/sys/fs/cgroup/memory',
  limits: ['memory.limit_in_bytes'],
  used: 'memory.usage_in_bytes',
  reclaimable: /^total_(?:inactive_file|active_file) (\d+)$/gm,
};

/**
 * What binds a process's memory: itself in RAM, or one of its cgroups with all that is in there, other workers too,
 * whichever is fullest. `spare` bytes of its own are as good as free.
 */
export function memoryOf(read: ReadText, own: Use, spare: number): Use {
  const inGroups = (read('/proc/self/cgroup') ?? '')
    .split('\n')
    .flatMap((line) => usesOf(read, line))
    .map(({ used, limit }) => ({ used: used === undefined ? own.used : Math.max(0, used - spare), limit }));
  const share = ({ used, limit }: Use): number => used / limit;
  return inGroups.reduce((fullest, use) => (share(use) > share(fullest) ? use : fullest), own);
}

interface GroupUse {
  /** Undefined when it can't be read. */
  readonly used: number | undefined;
  readonly limit: number;
}

/** `0::/path` for version 2, `4:memory:/path` for version 1. */
function usesOf(read: ReadText, line: string): GroupUse[] {
  const [hierarchy, controllers = '', path = '/'] = line.split(':');
  const isVersion2 = hierarchy === '0' && controllers === '';
  if (!isVersion2 && !controllers.split(',').includes('memory')) return [];
  const cgroups = isVersion2 ? version2 : version1;
  // A group is bound by every group above it. In a container the path may lead nowhere; its root is the container's.
  const parts = path.split('/').filter((part) => part !== '');
  const groups = Array.from({ length: parts.length + 1 }, (_, depth) => parts.slice(0, depth));
  return groups.flatMap((group) => useOf(read, cgroups, [cgroups.mount, ...group].join('/')));
}

/** None when the group has no limit: version 1 says so with a number beyond any RAM, version 2 with "max". */
function useOf(read: ReadText, { limits, used, reclaimable }: Cgroups, group: string): GroupUse[] {
  const limit = Math.min(
    ...limits.map((name) => numberIn(read(`${group}/${name}`)) ?? Infinity).filter((bytes) => bytes > 0),
  );
  if (limit > Number.MAX_SAFE_INTEGER) return [];
  const all = numberIn(read(`${group}/${used}`));
  if (all === undefined) return [{ used: undefined, limit }];
  const lines = (read(`${group}/memory.stat`) ?? '').matchAll(reclaimable);
  const caches = Array.from(lines, ([, bytes]) => Number(bytes)).reduce((sum, bytes) => sum + bytes, 0);
  return [{ used: Math.max(0, all - caches), limit }];
}

function numberIn(text: string | undefined): number | undefined {
  return text !== undefined && /^\d+$/.test(text.trim()) ? Number(text) : undefined;
}

/** The soft limit of open files, from `/proc/self/limits`; undefined when there is none or it can't be read. */
export function openFilesMax(read: ReadText): number | undefined {
  const [, soft] = /^Max open files\s+(\d+|unlimited)/m.exec(read('/proc/self/limits') ?? '') ?? [];
  return soft === undefined || soft === 'unlimited' ? undefined : Number(soft);
}
