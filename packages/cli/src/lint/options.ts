import { availableParallelism } from 'node:os';
import { parseArguments } from '../arguments.ts';
import type { Product } from '../facts/rules/rule.ts';
import { products } from './detect.ts';
import { parseDurationMs } from './durations.ts';
import type { LintContext } from './finding.ts';

export type Format = 'text' | 'json' | 'sarif';

export type LintOptions =
  | { readonly kind: 'help' }
  /** The arguments make no sense; the text says which. */
  | { readonly kind: 'wrong'; readonly complaint: string }
  | {
      readonly kind: 'lint';
      readonly paths: readonly string[];
      readonly as?: Product;
      readonly format: Format;
      readonly fix: boolean;
      readonly skipsMissing: boolean;
      readonly context: LintContext;
    };

export const lintHelp = `holdfast lint FILE …: what in a proxy's configuration breaks WebSockets, and the line that mends it

  --heartbeat 25s         the interval of your heartbeat (without it: sockets may be silent for ever)
  --connections 20000     sockets to be held at the same time
  --path /ws              where clients open the WebSocket (without it: guessed from names and headers)
  --as PRODUCT            ${products.join(', ')} (without it: recognised)
  --product-version 1.28  the version of the proxy, where a default has changed
  --cores N               processors of the machine, for "auto" (without it: those of this one)
  --skip-missing          passes over includes that are not on this machine
  --fix                   writes the changes that are safe
  --format FORMAT         text, json or sarif

Includes are followed. FILE may be what "nginx -T" prints, with all its includes, and - is standard input:

  docker exec web nginx -T | holdfast lint -

Exit codes: 0 clean (notes do not count), 1 findings, 2 a file could not be read or understood.
`;

const flags = {
  heartbeat: { type: 'string' },
  connections: { type: 'string' },
  path: { type: 'string' },
  as: { type: 'string' },
  'product-version': { type: 'string' },
  cores: { type: 'string' },
  fix: { type: 'boolean' },
  'skip-missing': { type: 'boolean' },
  format: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

const wrong = (complaint: string): LintOptions => ({ kind: 'wrong', complaint });

export function parseLintOptions(args: readonly string[]): LintOptions {
  let parsed;
  try {
    parsed = parseArguments(args, flags);
  } catch (error) {
    return wrong((error as Error).message);
  }
  const { values, positionals: paths } = parsed;
  if (values.help) return { kind: 'help' };
  if (paths.length === 0) return wrong('Name at least one file to check.');
  const format = values.format ?? 'text';
  if (format !== 'text' && format !== 'json' && format !== 'sarif')
    return wrong(`--format is text, json or sarif, not "${format}".`);
  const as = products.find((product) => product === values.as);
  if (values.as !== undefined && !as)
    return wrong(`--as is one of ${products.join(', ')}, not "${values.as}".`);
  const context = parseContext(values);
  if (typeof context === 'string') return wrong(context);
  return {
    kind: 'lint',
    paths,
    format,
    fix: values.fix ?? false,
    skipsMissing: values['skip-missing'] ?? false,
    context,
    ...(as && { as }),
  };
}

type Values = { readonly [name in keyof typeof flags]?: string | boolean | undefined };

/** The context, or what is wrong with it. */
function parseContext(values: Values): LintContext | string {
  const heartbeatMs = parseDurationMs(String(values.heartbeat ?? ''), Number.NaN);
  if (values.heartbeat !== undefined && !(heartbeatMs && heartbeatMs > 0)) {
    return `--heartbeat is a time such as 25s, not "${values.heartbeat}".`;
  }
  for (const name of ['connections', 'cores'] as const) {
    const text = values[name];
    if (text !== undefined && !/^[1-9]\d{0,8}$/.test(String(text)))
      return `--${name} is a whole number above 0, not "${text}".`;
  }
  const path = values.path === undefined ? undefined : String(values.path);
  if (path !== undefined && !path.startsWith('/')) return `--path begins with a slash; "${path}" does not.`;
  const version = values['product-version'];
  // What a program says of itself ("v2.8.4", "nginx/1.29.7") would be taken for an old version.
  if (version !== undefined && !/^\d+(\.\d+){0,3}$/.test(String(version)))
    return `--product-version is something like 1.28.0, not "${version}".`;
  return {
    cores: values.cores === undefined ? availableParallelism() : Number(values.cores),
    ...(heartbeatMs !== undefined && { heartbeatMs }),
    ...(values.connections !== undefined && { connections: Number(values.connections) }),
    ...(path !== undefined && { path }),
    ...(version !== undefined && { productVersion: String(version) }),
  };
}
