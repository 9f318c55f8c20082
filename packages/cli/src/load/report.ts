import type { Paint } from '../doctor/report/text.ts';
import type { TimesSummary } from './histogram.ts';
import type { LoadReport } from './tally.ts';

const BAR_WIDTH = 40;
/** Below this the delay of this program does not show in what it measures. */
const OWN_LAG_MS_MIN = 50;

export function loadText(report: LoadReport, paint: Paint): string {
  const { wanted, heldMax, heldAtEnd, durationMs, sourceAddresses, errors, ownLagMs } = report;
  const from = sourceAddresses > 1 ? `, from ${sourceAddresses} addresses` : '';
  const lines = [
    paint('bold', `${count(heldMax)} of ${count(wanted)} connections were held at the same time${from}.`),
    `  at the end  ${count(heldAtEnd)}, after ${(durationMs / 1_000).toFixed(1)} s`,
    '',
    ...timesLines('handshakes', report.handshakes),
    ...timesLines('round trips', report.roundTrips),
    ...stormLines(report),
  ];
  if (report.resumed + report.deliveries > 0) {
    lines.push(
      `sessions that were continued: ${count(report.resumed)}; messages delivered: ${count(report.deliveries)}`,
      '',
    );
  }
  const kinds = Object.entries(errors);
  lines.push(kinds.length === 0 ? paint('green', 'no errors') : paint('red', 'errors'));
  lines.push(...kinds.map(([kind, times]) => `  ${count(times).padStart(9)}  ${kind}`), '');
  if (ownLagMs >= OWN_LAG_MS_MIN) {
    lines.push(
      paint('yellow', `This program itself was up to ${ownLagMs} ms late: take the longest times with care.`),
      '',
    );
  }
  return lines.join('\n');
}

const count = (value: number): string => value.toLocaleString('en');
const ms = (value: number): string => (value >= 10_000 ? `${(value / 1_000).toFixed(1)} s` : `${value} ms`);

function timesLines(title: string, times: TimesSummary | null): readonly string[] {
  if (times === null) return [`${title}: none`, ''];
  const shares = Object.entries(times.percentilesMs).map(([percent, value]) => `p${percent} ${ms(value)}`);
  const most = Math.max(...times.bars.map((bar) => bar.count));
  return [
    `${title}: ${count(times.count)}, ${shares.join(', ')}, at most ${ms(times.maxMs)}`,
    ...times.bars.map((bar) => {
      const width = Math.max(1, Math.round((bar.count / most) * BAR_WIDTH));
      return `  up to ${ms(Number(bar.upToMs.toPrecision(3))).padStart(9)}  ${'#'.repeat(width).padEnd(BAR_WIDTH)} ${count(bar.count)}`;
    }),
    '',
  ];
}

function stormLines({ storm }: LoadReport): readonly string[] {
  if (storm === null) return [];
  const { broken, returned, allBackMs, back } = storm;
  const told =
    allBackMs === null
      ? `${count(returned)} of ${count(broken)} came back`
      : `all ${count(broken)} were back after ${ms(allBackMs)}`;
  return [`storm: ${told}`, '', ...timesLines('away for', back)];
}
