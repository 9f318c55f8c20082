import { expect, it } from 'vitest';
import { defaultLimits } from '../../src/protocol/limits.ts';
import { limitRows, limitsTable, tableInPage } from './limits-table.ts';

it('every limit has its default and its reason in the table', () => {
  const rows = Object.fromEntries(limitRows().map(({ name, value }) => [name, value]));
  expect(rows).toEqual(defaultLimits);
  for (const { name, why } of limitRows()) expect(why, name).toMatch(/^\S.{20,}\.$/);
});

it('docs/limits.md has this very table', () => {
  expect(
    tableInPage(),
    'Run `npx tsx --conditions=source packages/holdfast/test/protocol/limits-table.ts` to bring it up to date.',
  ).toBe(limitsTable());
});
