import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteWriter, take } from '../../src/protocol/bytes.ts';
import { decode, encode, encodeBatches } from '../../src/protocol/codec.ts';
import { readHot, writeHot } from '../../src/protocol/hot-records.ts';
import { jsonCodec } from '../../src/protocol/payload.ts';
import type { WireRecord } from '../../src/protocol/schema.ts';
import { anyRecord, anyRecordOf, recordTypes } from './arbitraries.ts';

describe('records and their bytes', () => {
  for (const type of recordTypes) {
    it(`[WIRE-2] ${type} comes back from its bytes as it was`, () => {
      fc.assert(
        fc.property(anyRecordOf(type), (record) => {
          expect(decode(encode([record]))).toEqual([record]);
        }),
      );
    });
  }

  it('[WIRE-2] what a server reads and writes by hand is what the table says', () => {
    fc.assert(
      fc.property(fc.oneof(anyRecordOf('request'), anyRecordOf('publish')), (record) => {
        expect(decode(encode([record]), readHot)).toEqual([record]);
      }),
    );
    fc.assert(
      fc.property(
        fc.oneof(anyRecordOf('reply'), anyRecordOf('published'), anyRecordOf('messages')),
        (record) => {
          const writer = new ByteWriter();
          expect(writeHot(record, writer)).toBe(true);
          expect(take(writer)).toEqual(encode([record]));
        },
      ),
    );
  });

  it('[WIRE-2] many records in one message come back in their order', () => {
    fc.assert(
      fc.property(fc.array(anyRecord, { minLength: 1, maxLength: 12 }), (records) => {
        expect(decode(encode(records))).toEqual(records);
      }),
    );
  });

  it('[WIRE-4] a payload is every byte that there is, in place', () => {
    const payload = Uint8Array.from({ length: 256 }, (_, value) => value);
    const records = decode(encode([{ type: 'publish', sequence: 1, topic: 't', payload }]));
    expect(records).toEqual([{ type: 'publish', sequence: 1, topic: 't', payload }]);
  });

  it('[WIRE-3] a byte order mark belongs to the text', () => {
    for (const token of ['\uFEFFshort', `\uFEFF${'long '.repeat(20)}`]) {
      expect(decode(encode([{ type: 'token', token }]))).toEqual([{ type: 'token', token }]);
    }
  });
});

describe('batches', () => {
  it('[WIRE-7] records keep their order and no batch exceeds the bound, except for one record that does alone', () => {
    fc.assert(
      fc.property(
        fc.array(anyRecord, { maxLength: 20 }),
        fc.integer({ min: 1, max: 2_000 }),
        (records, bytesMax) => {
          const batches = batchesOf(records, bytesMax);
          const decoded = batches.map((batch) => decode(batch));
          expect(decoded.flat()).toEqual(records);
          for (const [index, batch] of batches.entries()) {
            if (batch.length > bytesMax) expect(decoded[index]).toHaveLength(1);
          }
        },
      ),
    );
  });

  it('[WIRE-7] what fits leaves as one message', () => {
    const ping = { type: 'ping', id: 7, tops: [] } as const;
    expect(
      batchesOf(
        Array.from({ length: 500 }, () => ping),
        1_048_576,
      ),
    ).toHaveLength(1);
  });

  it('[WIRE-7] a batch of nothing is no message', () => {
    expect(batchesOf([], 1_000)).toEqual([]);
  });

  it('[WIRE-7] a huge message leaves nothing behind in the next', () => {
    const payload = new Uint8Array(3_000_000).fill(7);
    encode([{ type: 'reply', request: 1, payload }]);
    expect(decode(encode([{ type: 'unsubscribe', subscription: 3 }]))).toEqual([
      { type: 'unsubscribe', subscription: 3 },
    ]);
  });
});

describe('the JSON payload codec', () => {
  it('[WIRE-4] gives back every JSON value', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        // JSON has one zero (RFC 8259 §6), so the value that is compared went through its text once.
        const plain = JSON.parse(JSON.stringify(value)) as unknown;
        expect(jsonCodec.decode(jsonCodec.encode(value))).toEqual(plain);
      }),
    );
  });

  it('[WIRE-4] carries undefined as no bytes', () => {
    expect(jsonCodec.encode(undefined)).toHaveLength(0);
    expect(jsonCodec.decode(new Uint8Array(0))).toBeUndefined();
  });
});

function batchesOf(records: readonly WireRecord[], bytesMax: number): Uint8Array[] {
  const batches: Uint8Array[] = [];
  // The bytes are lent for the time of the call.
  encodeBatches(records, bytesMax, { send: (bytes) => void batches.push(bytes.slice()) });
  return batches;
}
