import type { Finding } from './finding.ts';
import type { LintedFile } from './lint.ts';

const names = { error: 'error', warning: 'warning', info: 'note' } as const;
const colourCodes = { error: 31, warning: 33, info: 36 } as const;

export interface TextOptions {
  readonly colours: boolean;
  /** How many findings were mended; absent when that was not asked for. */
  readonly mended?: number;
  /** Includes that were not looked at. */
  readonly passedOver?: ReadonlySet<string>;
}

/** One paragraph per finding, then one sentence in sum. */
export function reportText(files: readonly LintedFile[], options: TextOptions): string {
  const explained = new Set<string>();
  const paragraphs = files.flatMap((file) => [
    ...file.findings.map((finding) => {
      const isNew = !explained.has(finding.rule.id);
      explained.add(finding.rule.id);
      return paragraph(finding, isNew, options);
    }),
    ...(file.routes === 0
      ? [`${file.path}: no route that could carry a WebSocket was found, so there was little to check.\n`]
      : []),
  ]);
  const unread = [...(options.passedOver ?? [])];
  if (unread.length > 0) paragraphs.push(`Not on this machine, so not looked at: ${unread.join(', ')}.\n`);
  return `${[...paragraphs, summary(files, options)].join('\n')}\n`;
}

/** The reason and the remedy are told where a rule comes up first; which ones can be mended, at each. */
function paragraph(
  { rule, path, line, column, message, edits }: Finding,
  isNew: boolean,
  { colours }: TextOptions,
): string {
  const paint = (code: number, text: string) => (colours ? `\u001B[${code}m${text}\u001B[0m` : text);
  const severity = paint(colourCodes[rule.severity], names[rule.severity]);
  const fix = rule.fix.split('\n').join('\n         ');
  const hint = edits.length > 0 ? ' (--fix writes it)' : '';
  return `${paint(1, `${path}:${line}:${column}`)}  ${severity}  ${rule.id}  ${rule.title}
    ${message}${hint}
${isNew ? `    why: ${rule.why}\n    fix: ${fix}\n` : ''}`;
}

function summary(files: readonly LintedFile[], { mended }: TextOptions): string {
  const findings = files.flatMap((file) => file.findings);
  const count = (severity: Finding['rule']['severity']) =>
    findings.filter(({ rule }) => rule.severity === severity).length;
  const parts = [
    plural(count('error'), 'error'),
    plural(count('warning'), 'warning'),
    plural(count('info'), 'note'),
  ];
  const done = mended === undefined ? '' : `Mended ${mended}. `;
  return findings.length === 0 ? `${done}Nothing to complain about.` : `${done}${parts.join(', ')}.`;
}

function plural(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? '' : 's'}`;
}
