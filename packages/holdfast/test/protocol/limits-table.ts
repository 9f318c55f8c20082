import { readFileSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

/**
 * The table of limits in docs/limits.md, made out of protocol/limits.ts and its comments:
 *
 *   npx tsx --conditions=source packages/holdfast/test/protocol/limits-table.ts
 */

const source = new URL('../../src/protocol/limits.ts', import.meta.url);
const page = new URL('../../../../docs/limits.md', import.meta.url);
const between = /(?<=<!-- made by limits-table\.ts -->\n)[\s\S]*(?=<!-- end -->)/;

export interface LimitRow {
  name: string;
  value: number;
  unit: string;
  why: string;
}

export function limitRows(): LimitRow[] {
  const text = readFileSync(source, 'utf8');
  const table = text.slice(text.indexOf('defaultLimits = {'), text.indexOf('} as const'));
  return [...table.matchAll(/\/\*\* ([^*]+) \*\/\s+(\w+): ([\d_]+),/g)].map(([, why, name, value]) => ({
    name: name!,
    value: Number(value!.replaceAll('_', '')),
    unit: unitOf(name!),
    why: why!,
  }));
}

function unitOf(name: string): string {
  if (name === 'bytesPerSecond') return 'bytes per second';
  if (name.endsWith('PerSecond')) return 'per second';
  if (/Ms(Max|Min)?$|M(ax|in)Ms$/.test(name)) return 'ms';
  return /Bytes(Max)?$/.test(name) ? 'bytes' : '';
}

export function limitsTable(): string {
  const rows = limitRows().map(
    ({ name, value, unit, why }) =>
      `| \`${name}\` | ${value.toLocaleString('en')} ${unit}`.trimEnd() + ` | ${why} |`,
  );
  return `\n| limit | default | what it bounds, and why |\n| --- | ---: | --- |\n${rows.join('\n')}\n\n`;
}

export function tableInPage(): string | undefined {
  return between.exec(readFileSync(page, 'utf8'))?.[0];
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const text = readFileSync(page, 'utf8');
  writeFileSync(
    page,
    text.replace(between, () => limitsTable()),
  );
}
