import { styleText } from 'node:util';
import type { Standing } from '../verdict/verdict-id.ts';
import type { Report, StepReport } from './report.ts';

type Style = Parameters<typeof styleText>[0];
export type Paint = (style: Style, text: string) => string;

export const paintFor = (colours: boolean): Paint =>
  colours ? (style, text) => styleText(style, text, { validateStream: false }) : (_style, text) => text;

const STEP_SIGNS: Record<StepReport['status'], readonly [sign: string, style: Style]> = {
  ok: ['ok', 'green'],
  problem: ['!!', 'red'],
  skipped: ['--', 'gray'],
};

const STANDING_STYLES: Record<Standing, Style> = { stable: 'green', problem: 'red', 'not-tested': 'yellow' };

export function stepLine(step: StepReport, paint: Paint, withWay: boolean): string {
  const [sign, style] = STEP_SIGNS[step.status];
  const title = withWay ? `${step.title} (${step.way})` : step.title;
  return `  ${paint(style, sign)}  ${title.padEnd(withWay ? 32 : 23)} ${step.summary}`;
}

/** The verdict as a person reads it in a terminal. */
export function verdictText({ verdict, standing, durationMs, sent }: Report, paint: Paint): string {
  const lines = [
    '',
    `${paint(['bold', STANDING_STYLES[standing]].flat() as Style, verdict.title)}`,
    `  verdict     ${verdict.id}, hop: ${verdict.hop}, confidence: ${verdict.confidence}`,
    ...verdict.evidence.map((sentence, i) => `  ${i === 0 ? 'evidence    ' : '            '}${sentence}`),
  ];
  if (verdict.fix) {
    const { product, setting, file, snippet, why } = verdict.fix;
    lines.push(
      `  fix         ${product === null ? '' : `${product}: `}${setting}`,
      `  where       ${file}`,
      `  why         ${why}`,
      '',
      ...snippet.split('\n').map((line) => `      ${line}`),
      '',
    );
  }
  if (verdict.heartbeatMs !== null) {
    lines.push(`  heartbeat   every ${verdict.heartbeatMs / 1_000} s survives as it is`);
  }
  const took = (durationMs / 1_000).toFixed(1);
  lines.push(
    paint(
      'gray',
      `  took ${took} s, ${sent.connections} connections, ${Math.ceil(sent.bytes / 1_000)} kB sent`,
    ),
  );
  return `${lines.join('\n')}\n`;
}
