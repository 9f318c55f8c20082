import { HOUR_MS } from '../facts/intermediary.ts';
import { bindsFirst, type Limit, type LimitId, limitsOf, type Wanted } from './limits.ts';
import type { Measured } from './measured.ts';
import type { SystemFacts } from './system-facts.ts';

/** Lines that lift a limit. */
export interface Lift {
  readonly limit: LimitId;
  /** A file to write, or what to run or change. */
  readonly where: string;
  readonly lines: readonly string[];
  /** The limit as it is after that. */
  readonly after: (facts: SystemFacts) => SystemFacts;
}

export interface Preflight {
  readonly limits: readonly Limit[];
  readonly first: Limit | null;
  readonly lifts: readonly Lift[];
  readonly after: { readonly limits: readonly Limit[]; readonly first: Limit | null };
}

const SYSCTL_FILE = '/etc/sysctl.d/60-holdfast.conf, then: sysctl --system';
/** A peer that vanished should not hold its place for longer than this. */
const KEEPALIVE_MS_MAX = HOUR_MS;
const BACKLOG_WANTED = 4_096;

/** What binds, what lifts it, and what binds then. Pure. */
export function preflight(facts: SystemFacts, measured: Measured, wanted: Wanted): Preflight {
  const limits = limitsOf(facts, measured, wanted);
  const lifts = limits.flatMap((limit) => liftOf(limit, facts, measured, wanted));
  const lifted = lifts.reduce((changed, lift) => lift.after(changed), facts);
  const limitsAfter = limitsOf(lifted, measured, wanted);
  return {
    limits,
    first: bindsFirst(limits),
    lifts,
    after: { limits: limitsAfter, first: bindsFirst(limitsAfter) },
  };
}

/** A round number with room for a tenth more: limits are cheap, and lifting them again is not. */
function roomFor(needed: number): number {
  const step = 10 ** Math.max(3, Math.floor(Math.log10(needed)) - 1);
  return Math.ceil((needed * 1.1) / step) * step;
}

function tooLow({ kind, connectionsMax }: Limit, { connections }: Wanted): boolean {
  return kind !== 'note' && connectionsMax !== null && connectionsMax < connections;
}

function liftOf(limit: Limit, facts: SystemFacts, measured: Measured, wanted: Wanted): readonly Lift[] {
  const { id } = limit;
  if (id === 'keepalive') return keepaliveLift(facts);
  if (!tooLow(limit, wanted)) return [];
  const { connections, proxyHere, stateBytes } = wanted;
  const sysctl = (
    line: string,
    after: (facts: SystemFacts) => SystemFacts,
    where = SYSCTL_FILE,
  ): readonly Lift[] => [{ limit: id, where, lines: line.split('\n'), after }];
  const { files, tcp, conntrack } = facts;
  const perProcess = roomFor(connections * (proxyHere ? 2 : 1) + files.processUsed);
  switch (id) {
    case 'process-files':
      return [fileLift(facts, perProcess)];
    case 'nr-open':
      return sysctl(`fs.nr_open = ${perProcess}`, withFiles({ perProcessMax: perProcess }));
    case 'system-files': {
      const systemMax = roomFor(connections * 3 + files.systemUsed);
      return sysctl(`fs.file-max = ${systemMax}`, withFiles({ systemMax }));
    }
    case 'epoll-watches': {
      const watchesMax = roomFor(connections * 3);
      return sysctl(`fs.epoll.max_user_watches = ${watchesMax}`, withFiles({ watchesMax }));
    }
    case 'conntrack': {
      const max = roomFor(connections * 2 + conntrack.used);
      return sysctl(`net.netfilter.nf_conntrack_max = ${max}`, (now) => ({
        ...now,
        conntrack: { ...now.conntrack, max },
      }));
    }
    case 'tcp-memory': {
      const pagesMax = roomFor(connections * (proxyHere ? 3 : 1) + tcp.pagesUsed);
      const pages = [Math.round(pagesMax * 0.75), pagesMax, Math.round(pagesMax * 1.5)];
      return sysctl(`net.ipv4.tcp_mem = ${pages.join(' ')}`, withTcp({ pagesMax }));
    }
    case 'ports':
      return portLifts(connections);
    case 'backlog':
      return backlogLift(facts);
    case 'heap': {
      const needed = measured.heapUsedBytes + connections * (measured.heapBytes + stateBytes);
      const sizeMb = Math.ceil((needed * 1.5) / 1_048_576 / 256) * 256;
      return [
        {
          limit: id,
          where: 'the command line of the server',
          lines: [`node --max-old-space-size=${sizeMb} …`],
          after: (now) => ({ ...now, memory: { ...now.memory, heapOptionBytes: sizeMb * 1_048_576 } }),
        },
      ];
    }
    case 'cgroup-memory': {
      const bytes = connections * (measured.processBytes + (measured.kernelBytes ?? 0) + stateBytes);
      const more = Math.ceil((bytes * 1.25) / 1_048_576 / 256) * 256;
      return [
        {
          limit: id,
          where: `${unitFile(facts)} (or the memory limit of the container)`,
          lines: ['[Service]', `# what the server needs beside its connections, and ${more} MiB for them`],
          // How much the machine can spare is not the cgroup's to say, so nothing is promised.
          after: (now) => now,
        },
      ];
    }
    case 'memory':
    case 'cpu':
      return [
        {
          limit: id,
          where: 'the deployment',
          lines: [`# ${nodesFor(limit, connections)} machines or processes behind a load balancer`],
          after: (now) => now,
        },
      ];
  }
}

