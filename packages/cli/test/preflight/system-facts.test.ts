import { describe, expect, it } from 'vitest';
import {
  parseCgroup,
  parseCount,
  parseCpuMax,
  parseHeapOption,
  parseLimit,
  parseSystemdFiles,
  parseTcpPages,
  parseUnit,
} from '../../src/preflight/proc-files.ts';
import { readSystemFacts } from '../../src/preflight/system-facts.ts';
import { debianWithSystemd, dockerOnCgroup1, readerOf } from './machines.ts';

describe('what Linux says of itself', () => {
  it('a count may be without limit, in the words of each interface', () => {
    expect(parseCount('4096\n')).toBe(4_096);
    for (const text of ['max\n', 'unlimited', '-1', '9223372036854771712', '18446744073709551615']) {
      expect(parseCount(text), text).toBe(Infinity);
    }
    for (const text of [null, '', 'many', '12 kB']) expect(parseCount(text)).toBeNull();
  });

  it('limits of a process: the soft and the hard one', () => {
    const text =
      'Limit      Soft Limit  Hard Limit  Units\nMax open files            1024                 unlimited            files\n';
    expect(parseLimit(text, 'Max open files')).toEqual({ soft: 1_024, hard: Infinity });
    expect(parseLimit(text, 'Max stack size')).toBeNull();
  });

  it('the group of a process: v1 names its controllers, v2 is one tree', () => {
    expect(parseCgroup('0::/system.slice/app.service\n', 'memory')).toEqual({
      version: 2,
      path: '/system.slice/app.service',
    });
    expect(parseCgroup('4:memory:/docker/x\n2:cpu,cpuacct:/y\n0::/\n', 'cpu')).toEqual({
      version: 1,
      path: '/y',
    });
    expect(parseCgroup(null, 'cpu')).toBeNull();
  });

  it('the unit of a process', () => {
    expect(parseUnit('0::/system.slice/app.service\n')).toBe('app.service');
    expect(parseUnit('9:name=systemd:/system.slice/web.service/child\n4:memory:/z\n')).toBe('web.service');
    expect(parseUnit('0::/user.slice/session-3.scope\n')).toBeNull();
  });

  it('the rest', () => {
    expect(parseCpuMax('150000 100000\n')).toBe(1.5);
    expect(parseCpuMax('max 100000\n')).toBe(Infinity);
    expect(parseTcpPages('sockets: used 9\nTCP: inuse 4 orphan 0 tw 1 alloc 5 mem 17\n')).toBe(17);
    expect(parseSystemdFiles('#DefaultLimitNOFILE=1024:524288\nDefaultLimitNOFILE=65536\n')).toEqual({
      soft: 65_536,
      hard: 65_536,
    });
    expect(parseHeapOption('node\0--max-old-space-size=512\0server.js\0')).toBe(512 * 1_048_576);
    expect(parseHeapOption('NODE_OPTIONS=--max_old_space_size 256')).toBe(256 * 1_048_576);
  });
});

describe('the facts of a machine', () => {
  it('Debian with systemd and cgroup v2: the tightest group around the process counts', () => {
    const facts = readSystemFacts(readerOf(debianWithSystemd), '1234', 30);
    expect(facts.files).toMatchObject({ processSoft: 1_024, processHard: 524_288, systemdSoft: 1_024 });
    expect(facts.unit).toBe('app.service');
    // 512 MiB of the slice, of which 300 MiB are used, 100 of them cache; the service itself has no limit.
    expect(facts.memory.cgroupFreeBytes).toBe((512 - 300 + 100) * 1_048_576);
    expect(facts.memory.heapOptionBytes).toBe(256 * 1_048_576);
    expect(facts.cpus).toBe(0.5);
    expect(facts.tcp.keepaliveMs).toBe((7_200 + 75 * 9) * 1_000);
    expect(facts.conntrack).toEqual({ max: 65_536, used: 5_536 });
  });

  it('Docker on cgroup v1: paths of the host are missing inside, the root is not', () => {
    const facts = readSystemFacts(readerOf(dockerOnCgroup1), 'self', 0);
    expect(facts.memory.cgroupFreeBytes).toBe(200 * 1_048_576);
    expect(facts.cpus).toBe(2);
    expect(facts.files.systemdSoft).toBeNull();
    expect(facts.conntrack.max).toBeNull();
  });

  it('where nothing can be read, nothing is made up', () => {
    const facts = readSystemFacts(() => null, 'self', 0);
    expect(facts.files).toMatchObject({
      processSoft: null,
      perProcessMax: null,
      systemMax: null,
      watchesMax: null,
    });
    expect(facts.memory).toEqual({ availableBytes: null, cgroupFreeBytes: null, heapOptionBytes: null });
    expect(facts.tcp).toMatchObject({ backlogMax: null, portsMax: null, pagesMax: null, keepaliveMs: null });
    expect([facts.cpus, facts.unit]).toEqual([null, null]);
  });
});
