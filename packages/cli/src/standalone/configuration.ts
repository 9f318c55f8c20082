import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument, type Document, type Node } from 'yaml';
import { BadInput } from '../bad-input.ts';
import { nearestOf } from '../nearest.ts';
import { flagOf, settingOf, settings, variableOf, type Setting } from './settings.ts';

/** Where a value was written, for errors: `holdfast.yaml:3:9`, `HOLDFAST_PORT` or `--port`. */
type Place = string;

/** Everything that was set, as plain data: workers are given it by the supervisor. */
export type GivenValues = readonly (readonly [path: string, given: { value: unknown; place: Place }])[];

/** What was given, from the file, the environment and the flags, the latter before the former. */
export class Configuration {
  private readonly values: Map<string, { value: unknown; place: Place }>;

  constructor(given: GivenValues = []) {
    this.values = new Map(given);
  }

  given(): GivenValues {
    return [...this.values];
  }

  set(path: string, value: unknown, place: Place): void {
    this.values.set(path, { value, place });
  }

  isSet(path: string): boolean {
    return this.values.has(path);
  }

  text(path: string): string | undefined {
    return this.values.get(path)?.value as string | undefined;
  }

  count(path: string, fallback: number): number;
  count(path: string, fallback?: number): number | undefined;
  count(path: string, fallback?: number): number | undefined {
    return (this.values.get(path)?.value as number | undefined) ?? fallback;
  }

  texts(path: string): readonly string[] | undefined {
    return this.values.get(path)?.value as readonly string[] | undefined;
  }

  table(path: string): Readonly<Record<string, unknown>> | undefined {
    return this.values.get(path)?.value as Readonly<Record<string, unknown>> | undefined;
  }

  /** The content of a file that a setting names, without the line's end; or the setting that holds it itself. */
  secret(path: string): string | undefined {
    const file = this.text(`${path}File`);
    if (file === undefined) return this.text(path);
    if (this.text(path) !== undefined) this.fail(`${path}File`, `is given beside ${path}; give one of them`);
    const content = this.read(`${path}File`).trim();
    return content === '' ? this.fail(`${path}File`, 'names a file that is empty') : content;
  }

  /** The content of the file that a setting names. */
  read(path: string): string {
    try {
      return readFileSync(this.text(path)!, 'utf8');
    } catch (error) {
      return this.fail(path, `names a file that can’t be read (${(error as NodeJS.ErrnoException).code})`);
    }
  }

  /** What is wrong with a setting, and where it stands. */
  fail(path: string, text: string): never {
    throw new BadInput(`${this.placeOf(path)}${path} ${text}.`);
  }

  /** Where a setting was written, as an error begins. */
  placeOf(path: string): string {
    const place = this.values.get(path)?.place;
    return place === undefined ? '' : `${place}: `;
  }
}

export interface Sources {
  /** The configuration file, if any. */
  readonly file?: string | undefined;
  /** Flags by their setting's path. */
  readonly flags: ReadonlyMap<string, string>;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
}

/** Reads all of it. Throws BadInput that points at the line, the variable or the flag. */
export function readConfiguration({ file, flags, env, cwd }: Sources): Configuration {
  const configuration = new Configuration();
  if (file !== undefined) readFile(configuration, resolve(cwd, file), file);
  for (const { path, kind, fileOnly } of settings) {
    if (fileOnly) continue;
    for (const [place, text] of [
      [variableOf(path), env[variableOf(path)]],
      [flagOf(path), flags.get(path)],
    ] as const) {
      if (text !== undefined) configuration.set(path, parseText(kind, text, place), place);
    }
  }
  return configuration;
}

function readFile(configuration: Configuration, path: string, name: string): void {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new BadInput(`${name} can’t be read (${(error as NodeJS.ErrnoException).code}).`);
  }
  const lines = new LineCounter();
  // JSON is YAML, too.
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const at = (offset: number | undefined): Place => {
    const { line, col } = lines.linePos(offset ?? 0);
    return `${name}:${line}:${col}`;
  };
  const [error] = document.errors;
  if (error) throw new BadInput(`${at(error.pos[0])}: ${error.message}`);
  if (document.contents === null) return;
  readNode(configuration, document, document.contents as Node, '', at);
}

