import { describe, expect, it } from 'vitest';
import { bindsFirst, limitsOf, type LimitId, type Wanted } from '../../src/preflight/limits.ts';
import { preflight } from '../../src/preflight/lifts.ts';
import { measuredFrom } from '../../src/preflight/measure.ts';
import { preflightJson, preflightText, type PreflightReport } from '../../src/preflight/report.ts';
import { readSystemFacts } from '../../src/preflight/system-facts.ts';
import { debianWithSystemd, dockerOnCgroup1, measured, readerOf } from './machines.ts';

const wanted = (connections: number, change: Partial<Wanted> = {}): Wanted => ({
  connections,
  stateBytes: 0,
  heartbeatMs: 25_000,
  proxyHere: false,
  ...change,
});
const debian = readSystemFacts(readerOf(debianWithSystemd), '1234', 30);
const docker = readSystemFacts(readerOf(dockerOnCgroup1), 'self', 0);

function maxima(facts = debian, ask = wanted(20_000)): Readonly<Partial<Record<LimitId, number | null>>> {
  return Object.fromEntries(
    limitsOf(facts, measured, ask).map(({ id, connectionsMax }) => [id, connectionsMax]),
  );
}

describe('the number at which each limit binds', () => {
  it('is what is left, divided by what a connection takes', () => {
    expect(maxima()).toEqual({
      'process-files': 1_024 - 64,
      'nr-open': 1_048_576 - 64,
      'system-files': Infinity,
      'epoll-watches': 7_000_000,
      memory: Math.floor((2_097_152 * 1_024 * 0.9) / 16_384),
      'cgroup-memory': Math.floor((312 * 1_048_576 * 0.9) / 16_384),
      heap: Math.floor(((256 * 0.8 - 8) * 1_048_576) / 4_096),
      conntrack: 60_000,
      'tcp-memory': 120_000,
      ports: null,
      // A quarter of half a processor, 25 s, 0.04 ms each.
      cpu: (0.25 * 0.5 * 25_000) / 0.04,
      backlog: 511,
      keepalive: null,
    });
  });

  it('a proxy on the same machine takes ports, and more of everything else', () => {
    const direct = maxima(docker);
    const proxied = maxima(docker, wanted(20_000, { proxyHere: true }));
    expect(proxied.ports).toBe(28_232);
    expect(proxied['process-files']).toBe((direct['process-files'] ?? 0) / 2);
    expect(proxied['tcp-memory']).toBe(40_000);
  });

  it('what the application keeps for each connection counts, too', () => {
    const plain = maxima().heap ?? 0;
    expect(maxima(debian, wanted(1, { stateBytes: 4_096 })).heap).toBe(Math.floor(plain / 2));
  });

  it('what can’t be seen binds nothing and is null', () => {
    const nothing = readSystemFacts(() => null, 'self', 0);
    const seen = limitsOf(nothing, measured, wanted(1_000)).filter(
      ({ connectionsMax }) => connectionsMax !== null,
    );
    expect(seen.map(({ id }) => id)).toEqual(['heap', 'conntrack', 'cpu']);
  });
});