function nodesFor({ connectionsMax }: Limit, connections: number): string {
  return connectionsMax === null || connectionsMax < 1
    ? 'more'
    : String(Math.ceil(connections / connectionsMax));
}

const withFiles =
  (change: Partial<SystemFacts['files']>) =>
  (facts: SystemFacts): SystemFacts => ({ ...facts, files: { ...facts.files, ...change } });

const withTcp =
  (change: Partial<SystemFacts['tcp']>) =>
  (facts: SystemFacts): SystemFacts => ({ ...facts, tcp: { ...facts.tcp, ...change } });

function unitFile({ unit }: SystemFacts): string {
  return `/etc/systemd/system/${unit ?? 'SERVICE.service'}.d/holdfast.conf`;
}

function fileLift(facts: SystemFacts, wantedFiles: number): Lift {
  const after = withFiles({ processSoft: wantedFiles, processHard: wantedFiles });
  const isService = facts.unit !== null || facts.files.systemdSoft !== null;
  return isService
    ? {
        limit: 'process-files',
        where: `${unitFile(facts)}, then: systemctl daemon-reload && systemctl restart ${facts.unit ?? 'SERVICE'}`,
        lines: ['[Service]', `LimitNOFILE=${wantedFiles}`],
        after,
      }
    : {
        limit: 'process-files',
        where: 'the shell that starts the server (in Docker: --ulimit nofile=…)',
        lines: [`ulimit -n ${wantedFiles}`],
        after,
      };
}

function portLifts(connections: number): readonly Lift[] {
  const portsMax = 65_000 - 1_024 + 1;
  const addresses = Math.ceil(connections / portsMax);
  const widen: Lift = {
    limit: 'ports',
    where: SYSCTL_FILE,
    lines: ['net.ipv4.ip_local_port_range = 1024 65000'],
    after: withTcp({ portsMax }),
  };
  if (addresses < 2) return [widen];
  const spread: Lift = {
    limit: 'ports',
    where: 'the proxy',
    lines: [`# ${addresses} backend addresses or ports: each has its own range of ports`],
    after: withTcp({ portsMax: portsMax * addresses }),
  };
  return [widen, spread];
}

function backlogLift({ tcp }: SystemFacts): readonly Lift[] {
  const short = [
    ['net.core.somaxconn', tcp.backlogMax],
    ['net.ipv4.tcp_max_syn_backlog', tcp.synBacklogMax],
  ] as const;
  const lines = short.flatMap(([name, value]) =>
    value !== null && value < BACKLOG_WANTED ? [`${name} = ${BACKLOG_WANTED}`] : [],
  );
  const after = withTcp({ backlogMax: BACKLOG_WANTED, synBacklogMax: BACKLOG_WANTED });
  const own: Lift = {
    limit: 'backlog',
    where: 'the server',
    lines: [`server.listen({ port, backlog: ${BACKLOG_WANTED} });`],
    after: withTcp({ listenBacklog: BACKLOG_WANTED }),
  };
  return lines.length === 0 ? [own] : [own, { limit: 'backlog', where: SYSCTL_FILE, lines, after }];
}

function keepaliveLift({ tcp }: SystemFacts): readonly Lift[] {
  if (tcp.keepaliveMs === null || tcp.keepaliveMs <= KEEPALIVE_MS_MAX) return [];
  const lines = [
    'net.ipv4.tcp_keepalive_time = 120',
    'net.ipv4.tcp_keepalive_intvl = 15',
    'net.ipv4.tcp_keepalive_probes = 4',
  ];
  return [{ limit: 'keepalive', where: SYSCTL_FILE, lines, after: withTcp({ keepaliveMs: 180_000 }) }];
}
