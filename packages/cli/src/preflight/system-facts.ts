import { join } from 'node:path';
import {
  cpuShare,
  parseCgroup,
  parseCount,
  parseCounts,
  parseCpuMax,
  parseHeapOption,
  parseKilobytes,
  parseLimit,
  parseSystemdFiles,
  parseTcpPages,
  parseUnit,
} from './proc-files.ts';

/** What the system allows and what of it is in use. null: it can't be seen from here; Infinity: no limit. */
export interface SystemFacts {
  readonly files: {
    readonly processSoft: number | null;
    readonly processHard: number | null;
    readonly processUsed: number;
    /** What any process can be given (fs.nr_open). */
    readonly perProcessMax: number | null;
    readonly systemMax: number | null;
    readonly systemUsed: number;
    /** What systemd gives to a service that asks for nothing. */
    readonly systemdSoft: number | null;
    readonly watchesMax: number | null;
  };
  readonly memory: {
    readonly availableBytes: number | null;
    /** Free in the tightest cgroup around the process. */
    readonly cgroupFreeBytes: number | null;
    /** The heap that Node was told to take; null when it chooses by itself. */
    readonly heapOptionBytes: number | null;
  };
  readonly tcp: {
    /** What the server asks for when it listens. */
    readonly listenBacklog: number;
    readonly backlogMax: number | null;
    readonly synBacklogMax: number | null;
    readonly portsMax: number | null;
    /** Pages of buffers at which the kernel begins to save (the second value of tcp_mem), and those in use. */
    readonly pagesMax: number | null;
    readonly pagesUsed: number;
    /** Until the kernel gives up a peer that vanished, on sockets that asked for keepalive. */
    readonly keepaliveMs: number | null;
  };
  /** null also where the firewall tracks nothing. */
  readonly conntrack: { readonly max: number | null; readonly used: number };
  /** Processors that the cgroup may use. */
  readonly cpus: number | null;
  readonly unit: string | null;
}

/** The text of a file, or null when it can't be read. */
export type ReadText = (path: string) => string | null;

export const PAGE_BYTES = 4_096;
/** systemd's own default since version 240, when no file says otherwise. */
const SYSTEMD_SOFT_DEFAULT = 1_024;
/** What `server.listen` asks for when the program names no backlog (Node.js, net). */
const NODE_BACKLOG = 511;

/** Reads everything that Linux shows of the process `pid` ("self" is this one). Elsewhere it all comes out null. */
export function readSystemFacts(read: ReadText, pid: string, openFiles: number): SystemFacts {
  const limits = parseLimit(read(`/proc/${pid}/limits`), 'Max open files');
  const cgroups = read(`/proc/${pid}/cgroup`);
  const hasSystemd = read('/proc/1/comm')?.trim() === 'systemd';
  const [allocated = 0] = parseCounts(read('/proc/sys/fs/file-nr'));
  const [firstPort, lastPort] = parseCounts(read('/proc/sys/net/ipv4/ip_local_port_range'));
  const [, pagesMax] = parseCounts(read('/proc/sys/net/ipv4/tcp_mem'));
  return {
    files: {
      processSoft: limits?.soft ?? null,
      processHard: limits?.hard ?? null,
      processUsed: openFiles,
      perProcessMax: parseCount(read('/proc/sys/fs/nr_open')),
      systemMax: parseCount(read('/proc/sys/fs/file-max')),
      systemUsed: allocated,
      systemdSoft: hasSystemd
        ? (parseSystemdFiles(read('/etc/systemd/system.conf'))?.soft ?? SYSTEMD_SOFT_DEFAULT)
        : null,
      watchesMax: parseCount(read('/proc/sys/fs/epoll/max_user_watches')),
    },
    memory: {
      availableBytes: parseKilobytes(read('/proc/meminfo'), 'MemAvailable'),
      cgroupFreeBytes: readCgroupFree(read, cgroups),
      heapOptionBytes:
        parseHeapOption(read(`/proc/${pid}/cmdline`)) ?? parseHeapOption(read(`/proc/${pid}/environ`)),
    },
    tcp: {
      listenBacklog: NODE_BACKLOG,
      backlogMax: parseCount(read('/proc/sys/net/core/somaxconn')),
      synBacklogMax: parseCount(read('/proc/sys/net/ipv4/tcp_max_syn_backlog')),
      portsMax: firstPort === undefined || lastPort === undefined ? null : lastPort - firstPort + 1,
      pagesMax: pagesMax ?? null,
      pagesUsed: parseTcpPages(read('/proc/net/sockstat')) ?? 0,
      keepaliveMs: readKeepalive(read),
    },
    conntrack: {
      max: parseCount(read('/proc/sys/net/netfilter/nf_conntrack_max')),
      used: parseCount(read('/proc/sys/net/netfilter/nf_conntrack_count')) ?? 0,
    },
    cpus: readCpus(read, cgroups),
    unit: parseUnit(cgroups),
  };
}

function readKeepalive(read: ReadText): number | null {
  const [time, interval, probes] = ['time', 'intvl', 'probes'].map((name) =>
    parseCount(read(`/proc/sys/net/ipv4/tcp_keepalive_${name}`)),
  );
  if (time == null || interval == null || probes == null) return null;
  return (time + interval * probes) * 1_000;
}

/** Every folder from a group up to the root: a limit of any of them binds. */
function* groupFolders(root: string, path: string): Generator<string> {
  const parts = path.split('/').filter((part) => part !== '' && part !== '..');
  for (let depth = parts.length; depth >= 0; depth -= 1) yield join(root, ...parts.slice(0, depth));
}

function readCgroupFree(read: ReadText, cgroups: string | null): number | null {
  const group = parseCgroup(cgroups, 'memory');
  if (group === null) return null;
  const names =
    group.version === 2
      ? { root: '/sys/fs/cgroup', max: 'memory.max', used: 'memory.current', cache: 'inactive_file' }
      : {
          root: '/sys/fs/cgroup/memory',
          max: 'memory.limit_in_bytes',
          used: 'memory.usage_in_bytes',
          cache: 'total_inactive_file',
        };
  let free: number | null = null;
  for (const folder of groupFolders(names.root, group.path)) {
    const max = parseCount(read(join(folder, names.max)));
    if (max === null) continue;
    const used = parseCount(read(join(folder, names.used))) ?? 0;
    // The cache of files is given back before anybody runs out of memory.
    const stat = new RegExp(`^${names.cache} (\\d+)$`, 'm').exec(read(join(folder, 'memory.stat')) ?? '');
    const left = Math.max(0, max - used + Number(stat?.[1] ?? 0));
    free = free === null ? left : Math.min(free, left);
  }
  return free;
}

function readCpus(read: ReadText, cgroups: string | null): number | null {
  const group = parseCgroup(cgroups, 'cpu');
  if (group === null) return null;
  const root = group.version === 2 ? '/sys/fs/cgroup' : '/sys/fs/cgroup/cpu';
  let least: number | null = null;
  for (const folder of groupFolders(root, group.path)) {
    const share =
      group.version === 2
        ? parseCpuMax(read(join(folder, 'cpu.max')))
        : cpuShare(
            parseCount(read(join(folder, 'cpu.cfs_quota_us'))),
            parseCount(read(join(folder, 'cpu.cfs_period_us'))),
          );
    if (share !== null) least = least === null ? share : Math.min(least, share);
  }
  return least === Number.POSITIVE_INFINITY ? null : least;
}