describe('what binds first, and what lifts it', () => {
  it('a service with 1,024 files: LimitNOFILE of its own unit, then memory is next', () => {
    const found = preflight(debian, measured, wanted(15_000));
    expect(found.first).toMatchObject({ id: 'process-files', connectionsMax: 960 });
    const [lift] = found.lifts;
    expect(lift?.where).toContain('/etc/systemd/system/app.service.d/holdfast.conf');
    expect(lift?.lines).toEqual(['[Service]', 'LimitNOFILE=17000']);
    expect(found.after.first).toMatchObject({ id: 'process-files', connectionsMax: 17_000 - 64 });
  });

  it('what no line lifts stays, and is said: the cgroup', () => {
    const found = preflight(debian, measured, wanted(500_000));
    expect(found.after.first?.id).toBe('cgroup-memory');
    expect(found.lifts.map(({ limit }) => limit)).toEqual(
      expect.arrayContaining([
        'process-files',
        'memory',
        'cgroup-memory',
        'heap',
        'conntrack',
        'tcp-memory',
        'cpu',
      ]),
    );
  });

  it('each lift but those that need more hardware makes its own limit fit', () => {
    const ask = wanted(500_000, { proxyHere: true });
    const { lifts, after } = preflight(docker, measured, ask);
    const hardware = new Set<LimitId>(['memory', 'cgroup-memory', 'cpu', 'keepalive', 'backlog']);
    for (const { limit } of lifts) {
      if (hardware.has(limit)) continue;
      const now = after.limits.find(({ id }) => id === limit);
      expect(now?.connectionsMax, limit).toBeGreaterThanOrEqual(ask.connections);
    }
  });

  it('nothing to lift when there is room, but the keepalive of two hours', () => {
    const { lifts, first } = preflight(docker, measured, wanted(100));
    expect(lifts.map(({ limit }) => limit)).toEqual(['keepalive']);
    expect(first?.connectionsMax).toBeGreaterThan(100);
    expect(bindsFirst([])).toBeNull();
  });
});

describe('the measurement', () => {
  const weight = { rssBytes: 50e6, heapBytes: 8e6, usedBytes: 10e6, heapLimitBytes: 2e9, cpuMs: 100 };
  const weighings = {
    server: 'ws' as const,
    connections: 1_000,
    before: weight,
    after: { ...weight, rssBytes: 60e6, heapBytes: 12e6, usedBytes: 22e6, cpuMs: 320 },
    pinged: { ...weight, cpuMs: 560 },
    idle: { ...weight, cpuMs: 580 },
    kernelBefore: 100e6,
    kernelAfter: 108e6,
  };

  it('divides what was added, and takes the price of weighing away', () => {
    expect(measuredFrom(weighings)).toEqual({
      server: 'ws',
      connections: 1_000,
      // The process had room left over, so it grew by less than it used.
      processBytes: 12_000,
      heapBytes: 4_000,
      // Both ends of each connection are here.
      kernelBytes: 4_000,
      handshakesPerCpuSecond: 5_000,
      pingCpuMs: 220 / (1_100 * 5),
      heapLimitBytes: 2e9,
      heapUsedBytes: 8e6,
    });
  });

  it('does not believe a figure of the kernel that others have spoilt', () => {
    expect(measuredFrom({ ...weighings, kernelAfter: 90e6 }).kernelBytes).toBeNull();
    expect(measuredFrom({ ...weighings, kernelAfter: 900e6 }).kernelBytes).toBeNull();
    expect(measuredFrom({ ...weighings, kernelBefore: null }).kernelBytes).toBeNull();
  });
});

describe('the report', () => {
  const ask = wanted(15_000);
  const report: PreflightReport = {
    ...preflight(debian, measured, ask),
    wanted: ask,
    measured,
    unseen: ['memory of the cgroup'],
    platform: 'linux',
  };

  it('names the limit, the number, the lines, before and after, and what it can’t see', () => {
    const text = preflightText(report, (_style, plain) => plain);
    expect(text).toContain('What binds first: open files of the process, at 960 connections.');
    expect(text).toContain('LimitNOFILE=17000');
    expect(text).toContain('before  960 connections (open files of the process)');
    expect(text).toContain('after   16,936 connections (open files of the process)');
    expect(text).toContain('not visible from here: memory of the cgroup');
    expect(preflightText({ ...report, platform: 'darwin' }, (_style, plain) => plain)).toContain(
      'not visible on darwin',
    );
  });

  it('is JSON without holes: no limit is -1', () => {
    const parsed = JSON.parse(preflightJson(report)) as PreflightReport;
    expect(parsed.limits.find(({ id }) => id === 'system-files')?.connectionsMax).toBe(-1);
    expect(parsed.first?.id).toBe('process-files');
  });
});