function readNode(
  configuration: Configuration,
  document: Document,
  written: Node,
  path: string,
  at: (offset: number | undefined) => Place,
): void {
  const place = at(written.range?.[0]);
  // What was written once may stand for itself elsewhere (YAML 1.2, 3.2.2.2).
  const node = isAlias(written) ? written.resolve(document) : written;
  if (!node) throw new BadInput(`${place}: ${path} names an anchor that is not there before it.`);
  const known = settingOf.get(path);
  if (known) return configuration.set(path, parseNode(known, document, node, place), place);
  if (!isMap(node)) throw new BadInput(`${place}: ${path || 'the file'} must be a table of settings.`);
  for (const { key, value } of node.items) {
    const name = String(isScalar(key) ? key.value : key);
    const inner = path === '' ? name : `${path}.${name}`;
    const isBranch = settings.some((each) => each.path.startsWith(`${inner}.`));
    const keyPlace = at((key as Node).range?.[0]);
    if (!settingOf.has(inner) && !isBranch) throw new BadInput(`${keyPlace}: ${unknownText(inner)}`);
    if (value === null || (isScalar(value) && value.value === null))
      throw new BadInput(`${keyPlace}: ${inner} has no value; give one, or leave the line out.`);
    readNode(configuration, document, value as Node, inner, at);
  }
}

function parseNode({ kind, path, isSecret }: Setting, document: Document, node: Node, place: Place): unknown {
  const value = valueOf(document, node, `${place}: ${path}`);
  const wrong = (wanted: string): never => {
    const given = isSecret ? '' : `, not ${JSON.stringify(value)}`;
    throw new BadInput(`${place}: ${path} must be ${wanted}${given}.`);
  };
  switch (kind) {
    case 'text':
      return typeof value === 'string' && value !== '' ? value : wrong('a text');
    case 'texts':
      if (!isSeq(node) || !(value as unknown[]).every((each) => typeof each === 'string'))
        return wrong('a list of texts');
      return value;
    case 'table':
      return isMap(node) ? value : wrong('a table');
    case 'port':
    case 'count':
      return checkNumber(kind, value) ?? wrong(wantedNumber[kind]);
  }
}

/** Throws BadInput for an alias of nothing, and for aliases of aliases that would never end. */
function valueOf(document: Document, node: Node, where: string): unknown {
  try {
    return node.toJS(document) as unknown;
  } catch (error) {
    throw new BadInput(`${where}: ${(error as Error).message}.`);
  }
}

function parseText(kind: Setting['kind'], text: string, place: Place): unknown {
  const wrong = (wanted: string): never => {
    const hint = /^(tcp|udp):\/\//.test(text) ? kubernetesHint : '';
    throw new BadInput(`${place} must be ${wanted}, not ${JSON.stringify(text)}.${hint}`);
  };
  if (text === '') return wrong('given a value');
  switch (kind) {
    case 'texts':
      return text.split(',').map((part) => part.trim());
    case 'port':
    case 'count':
      return (
        checkNumber(kind, /^\d[\d_]*$/.test(text) ? Number(text.replaceAll('_', '')) : NaN) ??
        wrong(wantedNumber[kind])
      );
    default:
      return text;
  }
}

/** In pods there is such a variable for each service of the namespace, unless they say that they want none. */
const kubernetesHint =
  ' Kubernetes sets this for a service of that name: set enableServiceLinks: false in the pod, or the variable yourself.';

/** Most are times, and no timer of Node.js runs longer: past it, it would fire at once. */
const COUNT_MAX = 2 ** 31 - 1;
const wantedNumber = { port: 'a port from 0 to 65535', count: `a whole number from 1 to ${COUNT_MAX}` };

function checkNumber(kind: 'port' | 'count', value: unknown): number | undefined {
  if (!Number.isSafeInteger(value)) return undefined;
  const number = value as number;
  if (kind === 'port') return number >= 0 && number <= 65_535 ? number : undefined;
  return number > 0 && number <= COUNT_MAX ? number : undefined;
}

/** Says what there is instead: a typo is the most likely reason. */
export function unknownText(path: string): string {
  const branches = settings.flatMap((each) => each.path.split('.').slice(0, -1));
  const nearest = nearestOf(path, [...new Set([...settings.map((each) => each.path), ...branches])]);
  const hint = nearest ? `did you mean ${nearest}?` : 'holdfast serve --help lists all.';
  return `${path} is not a setting; ${hint}`;
}
