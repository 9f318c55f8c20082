/**
 * What Linux says about a process's limits, as text in its file systems. `read` gives a file's text, or undefined
 * when it is not there: these functions need no Linux to be tested.
 */
export type ReadText = (path: string) => string | undefined;

/** The least of RAM and what the process's cgroups allow it (cgroups(7); v2: cgroup-v2.rst, v1: memory.rst). */
export function memoryLimitBytes(read: ReadText, ramBytes: number): number {
  const limits = (read('/proc/self/cgroup') ?? '').split('\n').flatMap((line) => cgroupLimits(read, line));
  // v1 says "no limit" with a number beyond any RAM, v2 with "max", which is no number.
  return Math.min(ramBytes, ...limits.filter((bytes) => bytes > 0));
}

/** `0::/path` for version 2, `4:memory:/path` for version 1. */
function cgroupLimits(read: ReadText, line: string): number[] {
  const [hierarchy, controllers = '', path = '/'] = line.split(':');
  if (hierarchy === '0' && controllers === '') {
    // Above memory.high a process is throttled until it gives memory back, long before memory.max kills it.
    return limitsUpwards(read, '/sys/fs/cgroup', path, ['memory.max', 'memory.high']);
  }
  if (!controllers.split(',').includes('memory')) return [];
  return limitsUpwards(read, '/sys/fs/cgroup/memory', path, ['memory.limit_in_bytes']);
}

/** A group is bound by every group above it. In a container the path may lead nowhere; its root is the container's. */
function limitsUpwards(read: ReadText, mount: string, path: string, names: readonly string[]): number[] {
  const parts = path.split('/').filter((part) => part !== '');
  const groups = Array.from({ length: parts.length + 1 }, (_, depth) => parts.slice(0, depth));
  return groups
    .flatMap((group) => names.map((name) => read([mount, ...group, name].join('/'))))
    .map((text) => (text === undefined ? NaN : Number(text.trim())));
}

/** The soft limit of open files, from `/proc/self/limits`; undefined when there is none or it can't be read. */
export function openFilesMax(read: ReadText): number | undefined {
  const [, soft] = /^Max open files\s+(\d+|unlimited)/m.exec(read('/proc/self/limits') ?? '') ?? [];
  return soft === undefined || soft === 'unlimited' ? undefined : Number(soft);
}
