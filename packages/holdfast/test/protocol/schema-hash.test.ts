import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { schema } from '../../src/protocol/schema.ts';
import { PROTOCOL_VERSION } from '../../src/protocol/version.ts';
import recorded from './schema-hashes.json' with { type: 'json' };

describe('the schema and its version', () => {
  it('[WIRE-6] the schema is the one that was recorded for this version', () => {
    const hash = createHash('sha256').update(canonical(schema)).digest('hex');
    expect(
      (recorded as Record<string, string>)[PROTOCOL_VERSION],
      `The schema has changed: its hash is now ${hash}. A released version's schema is final: give the change a ` +
        'new PROTOCOL_VERSION. Before 1.0, record the new hash in schema-hashes.json, run ' +
        '`npx tsx --conditions=source packages/holdfast/test/protocol/make-vectors.ts`, and say so in the changelog.',
    ).toBe(hash);
  });

  it('[WIRE-6] the hash sees numbers, the order of fields, bounds and choices', () => {
    const { hello, subscribe, ...others } = schema;
    const changes: unknown[] = [
      { ...schema, hello: [99, hello[1]] },
      { ...schema, hello: [1, Object.fromEntries(Object.entries(hello[1]).toReversed())] },
      { ...schema, hello: [1, { ...hello[1], token: { kind: 'text', bytesMax: 1 } }] },
      { ...schema, subscribe: [3, { ...subscribe[1], from: { kind: 'choice', of: ['start', 'now'] } }] },
      others,
    ];
    for (const changed of changes) expect(canonical(changed)).not.toBe(canonical(schema));
  });

  it('[WIRE-6] the hash does not see in which order records are written down', () => {
    const turned = Object.fromEntries(Object.entries(schema).toReversed());
    expect(canonical(turned)).toBe(canonical(schema));
  });

  it('[WIRE-2] every record has a number of its own, of one byte', () => {
    const numbers = Object.values(schema).map(([number]) => number);
    expect(new Set(numbers).size).toBe(numbers.length);
    for (const number of numbers) expect(number).toBeLessThan(128);
  });
});

/** Records sorted by name; a record's fields stay in their order, which is the order on the wire. */
function canonical(table: unknown): string {
  const entries = Object.entries(table as Record<string, [number, Record<string, object>]>);
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify(
    entries.map(([type, [number, fields]]) => [
      type,
      number,
      Object.entries(fields).map(([name, field]) => [name, Object.entries(field).sort()]),
    ]),
  );
}
