import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { run } from '../../src/lint/command.ts';
import { Files } from '../../src/lint/files.ts';
import { lintFile } from '../../src/lint/lint.ts';
import { reportSarif } from '../../src/lint/report-sarif.ts';
import { runCommand } from '../run-command.ts';

/**
 * Each object that is written here: its fields that SARIF 2.1.0 requires, and the others that it knows. The schema of
 * OASIS allows no further ones (additionalProperties is false throughout).
 */
const shapes: Readonly<
  Record<string, { readonly required: readonly string[]; readonly known: readonly string[] }>
> = {
  log: { required: ['version', 'runs'], known: ['$schema'] },
  run: { required: ['tool'], known: ['originalUriBaseIds', 'columnKind', 'results'] },
  tool: { required: ['driver'], known: ['extensions'] },
  driver: { required: ['name'], known: ['semanticVersion', 'version', 'rules', 'informationUri'] },
  rule: {
    required: ['id'],
    known: ['shortDescription', 'fullDescription', 'help', 'defaultConfiguration', 'properties'],
  },
  text: { required: ['text'], known: ['markdown'] },
  result: { required: ['message'], known: ['ruleId', 'ruleIndex', 'level', 'locations', 'fixes'] },
  location: { required: [], known: ['physicalLocation'] },
  physicalLocation: { required: ['artifactLocation'], known: ['region'] },
  artifactLocation: { required: [], known: ['uri', 'uriBaseId', 'description'] },
  region: { required: [], known: ['startLine', 'startColumn', 'endLine', 'endColumn'] },
  fix: { required: ['artifactChanges'], known: ['description'] },
  artifactChange: { required: ['artifactLocation', 'replacements'], known: [] },
  replacement: { required: ['deletedRegion'], known: ['insertedContent'] },
};

/** Which shape a field's value has; a list has it in each of its items. */
const shapeOfField: Readonly<Record<string, string>> = {
  runs: 'run',
  tool: 'tool',
  driver: 'driver',
  rules: 'rule',
  shortDescription: 'text',
  fullDescription: 'text',
  help: 'text',
  description: 'text',
  message: 'text',
  results: 'result',
  locations: 'location',
  physicalLocation: 'physicalLocation',
  artifactLocation: 'artifactLocation',
  region: 'region',
  deletedRegion: 'region',
  fixes: 'fix',
  artifactChanges: 'artifactChange',
  replacements: 'replacement',
};

type Fields = Readonly<Record<string, unknown>>;

function complaints(value: unknown, shape: string, path = '$'): readonly string[] {
  const { required, known } = shapes[shape]!;
  const fields = value as Fields;
  const found = required.filter((name) => !(name in fields)).map((name) => `${path}.${name} is missing`);
  for (const [name, held] of Object.entries(fields)) {
    if (![...required, ...known].includes(name)) found.push(`${path}.${name} is unknown`);
    const inner = shapeOfField[name];
    if (inner === undefined) continue;
    for (const [i, item] of [held].flat().entries())
      found.push(...complaints(item, inner, `${path}.${name}[${i}]`));
  }
  return found;
}

interface Region {
  readonly startLine: number;
  readonly startColumn: number;
  readonly endLine: number;
  readonly endColumn: number;
}
interface Artifact {
  readonly uri: string;
  readonly uriBaseId?: string;
}
interface Result {
  readonly ruleId: string;
  readonly locations: readonly [{ physicalLocation: { artifactLocation: Artifact; region: Region } }];
  readonly fixes?: readonly {
    artifactChanges: readonly {
      replacements: readonly { deletedRegion: Region; insertedContent: { text: string } }[];
    }[];
  }[];
}
interface Log {
  readonly runs: readonly [
    {
      tool: { driver: { semanticVersion: string; rules: readonly { id: string }[] } };
      results: readonly Result[];
    },
  ];
}

const configuration = `events { worker_connections 4096; }
http {
  server {
    listen 80;
    location /ws { proxy_pass http://app; }
  }
}
`;

describe('SARIF', () => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-sarif-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  async function log(cwd: string): Promise<Log> {
    const path = join(folder, 'a b.conf');
    writeFileSync(path, configuration);
    const { out } = await runCommand(run, [path, '--as', 'nginx', '--format', 'sarif'], { cwd });
    return JSON.parse(out) as Log;
  }

  it('has every field that the schema requires, and none that it does not know', async () => {
    expect(complaints(await log(folder), 'log')).toEqual([]);
    const { runs: _, ...without } = await log(folder);
    expect(complaints({ ...without, extra: 1 }, 'log')).toEqual(['$.runs is missing', '$.extra is unknown']);
  });

  it('is a version that can be compared', async () => {
    expect((await log(folder)).runs[0].tool.driver.semanticVersion).toMatch(/^\d+\.\d+\.\d+/);
  });

  it('names a file below the working folder from there, and any other with its whole address', async () => {
    const artifact = async (cwd: string): Promise<Artifact | undefined> =>
      (await log(cwd)).runs[0].results[0]?.locations[0].physicalLocation.artifactLocation;
    expect(await artifact(folder)).toEqual({ uri: 'a%20b.conf', uriBaseId: '%SRCROOT%' });
    expect(await artifact('/usr/share')).toEqual({
      uri: expect.stringMatching(/^file:\/\/\/.*\/a%20b\.conf$/),
    });
  });

  it('names a file without the dots of the way to it, which code hosts would not find', () => {
    const files = new Files();
    const path = './sites/../edge.conf';
    files.change(path, configuration);
    const report = reportSarif([lintFile(path, 'nginx', { cores: 1 }, files)], process.cwd());
    const [{ results }] = (JSON.parse(report) as Log).runs;
    expect(results[0]?.locations[0].physicalLocation.artifactLocation.uri).toBe('edge.conf');
  });

  it('places that are in the file, with the end behind the last character', async () => {
    const { results } = (await log(folder)).runs[0];
    const lines = configuration.split('\n');
    expect(results.length).toBeGreaterThan(2);
    for (const { locations, ruleId } of results) {
      const { startLine, startColumn, endLine, endColumn } = locations[0].physicalLocation.region;
      expect(startLine, ruleId).toBeGreaterThanOrEqual(1);
      expect(startColumn, ruleId).toBeGreaterThanOrEqual(1);
      expect(endLine, ruleId).toBeGreaterThanOrEqual(startLine);
      expect(endColumn, ruleId).toBeGreaterThan(endLine === startLine ? startColumn - 1 : 0);
      expect(endColumn, ruleId).toBeLessThanOrEqual((lines[endLine - 1]?.length ?? 0) + 1);
    }
  });

  it('carries what --fix would write', async () => {
    const fixes = (await log(folder)).runs[0].results.flatMap((result) => result.fixes ?? []);
    const texts = fixes.flatMap(({ artifactChanges }) =>
      artifactChanges.flatMap(({ replacements }) =>
        replacements.map(({ insertedContent }) => insertedContent.text),
      ),
    );
    expect(texts.join('\n')).toContain('proxy_set_header Upgrade $http_upgrade;');
  });
});
