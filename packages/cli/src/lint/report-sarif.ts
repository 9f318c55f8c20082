import { readFileSync } from 'node:fs';
import { isAbsolute, relative, resolve, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type CatalogueEntry, catalogue } from '../facts/rules/catalogue.ts';
import type { Edit, Finding } from './finding.ts';
import type { LintedFile } from './lint.ts';
import type { Position } from './source-file.ts';

const levels = { error: 'error', warning: 'warning', info: 'note' } as const;
/** The name by which code hosts know the root of the repository. */
const ROOT = '%SRCROOT%';

/** SARIF 2.1.0 (OASIS), as code hosts read it. */
export function reportSarif(files: readonly LintedFile[], cwd: string): string {
  const findings = files.flatMap((file) => file.findings);
  const used = catalogue.filter(({ id }) => findings.some(({ rule }) => rule.id === id));
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  const driver = { name: 'holdfast lint', semanticVersion: version, rules: used.map(ruleOf) };
  const log = {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: { driver },
        originalUriBaseIds: {
          [ROOT]: { description: { text: 'The folder in which holdfast was started.' } },
        },
        columnKind: 'utf16CodeUnits',
        results: findings.map((finding) => resultOf(finding, used.indexOf(finding.rule), cwd)),
      },
    ],
  };
  return `${JSON.stringify(log, null, 2)}\n`;
}

function ruleOf({ id, title, why, fix, severity, product }: CatalogueEntry) {
  return {
    id,
    // SARIF 3.49.9 asks for one sentence.
    shortDescription: { text: `${title.charAt(0).toUpperCase()}${title.slice(1)}.` },
    fullDescription: { text: why },
    help: { text: fix, markdown: `\`\`\`\n${fix}\n\`\`\`` },
    defaultConfiguration: { level: levels[severity] },
    properties: { product, tags: ['websocket', product] },
  };
}

function resultOf(finding: Finding, ruleIndex: number, cwd: string) {
  const { rule, path, line, column, endLine, endColumn, message, edits } = finding;
  const region = regionOf({ line, column }, { line: endLine, column: endColumn });
  return {
    ruleId: rule.id,
    ruleIndex,
    level: levels[rule.severity],
    message: { text: `${message} ${rule.why}` },
    locations: [{ physicalLocation: { artifactLocation: artifactOf(path, cwd), region } }],
    ...(edits.length > 0 && { fixes: [fixOf(rule, edits, cwd)] }),
  };
}

/** Columns count from 1, and the last one is that behind the last character (SARIF 3.30.8). */
function regionOf(start: Position, end: Position) {
  return { startLine: start.line, startColumn: start.column, endLine: end.line, endColumn: end.column };
}

/** What `--fix` would write. */
function fixOf({ fix }: CatalogueEntry, edits: readonly Edit[], cwd: string) {
  const paths = [...new Set(edits.map(({ place }) => place.source.path))];
  const artifactChanges = paths.map((path) => ({
    artifactLocation: artifactOf(path, cwd),
    replacements: edits
      .filter(({ place }) => place.source.path === path)
      .map(({ place: { source, start, end }, text }) => ({
        deletedRegion: regionOf(source.positionAt(start), source.positionAt(end)),
        insertedContent: { text },
      })),
  }));
  return { description: { text: fix }, artifactChanges };
}

/** Relative to the working folder where it can be, because that is how a code host finds the file. */
function artifactOf(path: string, cwd: string): { readonly uri: string; readonly uriBaseId?: string } {
  const whole = resolve(cwd, path);
  const way = relative(cwd, whole);
  if (isAbsolute(way) || way.startsWith('..')) return { uri: pathToFileURL(whole).href };
  return { uri: way.split(sep).map(encodeURIComponent).join('/'), uriBaseId: ROOT };
}
