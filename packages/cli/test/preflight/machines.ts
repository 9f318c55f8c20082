import type { Measured } from '../../src/preflight/measured.ts';
import type { ReadText } from '../../src/preflight/system-facts.ts';

type Files = Readonly<Record<string, string>>;

export const readerOf =
  (files: Files): ReadText =>
  (path) =>
    files[path] ?? null;

const limits = (soft: number, hard: number): string =>
  `Limit                     Soft Limit           Hard Limit           Units
Max processes             96365                96365                processes
Max open files            ${soft}                 ${hard}               files
`;

const common: Files = {
  '/proc/sys/fs/nr_open': '1048576\n',
  '/proc/sys/fs/file-max': '9223372036854775807\n',
  '/proc/sys/fs/file-nr': '1376\t0\t9223372036854775807\n',
  '/proc/sys/fs/epoll/max_user_watches': '7000000\n',
  '/proc/sys/net/ipv4/ip_local_port_range': '32768\t60999\n',
  '/proc/sys/net/ipv4/tcp_mem': '93750\t125000\t187500\n',
  '/proc/sys/net/ipv4/tcp_max_syn_backlog': '512\n',
  '/proc/sys/net/ipv4/tcp_keepalive_time': '7200\n',
  '/proc/sys/net/ipv4/tcp_keepalive_intvl': '75\n',
  '/proc/sys/net/ipv4/tcp_keepalive_probes': '9\n',
  '/proc/sys/net/core/somaxconn': '4096\n',
  '/proc/net/sockstat':
    'sockets: used 200\nTCP: inuse 20 orphan 0 tw 0 alloc 25 mem 5000\nUDP: inuse 3 mem 1\n',
  '/proc/meminfo':
    'MemTotal:        4000000 kB\nMemFree: 100000 kB\nMemAvailable:    2097152 kB\nSlab: 90000 kB\n',
};

/** A service in a slice with half a processor and 512 MiB, behind a firewall that tracks. */
export const debianWithSystemd: Files = {
  ...common,
  '/proc/1/comm': 'systemd\n',
  '/etc/systemd/system.conf': '[Manager]\n#DefaultLimitNOFILE=1024:524288\n',
  '/proc/1234/limits': limits(1_024, 524_288),
  '/proc/1234/cgroup': '0::/app.slice/app.service\n',
  '/proc/1234/cmdline': 'node\0server.js\0',
  '/proc/1234/environ': 'HOME=/\0NODE_OPTIONS=--max-old-space-size=256\0',
  '/sys/fs/cgroup/app.slice/app.service/memory.max': 'max\n',
  '/sys/fs/cgroup/app.slice/memory.max': `${512 * 1_048_576}\n`,
  '/sys/fs/cgroup/app.slice/memory.current': `${300 * 1_048_576}\n`,
  '/sys/fs/cgroup/app.slice/memory.stat': `anon 5\ninactive_file ${100 * 1_048_576}\n`,
  '/sys/fs/cgroup/app.slice/app.service/cpu.max': 'max 100000\n',
  '/sys/fs/cgroup/app.slice/cpu.max': '50000 100000\n',
  '/proc/sys/net/netfilter/nf_conntrack_max': '65536\n',
  '/proc/sys/net/netfilter/nf_conntrack_count': '5536\n',
};

export const dockerOnCgroup1: Files = {
  ...common,
  '/proc/1/comm': 'node\n',
  '/proc/self/limits': limits(1_048_576, 1_048_576),
  '/proc/self/cgroup': '4:memory:/docker/3f2a\n2:cpu,cpuacct:/docker/3f2a\n0::/docker/3f2a\n',
  '/sys/fs/cgroup/memory/memory.limit_in_bytes': `${256 * 1_048_576}\n`,
  '/sys/fs/cgroup/memory/memory.usage_in_bytes': `${96 * 1_048_576}\n`,
  '/sys/fs/cgroup/memory/memory.stat': `cache 1\ntotal_inactive_file ${40 * 1_048_576}\n`,
  '/sys/fs/cgroup/cpu/cpu.cfs_quota_us': '200000\n',
  '/sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000\n',
};

export const measured: Measured = {
  server: 'ws',
  connections: 1_000,
  processBytes: 12_288,
  heapBytes: 4_096,
  kernelBytes: 4_096,
  handshakesPerCpuSecond: 5_000,
  pingCpuMs: 0.04,
  heapLimitBytes: 2_048 * 1_048_576,
  heapUsedBytes: 8 * 1_048_576,
};
