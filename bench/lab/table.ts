import { peerNames, type PeerName } from '../peers/peer.ts';
import { isHeldBack, judge, middle, ratio, type Figure, type Measured } from './figure.ts';

const columns = ['', 'median', 'runs', '× ws', '× socket-io', 'CPU server', 'CPU load', 'per server CPU s'];

function number(value: number): string {
  if (!Number.isFinite(value)) return '–';
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toLocaleString('en', { maximumFractionDigits: digits, minimumFractionDigits: 0 });
}

function share(value: number): string {
  return Number.isNaN(value) ? '' : `${Math.round(value * 100)} %`;
}

function spread(runs: readonly Measured[]): string {
  const values = runs.map(({ value }) => value).filter((value) => !Number.isNaN(value));
  if (values.length < 2) return '';
  return `${number(Math.min(...values))} – ${number(Math.max(...values))}`;
}

function row(figure: Figure, peer: PeerName): string[] {
  const perCpu = middle(figure, peer, 'perServerCpuSecond');
  return [
    peer,
    number(middle(figure, peer)),
    spread(figure.runs[peer] ?? []),
    number(ratio(figure, peer, 'ws')),
    number(ratio(figure, peer, 'socket-io')),
    share(middle(figure, peer, 'serverCpu')),
    share(middle(figure, peer, 'loadCpu')),
    Number.isNaN(perCpu) ? '' : number(perCpu),
  ];
}

function aligned(rows: readonly string[][]): string {
  const widths = columns.map((_, column) => Math.max(...rows.map((cells) => cells[column]?.length ?? 0)));
  const used = widths.map(
    (width, column) => width > 0 && rows.slice(1).some((cells) => cells[column] !== ''),
  );
  return rows
    .map((cells) =>
      cells
        .map((cell, column) =>
          column === 0 ? cell.padEnd(widths[0] as number) : cell.padStart(widths[column] as number),
        )
        .filter((_, column) => used[column])
        .join('   '),
    )
    .map((line) => `  ${line}`)
    .join('\n');
}

/** Where a throughput says less about the peer than it seems to. */
function doubts(figure: Figure, peer: PeerName): string[] {
  const runs = figure.runs[peer] ?? [];
  const heldBack = runs.filter(isHeldBack).length;
  if (heldBack === 0) return [];
  return [
    `  ${peer}: held back from outside in ${heldBack} of ${runs.length} runs, which count per server CPU s in ratios`,
  ];
}

/** The figure as a small table, what casts doubt on it and its bars beneath. */
export function table(figure: Figure): string {
  const peers = peerNames.filter((peer) => figure.runs[peer]);
  const head = `${figure.title} (${figure.unit}, ${figure.better} is better)`;
  const body = aligned([columns, ...peers.map((peer) => row(figure, peer))]);
  const bars = (figure.bars ?? []).map((bar) => {
    const { text, actual, verdict } = judge(figure, bar);
    return `  bar: ${text}: ${verdict}${verdict === 'not measured' ? '' : ` (${number(actual)})`}`;
  });
  return [head, body, ...peers.flatMap((peer) => doubts(figure, peer)), ...bars].join('\n');
}
