import { isAbsolute, relative, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import { catalogue } from '../facts/rules/catalogue.ts';
import type { Finding } from './finding.ts';
import type { LintedFile } from './lint.ts';

const levels = { error: 'error', warning: 'warning', info: 'note' } as const;

/** SARIF 2.1.0 (OASIS), as code hosts read it. */
export function reportSarif(files: readonly LintedFile[], cwd: string): string {
  const findings = files.flatMap((file) => file.findings);
  const used = catalogue.filter(({ id }) => findings.some(({ rule }) => rule.id === id));
  const rules = used.map((rule) => ({
    id: rule.id,
    shortDescription: { text: rule.title },
    fullDescription: { text: rule.why },
    help: { text: rule.fix },
    defaultConfiguration: { level: levels[rule.severity] },
    properties: { product: rule.product },
  }));
  const driver = { name: 'holdfast lint', rules };
  const results = findings.map((finding) => result(finding, used.indexOf(finding.rule), cwd));
  const log = {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [{ tool: { driver }, columnKind: 'utf16CodeUnits', results }],
  };
  return `${JSON.stringify(log, null, 2)}\n`;
}

function result(
  { rule, path, line, column, endLine, endColumn, message }: Finding,
  ruleIndex: number,
  cwd: string,
) {
  const region = { startLine: line, startColumn: column, endLine, endColumn };
  return {
    ruleId: rule.id,
    ruleIndex,
    level: levels[rule.severity],
    message: { text: `${message} ${rule.why}` },
    locations: [{ physicalLocation: { artifactLocation: { uri: uriOf(path, cwd) }, region } }],
  };
}

/** Relative to the working folder where it can be, because that is how a code host finds the file. */
function uriOf(path: string, cwd: string): string {
  const way = isAbsolute(path) ? relative(cwd, path) : path;
  if (isAbsolute(way) || way.startsWith('..')) return pathToFileURL(path).href;
  return way.split(sep).map(encodeURIComponent).join('/');
}
