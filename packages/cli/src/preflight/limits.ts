import { KERNEL_BYTES_USUAL, type Measured } from './measured.ts';
import { PAGE_BYTES, type SystemFacts } from './system-facts.ts';

/** What is asked for. */
export interface Wanted {
  readonly connections: number;
  /** What the application itself keeps for a connection. */
  readonly stateBytes: number;
  readonly heartbeatMs: number;
  /** A proxy on this machine passes each connection on to one backend address. */
  readonly proxyHere: boolean;
}

export type LimitId =
  | 'process-files'
  | 'nr-open'
  | 'system-files'
  | 'epoll-watches'
  | 'memory'
  | 'cgroup-memory'
  | 'heap'
  | 'conntrack'
  | 'tcp-memory'
  | 'ports'
  | 'cpu'
  | 'backlog'
  | 'keepalive';

export interface Limit {
  readonly id: LimitId;
  readonly title: string;
  /**
   * `holds`: no more connections than this stand at the same time. `burst`: no more than this can come at one
   * moment. `note`: worth knowing, without a number of connections.
   */
  readonly kind: 'holds' | 'burst' | 'note';
  /** null: it can't be seen from here. Infinity: nothing binds. */
  readonly connectionsMax: number | null;
  readonly detail: string;
}

/** Descriptors of a server beside its clients: standard streams, epoll, timers, log files, a database. */
const FILES_APART = 64;
/** Beyond this share of its heap limit V8 spends its time collecting. */
const HEAP_SHARE = 0.8;
/** Memory beyond this share leaves no room for a burst of messages. */
const MEMORY_SHARE = 0.9;
/** Heartbeats alone must leave most of the one thread that JavaScript has. */
const HEARTBEAT_SHARE = 0.25;
/** A message to everybody at one moment holds about a page in each socket. */
const PAGES_IN_USE = 1;

/** Every limit with the number of connections at which it binds. Pure. */
export function limitsOf(facts: SystemFacts, measured: Measured, wanted: Wanted): readonly Limit[] {
  return [...fileLimits(facts, wanted), ...memoryLimits(facts, measured, wanted), ...tcpLimits(facts, wanted)]
    .concat(cpuLimit(facts, measured, wanted), backlog(facts), keepalive(facts))
    .map((limit) => ({
      ...limit,
      connectionsMax: limit.connectionsMax === null ? null : Math.max(0, Math.floor(limit.connectionsMax)),
    }));
}

/** The limit that ends the growth; null when all that are visible have room without end. */
export function bindsFirst(limits: readonly Limit[]): Limit | null {
  const holding = limits.filter(
    ({ kind, connectionsMax }) => kind === 'holds' && connectionsMax !== null && connectionsMax < Infinity,
  );
  return holding.toSorted((a, b) => (a.connectionsMax ?? 0) - (b.connectionsMax ?? 0))[0] ?? null;
}

const count = (value: number): string => (value === Infinity ? 'no limit' : value.toLocaleString('en'));
const megabytes = (bytes: number): string =>
  bytes === Infinity ? 'no limit' : `${count(Math.round(bytes / 1_048_576))} MiB`;
const minus = (max: number | null, used: number): number | null => (max === null ? null : max - used);
const over = (amount: number | null, each: number): number | null => (amount === null ? null : amount / each);

function fileLimits({ files }: SystemFacts, { proxyHere }: Wanted): Limit[] {
  // A proxy holds two sockets for each connection, and the server behind it one more.
  const perProcess = proxyHere ? 2 : 1;
  const perSystem = proxyHere ? 3 : 1;
  const used = Math.max(files.processUsed, FILES_APART);
  const systemd =
    files.systemdSoft === null ? '' : `; a systemd service gets ${count(files.systemdSoft)} unless it asks`;
  return [
    {
      id: 'process-files',
      title: 'open files of the process',
      kind: 'holds',
      connectionsMax: over(minus(files.processSoft, used), perProcess),
      detail: `${count(files.processSoft ?? 0)} allowed, ${used} for other things${systemd}`,
    },
    {
      id: 'nr-open',
      title: 'open files of any process',
      kind: 'holds',
      connectionsMax: over(minus(files.perProcessMax, used), perProcess),
      detail: `fs.nr_open is ${count(files.perProcessMax ?? 0)}`,
    },
    {
      id: 'system-files',
      title: 'open files of the system',
      kind: 'holds',
      connectionsMax: over(minus(files.systemMax, files.systemUsed), perSystem),
      detail: `fs.file-max is ${count(files.systemMax ?? 0)}, ${count(files.systemUsed)} in use`,
    },
    {
      id: 'epoll-watches',
      title: 'epoll watches of the user',
      kind: 'holds',
      connectionsMax: over(files.watchesMax, perSystem),
      detail: `fs.epoll.max_user_watches is ${count(files.watchesMax ?? 0)}`,
    },
  ];
}

