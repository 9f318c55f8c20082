import type { LintedFile } from './lint.ts';

/**
 * `{ version: 1, files: [{ path, product, routes }], findings: [{ id, severity, product, path, line,
 * column, endLine, endColumn, title, message, why, fix, fixable, source }] }`.
 * Lines and columns count from 1; `severity` is `error`, `warning` or `info`.
 */
export function reportJson(files: readonly LintedFile[]): string {
  const report = {
    version: 1,
    files: files.map(({ path, product, routes }) => ({ path, product, routes })),
    findings: files.flatMap(({ findings }) =>
      findings.map(({ rule, path, line, column, endLine, endColumn, message, edits }) => ({
        id: rule.id,
        severity: rule.severity,
        product: rule.product,
        path,
        line,
        column,
        endLine,
        endColumn,
        title: rule.title,
        message,
        why: rule.why,
        fix: rule.fix,
        fixable: edits.length > 0,
        source: rule.source,
      })),
    ),
  };
  return `${JSON.stringify(report, null, 2)}\n`;
}
