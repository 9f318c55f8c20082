import type { Product } from '../facts/rules/rule.ts';
import { detectProduct } from './detect.ts';
import { readDump } from './dump.ts';
import { STDIN, type Files } from './files.ts';
import type { Checked, LintContext } from './finding.ts';
import { checkApache } from './apache/check.ts';
import { checkCaddy } from './caddy/check.ts';
import { checkEnvoy } from './envoy/check.ts';
import { checkHaproxy } from './haproxy/check.ts';
import { checkKubernetes } from './kubernetes/check.ts';
import { checkTraefik } from './traefik/check.ts';
import { checkNginx } from './nginx/check.ts';
import { InputError, type SourceFile } from './source-file.ts';

type Check = (source: SourceFile, context: LintContext, files: Files) => Checked;

const checks: Readonly<Record<Product, Check>> = {
  nginx: checkNginx,
  envoy: checkEnvoy,
  traefik: checkTraefik,
  kubernetes: checkKubernetes,
  caddy: checkCaddy,
  apache: checkApache,
  haproxy: checkHaproxy,
};

export interface LintedFile extends Checked {
  readonly path: string;
  readonly product: Product;
}

/** Checks one configuration. Throws an InputError when it cannot be read or understood. */
export function lintFile(
  path: string,
  as: Product | undefined,
  context: LintContext,
  files: Files,
): LintedFile {
  const source = files.read(path);
  if (!/\S/.test(source.text)) throw new InputError(`${source.path} is empty: there is nothing to check.`);
  const dump = readDump(source.text);
  if (dump) return withoutEdits(lintFile(dump.root, 'nginx', context, files.on(dump)));
  const product = as ?? detectProduct(source);
  if (!product) {
    throw new InputError(
      `${source.path} does not look like a configuration of nginx, HAProxy, Apache, Caddy, Envoy, Traefik or Kubernetes; if it is one, name it with --as.`,
    );
  }
  try {
    const { findings, routes } = checks[product](source, context, files);
    const linted = { path: source.path, product, routes, findings: findings.toSorted(byPlace) };
    return path === STDIN ? withoutEdits(linted) : linted;
  } catch (error) {
    if (!(error instanceof InputError) || !templateMarks.test(source.text)) throw error;
    throw new InputError(
      `${error.message} (This looks like a template: render it, and check what comes out.)`,
    );
  }
}

/** Of what did not come from a file of this machine. */
function withoutEdits({ findings, ...linted }: LintedFile): LintedFile {
  return { ...linted, findings: findings.map((finding) => ({ ...finding, edits: [] })) };
}

/** Helm, Go and Jinja write the one, ERB and its like the other. */
const templateMarks = /\{\{|\{%|<%/;

function byPlace(a: Checked['findings'][number], b: Checked['findings'][number]): number {
  return (
    a.path.localeCompare(b.path) ||
    a.line - b.line ||
    a.column - b.column ||
    a.rule.id.localeCompare(b.rule.id)
  );
}