function memoryLimits({ memory }: SystemFacts, measured: Measured, { stateBytes }: Wanted): Limit[] {
  const kernel = measured.kernelBytes ?? KERNEL_BYTES_USUAL;
  const each = measured.processBytes + kernel + stateBytes;
  const eachTold = `${kilobytes(each)} each`;
  const heapMax = memory.heapOptionBytes ?? measured.heapLimitBytes;
  return [
    {
      id: 'memory',
      title: 'memory of the machine',
      kind: 'holds',
      connectionsMax: over(over(memory.availableBytes, 1 / MEMORY_SHARE), each),
      detail: `${megabytes(memory.availableBytes ?? 0)} available, ${eachTold}`,
    },
    {
      id: 'cgroup-memory',
      title: 'memory of the cgroup',
      kind: 'holds',
      connectionsMax: over(over(memory.cgroupFreeBytes, 1 / MEMORY_SHARE), each),
      detail: `${megabytes(memory.cgroupFreeBytes ?? 0)} left, ${eachTold}`,
    },
    {
      id: 'heap',
      title: 'heap of Node.js',
      kind: 'holds',
      connectionsMax: (heapMax * HEAP_SHARE - measured.heapUsedBytes) / (measured.heapBytes + stateBytes),
      detail: `${megabytes(heapMax)} at most, ${kilobytes(measured.heapBytes + stateBytes)} each`,
    },
  ];
}

export function kilobytes(bytes: number): string {
  return `${(bytes / 1_024).toFixed(1)} KiB`;
}

function tcpLimits({ tcp, conntrack }: SystemFacts, { proxyHere }: Wanted): Limit[] {
  const ports: Limit = {
    id: 'ports',
    title: 'ports towards one backend address',
    kind: proxyHere ? 'holds' : 'note',
    connectionsMax: proxyHere ? tcp.portsMax : null,
    detail: proxyHere
      ? `${count(tcp.portsMax ?? 0)} in net.ipv4.ip_local_port_range`
      : `a server needs none; a proxy or a load test here has ${count(tcp.portsMax ?? 0)}`,
  };
  return [
    {
      id: 'conntrack',
      title: 'connections that the firewall tracks',
      kind: 'holds',
      connectionsMax:
        conntrack.max === null ? Infinity : (conntrack.max - conntrack.used) / (proxyHere ? 2 : 1),
      detail:
        conntrack.max === null
          ? 'nothing is tracked, or it is not visible from here'
          : `nf_conntrack_max is ${count(conntrack.max)}, ${count(conntrack.used)} in use`,
    },
    {
      id: 'tcp-memory',
      title: 'buffers of TCP',
      kind: 'holds',
      connectionsMax: over(minus(tcp.pagesMax, tcp.pagesUsed), PAGES_IN_USE * (proxyHere ? 3 : 1)),
      detail: `tcp_mem saves from ${megabytes((tcp.pagesMax ?? 0) * PAGE_BYTES)} on, a page each when all get a message`,
    },
    ports,
  ];
}

function cpuLimit({ cpus }: SystemFacts, measured: Measured, { connections, heartbeatMs }: Wanted): Limit {
  const threadShare = Math.min(1, cpus ?? 1);
  const returnS = connections / (measured.handshakesPerCpuSecond * threadShare);
  return {
    id: 'cpu',
    title: 'processor time for heartbeats',
    kind: 'holds',
    connectionsMax: (HEARTBEAT_SHARE * threadShare * heartbeatMs) / measured.pingCpuMs,
    detail:
      `${(measured.pingCpuMs * 1_000).toFixed(0)} µs each ${heartbeatMs / 1_000} s in a quarter of one thread; ` +
      `after a restart all are back in ${Math.max(1, Math.ceil(returnS))} s at best`,
  };
}

function backlog({ tcp }: SystemFacts): Limit {
  const known = [tcp.backlogMax, tcp.synBacklogMax].filter((value) => value !== null);
  const asked = tcp.listenBacklog;
  return {
    id: 'backlog',
    title: 'connections that may wait for accept',
    kind: 'burst',
    connectionsMax: known.length === 0 ? null : Math.min(asked, ...known),
    detail:
      `the server asks for ${asked} (Node's default is 511); somaxconn is ${count(tcp.backlogMax ?? 0)}, ` +
      `tcp_max_syn_backlog ${count(tcp.synBacklogMax ?? 0)}`,
  };
}

function keepalive({ tcp }: SystemFacts): Limit {
  const found = tcp.keepaliveMs === null ? 'not visible' : `${Math.round(tcp.keepaliveMs / 60_000)} min`;
  return {
    id: 'keepalive',
    title: 'until TCP keepalive finds a dead peer',
    kind: 'note',
    connectionsMax: null,
    detail: `${found}, and only on sockets that ask for it; a heartbeat finds it sooner`,
  };
}
