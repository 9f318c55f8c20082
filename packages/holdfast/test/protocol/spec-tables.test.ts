import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { closeCodes, closeNameOf, type CloseName } from '../../src/protocol/close-codes.ts';
import { errorCodes } from '../../src/protocol/error-codes.ts';

const spec = readFileSync(new URL('../../../../SPEC.md', import.meta.url), 'utf8');

describe('the closed lists and their tables in SPEC.md', () => {
  it('[CLOSE-2] every close has its code, its retry and its advice in the table, and the table has no other', () => {
    const rows = tableAfter('**CLOSE-2**').map(([reason, code, retry, advice]) => {
      expect(advice, reason).toMatch(/\w.*\.$/);
      return { name: unquoted(reason!), code: Number(code), retry };
    });
    const inCode = Object.entries(closeCodes).map(([name, { code, retry }]) => ({ name, code, retry }));
    expect(rows).toEqual(inCode);
  });

  it('[CLOSE-2] codes and names belong to each other, and codes of others have no name', () => {
    for (const [name, { code }] of Object.entries(closeCodes)) expect(closeNameOf(code)).toBe(name);
    for (const code of [0, 1002, 1005, 1006, 1015, 3000, 4999]) expect(closeNameOf(code)).toBeUndefined();
  });

  it('[CLOSE-1] every code of ours is one that an endpoint may send', () => {
    // RFC 6455 §7.4.1 and §7.4.2: 1004 to 1006 and 1015 are never sent; 4000 to 4999 are for private use.
    for (const name of Object.keys(closeCodes) as CloseName[]) {
      const { code } = closeCodes[name];
      expect([1000, 1001, 1008, 1009, 1011].includes(code) || (code >= 4000 && code <= 4999), name).toBe(
        true,
      );
    }
  });

  it('[ERR-1] every error has its advice in the table, and the table has no other', () => {
    const inTable = tableAfter('**ERR-1**').flatMap(([codes, advice]) => {
      expect(advice, codes).toMatch(/\w.*\.$/);
      return codes!.split(',').map((code) => unquoted(code.trim()));
    });
    expect(inTable).toEqual([...errorCodes]);
  });
});

/** The cells of the first table behind a rule, without its head. */
function tableAfter(rule: string): string[][] {
  const lines = spec.slice(spec.indexOf(rule)).split('\n');
  const first = lines.findIndex((line) => line.startsWith('|'));
  const rows: string[][] = [];
  for (const line of lines.slice(first + 2)) {
    if (!line.startsWith('|')) break;
    rows.push(
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
  }
  expect(rows.length, rule).toBeGreaterThan(5);
  return rows;
}

function unquoted(cell: string): string {
  const [, name] = /^`([^`]+)`$/.exec(cell) ?? [];
  expect(name, cell).toBeDefined();
  return name!;
}
