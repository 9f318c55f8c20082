import { describe, expect, it } from 'vitest';
import { memoryOf, openFilesMax } from '../../src/server/resources/linux.ts';
import { nodeMachine } from '../../src/server/resources/node-machine.ts';

const GiB = 2 ** 30;
const MiB = 2 ** 20;
/** Files of /proc and /sys as a kernel writes them. */
const reading = (files: Record<string, string>) => (path: string) => files[path];

describe('the memory that a process may use', () => {
  it.each<[why: string, files: Record<string, string>, expected: number]>([
    ['no cgroups at all: RAM', {}, 8 * GiB],
    [
      'version 2 in a container: the mount’s root is the group itself',
      { '/proc/self/cgroup': '0::/\n', '/sys/fs/cgroup/memory.max': `${GiB}\n` },
      GiB,
    ],
    [
      'version 2 without a limit',
      { '/proc/self/cgroup': '0::/\n', '/sys/fs/cgroup/memory.max': 'max\n' },
      8 * GiB,
    ],
    [
      'version 2 on a host: the least of all groups above',
      {
        '/proc/self/cgroup': '0::/system.slice/app.service\n',
        '/sys/fs/cgroup/system.slice/memory.max': `${2 * GiB}\n`,
        '/sys/fs/cgroup/system.slice/app.service/memory.max': `${4 * GiB}\n`,
        '/sys/fs/cgroup/system.slice/app.service/memory.high': 'max\n',
      },
      2 * GiB,
    ],
    [
      'version 2: memory.high throttles before memory.max kills',
      {
        '/proc/self/cgroup': '0::/app\n',
        '/sys/fs/cgroup/app/memory.max': `${4 * GiB}\n`,
        '/sys/fs/cgroup/app/memory.high': `${3 * GiB}\n`,
      },
      3 * GiB,
    ],
    [
      'version 1 beside others',
      {
        '/proc/self/cgroup': '9:name=systemd:/\n5:cpu,cpuacct:/docker/abc\n4:memory:/docker/abc\n0::/\n',
        '/sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712\n',
        '/sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes': `${GiB / 2}\n`,
      },
      GiB / 2,
    ],
    [
      'version 1 in a container: the path leads nowhere, the root is its own',
      {
        '/proc/self/cgroup': '4:memory:/docker/abc\n',
        '/sys/fs/cgroup/memory/memory.limit_in_bytes': `${GiB}\n`,
      },
      GiB,
    ],
    [
      'version 1 without a limit',
      {
        '/proc/self/cgroup': '4:memory:/\n',
        '/sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712\n',
      },
      8 * GiB,
    ],
    [
      'a file that holds no number',
      { '/proc/self/cgroup': '0::/\nnonsense\n', '/sys/fs/cgroup/memory.max': '?\n' },
      8 * GiB,
    ],
  ])('[ADM-5] %s', (_why, files, expected) => {
    const own = { used: 100 * MiB, limit: 8 * GiB };
    expect(memoryOf(reading(files), own, 0)).toEqual({ used: own.used, limit: expected });
  });

  const version2 = {
    '/proc/self/cgroup': '0::/\n',
    '/sys/fs/cgroup/memory.max': `${GiB}\n`,
    '/sys/fs/cgroup/memory.current': `${900 * MiB}\n`,
    '/sys/fs/cgroup/memory.stat': `anon 1\ninactive_file ${50 * MiB}\nactive_file ${20 * MiB}\nslab_reclaimable ${10 * MiB}\nsock 7\n`,
  };
  const version1 = {
    '/proc/self/cgroup': '4:memory:/docker/abc\n',
    '/sys/fs/cgroup/memory/memory.limit_in_bytes': `${GiB}\n`,
    '/sys/fs/cgroup/memory/memory.usage_in_bytes': `${900 * MiB}\n`,
    '/sys/fs/cgroup/memory/memory.stat': `inactive_file 5\ntotal_inactive_file ${50 * MiB}\ntotal_active_file ${30 * MiB}\n`,
  };

  it.each([
    ['version 2', version2],
    ['version 1', version1],
  ])('[ADM-5] %s: other processes of the group fill it, too, caches and own reserves do not', (_, files) => {
    const own = { used: 100 * MiB, limit: 8 * GiB };
    expect(memoryOf(reading(files), own, 20 * MiB)).toEqual({ used: 800 * MiB, limit: GiB });
  });

  it('[ADM-5] the process itself, when it is nearer to the end of RAM than its group to its limit', () => {
    const own = { used: 950 * MiB, limit: GiB };
    expect(memoryOf(reading({ ...version2, '/sys/fs/cgroup/memory.max': `${4 * GiB}\n` }), own, 0)).toEqual(
      own,
    );
  });
});

describe('the files that a process may open', () => {
  const limits = (line: string): string =>
    `Limit                     Soft Limit           Hard Limit           Units     \nMax processes             94845                94845                processes \n${line}\nMax locked memory         8388608              8388608              bytes     \n`;

  it.each<[line: string, expected: number | undefined]>([
    ['Max open files            1024                 1048576              files     ', 1_024],
    ['Max open files            unlimited            unlimited            files     ', undefined],
    ['', undefined],
  ])('[ADM-5] "%s"', (line, expected) => {
    expect(openFilesMax(reading({ '/proc/self/limits': limits(line) }))).toBe(expected);
  });

  it('[ADM-5] are not known where there is no /proc', () => {
    expect(openFilesMax(reading({}))).toBeUndefined();
  });
});

describe('this process', () => {
  it('[ADM-5] is read as it is', () => {
    const machine = nodeMachine();
    const { memory, heap, files, eventLoopDelayMs } = machine.read();
    machine.close();
    const rss = process.memoryUsage.rss();
    expect(memory.used).toBeGreaterThan(rss / 10);
    expect(memory.used).toBeLessThan(rss * 1.2);
    expect(memory.limit).toBeGreaterThan(memory.used);
    expect(heap!.limit).toBeGreaterThan(heap!.used);
    expect(heap!.used).toBeGreaterThan(1e6);
    expect(eventLoopDelayMs).toBeGreaterThanOrEqual(0);
    if (process.platform === 'linux') {
      expect(files!.used).toBeGreaterThan(3);
      expect(files!.limit).toBeGreaterThan(files!.used);
    }
  });
});
