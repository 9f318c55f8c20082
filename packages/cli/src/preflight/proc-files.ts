/**
 * Takes apart what Linux says of itself under /proc and /sys. Each is a pure function of a file's text; a text
 * that is missing or not as expected gives null, because no limit must be made up.
 */

/** A kernel's count; `unlimited`, `max` and the values that stand for them are Infinity. */
export function parseCount(text: string | null): number | null {
  const word = text?.trim() ?? '';
  if (word === 'unlimited' || word === 'max' || word === '-1') return Number.POSITIVE_INFINITY;
  if (!/^\d{1,20}$/.test(word)) return null;
  const count = Number(word);
  // cgroup v1 says "no limit" with the largest whole number of pages, and fs.file-max with 2^63 − 1.
  return count >= 2 ** 60 ? Number.POSITIVE_INFINITY : count;
}

/** Numbers between white space, as in tcp_mem or ip_local_port_range. */
export function parseCounts(text: string | null): readonly number[] {
  return (text ?? '')
    .trim()
    .split(/\s+/)
    .filter((word) => /^\d{1,20}$/.test(word))
    .map(Number);
}

/** One line of /proc/PID/limits (proc(5)). */
export function parseLimit(text: string | null, name: string): { soft: number; hard: number } | null {
  const line = text?.split('\n').find((candidate) => candidate.startsWith(name));
  const [soft = '', hard = ''] = line?.slice(name.length).trim().split(/\s+/) ?? [];
  const [softCount, hardCount] = [parseCount(soft), parseCount(hard)];
  return softCount === null || hardCount === null ? null : { soft: softCount, hard: hardCount };
}

/** A line of /proc/meminfo or /proc/PID/status, in bytes. */
export function parseKilobytes(text: string | null, name: string): number | null {
  const match = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text ?? '');
  return match ? Number(match[1]) * 1_024 : null;
}

/** Pages that TCP's buffers hold now (/proc/net/sockstat). */
export function parseTcpPages(text: string | null): number | null {
  const match = /^TCP: .*\bmem (\d+)/m.exec(text ?? '');
  return match ? Number(match[1]) : null;
}

/** Where a process stands in the tree of a controller (cgroups(7)); v2 has one tree for all. */
export function parseCgroup(
  text: string | null,
  controller: string,
): { readonly version: 1 | 2; readonly path: string } | null {
  let unified: string | null = null;
  for (const line of text?.split('\n') ?? []) {
    const [, id, controllers = '', path = '/'] = /^(\d+):([^:]*):(.*)$/.exec(line) ?? [];
    if (id === undefined) continue;
    if (controllers.split(',').includes(controller)) return { version: 1, path };
    if (id === '0' && controllers === '') unified = path;
  }
  return unified === null ? null : { version: 2, path: unified };
}

/** The systemd unit in whose cgroup a process runs, such as app.service. */
export function parseUnit(text: string | null): string | null {
  const path = /^(?:0:|\d+:name=systemd):(.*)$/m.exec(text ?? '')?.[1] ?? '';
  return path.split('/').findLast((part) => part.endsWith('.service')) ?? null;
}

/** DefaultLimitNOFILE of systemd's own configuration (systemd-system.conf(5)); the last one wins. */
export function parseSystemdFiles(text: string | null): { soft: number; hard: number } | null {
  const value = [...(text ?? '').matchAll(/^\s*DefaultLimitNOFILE\s*=\s*(\S+)\s*$/gm)].at(-1)?.[1];
  const [softText = '', hardText = softText] = value?.split(':') ?? [];
  const [soft, hard] = [softText, hardText].map((word) => parseCount(word.replace('infinity', 'max')));
  return soft === null || hard === null || soft === undefined || hard === undefined ? null : { soft, hard };
}

/** The share of processors that a cgroup may use: `cpu.max` of v2 (quota and period in one line). */
export function parseCpuMax(text: string | null): number | null {
  const [quota, period] = text?.trim().split(/\s+/) ?? [];
  return cpuShare(parseCount(quota ?? null), parseCount(period ?? null));
}

export function cpuShare(quotaUs: number | null, periodUs: number | null): number | null {
  return quotaUs === null || !periodUs ? null : quotaUs / periodUs;
}

/** `--max-old-space-size` in a command line or NODE_OPTIONS, whose words may end with NUL; in bytes. */
export function parseHeapOption(text: string | null): number | null {
  const sizes = [...(text ?? '').matchAll(/--max[-_]old[-_]space[-_]size[= \0](\d{1,9})/g)];
  const megabytes = sizes.at(-1)?.[1];
  return megabytes === undefined ? null : Number(megabytes) * 1_048_576;
}
