import type { Paint } from '../doctor/report/text.ts';
import type { Lift, Preflight } from './lifts.ts';
import { kilobytes, type Limit, type Wanted } from './limits.ts';
import type { Measured } from './measured.ts';

export interface PreflightReport extends Preflight {
  readonly wanted: Wanted;
  readonly measured: Measured;
  /** Titles of what can't be seen from here. */
  readonly unseen: readonly string[];
  readonly platform: string;
}

export function preflightText(report: PreflightReport, paint: Paint): string {
  const { wanted, measured, limits, lifts, unseen, platform } = report;
  const kernel =
    measured.kernelBytes === null
      ? 'the kernel’s part could not be measured and is taken as 4.0 KiB'
      : `${kilobytes(measured.kernelBytes)} in the kernel`;
  const seen = limits.filter(({ connectionsMax, kind }) => connectionsMax !== null || kind === 'note');
  const lines = [
    `${count(wanted.connections)} connections on this machine`,
    `Measured with ${count(measured.connections)} connections to a server of ${measured.server === 'ws' ? 'the library ws' : 'Holdfast'}: ` +
      `${kilobytes(measured.processBytes)} in the process (${kilobytes(measured.heapBytes)} of it heap), ${kernel}; ` +
      `${count(measured.handshakesPerCpuSecond)} handshakes in a second of processor time.`,
    '',
    ...seen.map((limit) => limitLine(limit, wanted, paint)),
    '',
  ];
  if (unseen.length > 0) {
    const why = platform === 'linux' ? 'not visible from here' : `not visible on ${platform}`;
    lines.push(`  ${paint('yellow', '??')}  ${why}: ${unseen.join(', ')}`, '');
  }
  lines.push(paint('bold', firstSentence(report)), '');
  for (const [where, toWrite] of byPlace(lifts)) {
    lines.push(`  ${where}`, ...toWrite.map((line) => `      ${line}`), '');
  }
  if (lifts.length > 0) lines.push(`before  ${reach(report)}`, `after   ${reach(report.after)}`, '');
  return lines.join('\n');
}

/** One block for each file or command. Lines that are there already, as a section's head, are not written twice. */
function byPlace(lifts: readonly Lift[]): ReadonlyMap<string, readonly string[]> {
  const places = new Map<string, string[]>();
  for (const { where, lines } of lifts) {
    const place = places.get(where) ?? [];
    place.push(...lines.filter((line) => !place.includes(line)));
    places.set(where, place);
  }
  return places;
}

const count = (value: number): string => value.toLocaleString('en');

function limitLine({ title, kind, connectionsMax, detail }: Limit, wanted: Wanted, paint: Paint): string {
  const fits = connectionsMax === null || connectionsMax >= wanted.connections;
  const sign =
    kind === 'note'
      ? paint('gray', '--')
      : fits
        ? paint('green', 'ok')
        : kind === 'burst'
          ? paint('yellow', ' !')
          : paint('red', '!!');
  const number =
    connectionsMax === null ? '' : connectionsMax === Infinity ? 'no limit' : count(connectionsMax);
  return `  ${sign}  ${title.padEnd(40)} ${number.padStart(13)}  ${detail}`;
}

function firstSentence({ first, wanted }: PreflightReport): string {
  if (first === null) return 'No limit that can be seen from here binds.';
  const max = first.connectionsMax ?? 0;
  return max < wanted.connections
    ? `What binds first: ${first.title}, at ${count(max)} connections.`
    : `There is room: what binds first is ${first.title}, at ${count(max)} connections.`;
}

function reach({ first }: Pick<Preflight, 'first'>): string {
  return first === null
    ? 'no limit in sight'
    : `${count(first.connectionsMax ?? 0)} connections (${first.title})`;
}

/** JSON knows no Infinity: a limit without end is -1 there, and one that can't be seen is null. */
export function preflightJson(report: PreflightReport): string {
  const plain = (_key: string, value: unknown): unknown => (value === Infinity ? -1 : value);
  return `${JSON.stringify({ schema: 1, ...report }, plain, 2)}\n`;
}
