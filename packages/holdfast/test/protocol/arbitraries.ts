import * as fc from 'fast-check';
import { schema, type Field, type RecordType, type WireRecord } from '../../src/protocol/schema.ts';

/** Values of each kind of field, and records made of them, out of the schema alone. */

const UINT_MAX = Number.MAX_SAFE_INTEGER;

/** The places where a varint grows by a byte, and the ends of its range, come as often as all others. */
export const anyUint: fc.Arbitrary<number> = fc.oneof(
  fc.maxSafeNat(),
  fc.integer({ min: 0, max: 300 }),
  fc
    .record({ groups: fc.integer({ min: 1, max: 7 }), step: fc.integer({ min: -1, max: 1 }) })
    .map(({ groups, step }) => 128 ** groups + step),
  fc.constantFrom(0, UINT_MAX - 1, UINT_MAX),
);

/** Text of every plane of Unicode, never beyond `bytesMax` bytes, and now and then exactly as long. */
export function anyText(bytesMax: number): fc.Arbitrary<string> {
  return fc.oneof(
    { weight: 6, arbitrary: fc.string({ unit: 'binary', maxLength: Math.min(40, bytesMax / 4) }) },
    { weight: 3, arbitrary: fc.string({ maxLength: Math.min(40, bytesMax) }) },
    { weight: 1, arbitrary: fc.constantFrom('', 'x'.repeat(bytesMax), 'ä'.repeat(bytesMax / 2)) },
  );
}

export const anyBytes: fc.Arbitrary<Uint8Array> = fc.uint8Array({ maxLength: 200 });

const anyEntries = fc
  .array(fc.record({ step: fc.integer({ min: 1, max: 2 ** 48 }), payload: anyBytes }), { maxLength: 6 })
  .map((list) => {
    let offset = 0;
    return list.map(({ step, payload }) => ({ offset: (offset += step), payload }));
  });

const anyTops = fc.array(fc.record({ alias: anyUint, offset: anyUint }), { maxLength: 6 });

export function anyField(field: Field): fc.Arbitrary<unknown> {
  switch (field.kind) {
    case 'uint':
      return anyUint;
    case 'flag':
      return fc.boolean();
    case 'text':
      return anyText(field.bytesMax);
    case 'bytes':
      return anyBytes;
    case 'choice':
      return fc.constantFrom(...field.of);
    case 'entries':
      return anyEntries;
    case 'tops':
      return anyTops;
  }
}

export const recordTypes = Object.keys(schema) as RecordType[];

export function anyRecordOf(type: RecordType): fc.Arbitrary<WireRecord> {
  const fields: Record<string, Field> = schema[type][1];
  const values = Object.entries(fields).map(([name, field]) => [name, anyField(field)] as const);
  return fc
    .record(Object.fromEntries(values))
    .map((record) => ({ type, ...record }) as unknown as WireRecord);
}

export const anyRecord: fc.Arbitrary<WireRecord> = fc.oneof(...recordTypes.map(anyRecordOf));
