import { expect, it } from 'vitest';
import { catalogue, type RuleId } from '../../src/facts/rules/catalogue.ts';
import type { Product } from '../../src/facts/rules/rule.ts';
import { Files } from '../../src/lint/files.ts';
import type { Finding, LintContext } from '../../src/lint/finding.ts';
import { fixFile } from '../../src/lint/fix.ts';
import { lintFile, type LintedFile } from '../../src/lint/lint.ts';

export interface RuleExample {
  readonly rule: RuleId;
  /** What is special about it, when a rule has several examples. */
  readonly when?: string;
  readonly context?: Partial<LintContext>;
  readonly wrong: string;
  /** The finding stands on the first line that begins with this text, or else holds it. */
  readonly on: string;
  readonly right: string;
}

const PATH = '/conf/example';

export function lintText(product: Product, text: string, context: Partial<LintContext> = {}): LintedFile {
  const files = new Files();
  files.change(PATH, text);
  return lintFile(PATH, product, { cores: 1, ...context }, files);
}

export function idsOf(linted: LintedFile): string[] {
  return [...new Set(linted.findings.map(({ rule }) => rule.id))].toSorted();
}

/** Every example is found where it says, is gone in the right version, and its fix mends it for good. */
export function testExamples(product: Product, examples: readonly RuleExample[]): void {
  it('leave no rule without an example', () => {
    const rules = catalogue.filter((rule) => rule.product === product).map(({ id }) => id);
    expect([...new Set(examples.map(({ rule }) => rule))].toSorted()).toEqual(rules.toSorted());
  });

  for (const example of examples) {
    const { rule, when, context = {}, wrong, on, right } = example;
    it(`[${rule}] is found${when ? ` ${when}` : ''}, and is gone when it is right`, () => {
      const found = lintText(product, wrong, context).findings.filter((finding) => finding.rule.id === rule);
      expect(found.map(({ line }) => line)).toContain(lineOf(wrong, on));
      expect(idsOf(lintText(product, right, context))).not.toContain(rule);
      for (const finding of found) expectMended(product, wrong, context, finding);
    });
  }
}

/** The text after `--fix`. */
export function fixText(product: Product, text: string): string {
  const files = new Files();
  files.change(PATH, text);
  fixFile(PATH, product, { cores: 1 }, files);
  return files.read(PATH).text;
}

function lineOf(text: string, part: string): number {
  const lines = text.split('\n').map((line) => line.trim());
  const starting = lines.findIndex((line) => line.startsWith(part));
  const index = starting === -1 ? lines.findIndex((line) => line.includes(part)) : starting;
  expect(index, `the example holds "${part}"`).toBeGreaterThanOrEqual(0);
  return index + 1;
}

function expectMended(
  product: Product,
  wrong: string,
  context: Partial<LintContext>,
  { rule, edits }: Finding,
): void {
  if (edits.length === 0) return;
  const files = new Files();
  files.change(PATH, wrong);
  const { linted } = fixFile(PATH, product, { cores: 1, ...context }, files);
  const left = linted.findings.filter((finding) => finding.edits.length > 0);
  expect(
    left.map((finding) => finding.rule.id),
    `after the fix of ${rule.id}:\n${files.read(PATH).text}`,
  ).toEqual([]);
}
