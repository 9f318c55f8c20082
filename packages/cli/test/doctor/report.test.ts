import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { diagnose } from '../../src/doctor/diagnose.ts';
import { htmlReport } from '../../src/doctor/report/html.ts';
import { junitReport } from '../../src/doctor/report/junit.ts';
import type { Report } from '../../src/doctor/report/report.ts';
import { standingOf, type VerdictId, verdictTitles } from '../../src/doctor/verdict/verdict-id.ts';
import { localEcho, localRaw } from './local-server.ts';

const folder = new URL('../../', import.meta.url);
const schema = JSON.parse(readFileSync(new URL('report.schema.json', folder), 'utf8')) as Schema;
const readme = readFileSync(new URL('README.md', folder), 'utf8');

/** As much of JSON Schema as the report's schema uses. */
interface Schema {
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly required?: readonly string[];
  readonly additionalProperties?: false;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly $ref?: '#/$defs/way';
  readonly $defs?: Readonly<Record<'way', Schema>>;
}

function typeOf(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'array' : typeof value;
}

/** The complaints about a value, each with its path. */
function complaints(rule: Schema, value: unknown, path = '$'): readonly string[] {
  if (rule.$ref) return complaints(schema.$defs!.way, value, path);
  if (rule.anyOf) {
    const each = rule.anyOf.map((one) => complaints(one, value, path));
    return each.some((found) => found.length === 0) ? [] : each.flat();
  }
  const found: string[] = [];
  const types = rule.type === undefined ? [] : [rule.type].flat();
  if (types.length > 0 && !types.includes(typeOf(value))) return [`${path} is ${typeOf(value)}`];
  if ('const' in rule && value !== rule.const) found.push(`${path} is not ${String(rule.const)}`);
  if (rule.enum && !rule.enum.includes(value)) found.push(`${path} is ${String(value)}`);
  if (Array.isArray(value) && rule.items) {
    for (const [i, item] of value.entries()) found.push(...complaints(rule.items, item, `${path}[${i}]`));
  }
  if (typeOf(value) === 'object') {
    const properties = rule.properties ?? {};
    const held = value as Readonly<Record<string, unknown>>;
    for (const name of rule.required ?? []) if (!(name in held)) found.push(`${path}.${name} is missing`);
    for (const [name, inner] of Object.entries(held)) {
      const innerRule = properties[name];
      if (innerRule) found.push(...complaints(innerRule, inner, `${path}.${name}`));
      else if (rule.additionalProperties === false) found.push(`${path}.${name} is not documented`);
    }
  }
  return found;
}

/** As `--json` prints it. */
const printed = (report: Report): unknown => JSON.parse(JSON.stringify(report));

describe('the JSON report', () => {
  let well: Report;
  let ill: Report;
  beforeAll(async () => {
    const server = await localEcho();
    const hostile = await localRaw((socket) =>
      socket.once('data', () => socket.end('HTTP/1.1 404 <script>]]>&"\u0001\r\nContent-Length: 0\r\n\r\n')),
    );
    const options = { depth: 'quick', idleMaxMs: 1_000, timeoutMs: 2_000 } as const;
    [well, ill] = await Promise.all([
      diagnose({ ...options, url: server.url, direct: server.url, send: 'hello' }),
      diagnose({ ...options, url: hostile.url }),
    ]);
    await server.stop();
    await hostile.stop();
  }, 30_000);

  it('fits the documented schema, whether all is well or not', () => {
    expect(complaints(schema, printed(well))).toEqual([]);
    expect(complaints(schema, printed(ill))).toEqual([]);
    expect(well.verdict.id).toBe('stable');
    expect(ill.verdict.id).toBe('not-found');
  });

  it('would not fit with a field too many, too few or of another type', () => {
    expect(complaints(schema, { ...(printed(well) as object), extra: 1 })).toEqual([
      '$.extra is not documented',
    ]);
    expect(complaints(schema, { ...(printed(well) as object), url: 1 })).toEqual(['$.url is number']);
    const { url: _, ...without } = printed(well) as { url: string };
    expect(complaints(schema, without)).toEqual(['$.url is missing']);
  });

  it('covers every part that a full run measures', () => {
    const parts = Object.keys(well.measurements.public);
    const documented = Object.keys(schema.$defs!.way.properties ?? {});
    // Only a wss:// way has the first two, and only one through a forward proxy the last.
    expect(parts.toSorted()).toEqual(
      documented.filter((name) => !['tls', 'http2', 'forwardProxy'].includes(name)).toSorted(),
    );
  });

  it('keeps to what was announced', () => {
    expect(well.sent.connections).toBeLessThanOrEqual(well.plan.connections);
    expect(well.sent.bytes).toBeLessThanOrEqual(well.plan.bytes);
  });

  it('becomes a page and test cases that hold whatever a server says', () => {
    for (const text of [htmlReport(ill), junitReport(ill)]) {
      expect(text).not.toContain('<script>');
      expect(text).not.toContain('\u0001');
      expect(text).toContain('&lt;script&gt;');
    }
    expect(junitReport(ill)).toContain('<failure type="not-found"');
  });
});

describe('the documentation of the report', () => {
  const ids = Object.keys(verdictTitles) as VerdictId[];

  it('lists the verdicts of the code, in the schema', () => {
    expect(schema.properties?.['verdict']?.properties?.['id']?.enum).toEqual(ids);
  });

  it('lists them in the README, with title and exit code', () => {
    const codes = { stable: 0, problem: 1, 'not-tested': 2 };
    const rows = ids.map((id) => `| \`${id}\` | ${verdictTitles[id]} | ${codes[standingOf(id)]} |`);
    expect(rows.filter((row) => !readme.includes(row))).toEqual([]);
  });

  it('names every field in the README', () => {
    const fields = Object.keys(schema.properties ?? {});
    expect(fields.filter((field) => !readme.includes(`\`${field}`))).toEqual([]);
  });
});
