import type { PeerName } from '../peers/peer.ts';
import { median } from './statistics.ts';

/** One measurement of one peer. */
export interface Measured {
  readonly value: number;
  readonly serverCpu?: number;
  readonly loadCpu?: number;
  /** What the server got done per second of its own processor time: holds on a machine that others use too. */
  readonly perServerCpuSecond?: number;
}

/** What Holdfast is expected to show in a figure: a value in its unit, or a multiple of a peer's. */
export interface Bar {
  readonly sign: '≥' | '≤';
  readonly limit: number;
  readonly times?: PeerName;
}

export interface Figure {
  readonly title: string;
  readonly unit: string;
  readonly better: 'higher' | 'lower';
  /** The measurements of each peer, one a round; the same place means the same round. */
  readonly runs: Readonly<Partial<Record<PeerName, readonly Measured[]>>>;
  readonly bars?: readonly Bar[];
}

export type Verdict = 'met' | 'missed' | 'not measured';

export interface JudgedBar {
  readonly bar: Bar;
  readonly text: string;
  readonly actual: number;
  readonly verdict: Verdict;
}

export function middle(figure: Figure, peer: PeerName, of: keyof Measured = 'value'): number {
  const values = (figure.runs[peer] ?? []).map((run) => run[of]);
  return median(values.filter((value) => value !== undefined));
}

/** The share of a core from which on a server counts as having had all of it. */
const wholeCore = 0.9;

/** Whether something other than the server's own work held a throughput down: the generator, or the machine's other users. */
export function isHeldBack({ serverCpu, perServerCpuSecond }: Measured): boolean {
  return perServerCpuSecond !== undefined && serverCpu !== undefined && serverCpu < wholeCore;
}

/** A server that was held back is compared by what it would have done with a whole core. */
function comparable(run: Measured | undefined): number {
  if (!run) return Number.NaN;
  return isHeldBack(run) ? (run.perServerCpuSecond as number) : run.value;
}

/** The median over the rounds of the ratio within a round, so that a drift of the machine cancels. */
export function ratio(figure: Figure, peer: PeerName, to: PeerName): number {
  const others = figure.runs[to] ?? [];
  const ratios = (figure.runs[peer] ?? []).map((run, round) => comparable(run) / comparable(others[round]));
  return median(ratios.filter((value) => !Number.isNaN(value)));
}

export function judge(figure: Figure, bar: Bar): JudgedBar {
  const { sign, limit, times } = bar;
  const actual = times ? ratio(figure, 'holdfast', times) : middle(figure, 'holdfast');
  const text = `${sign} ${limit} ${times ? `× ${times}` : figure.unit}`;
  if (Number.isNaN(actual)) return { bar, text, actual, verdict: 'not measured' };
  return {
    bar,
    text,
    actual,
    verdict: (sign === '≥' ? actual >= limit : actual <= limit) ? 'met' : 'missed',
  };
}
