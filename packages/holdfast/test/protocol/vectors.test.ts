import { describe, expect, it } from 'vitest';
import { decode, encode } from '../../src/protocol/codec.ts';
import { PROTOCOL_VERSION } from '../../src/protocol/version.ts';
import { recordTypes } from './arbitraries.ts';
import { fromJson, hex, makeVectors, readVectors, toHex } from './make-vectors.ts';

const vectors = readVectors();

describe('vectors.json', () => {
  it('[WIRE-6] is what its script writes', () => {
    expect(vectors).toEqual(makeVectors());
  });

  it('[WIRE-6] is of this version and has every record, each three times', () => {
    expect(vectors.version).toBe(PROTOCOL_VERSION);
    const types = vectors.records.map(({ record }) => record.type);
    expect(types).toEqual(recordTypes.flatMap((type) => [type, type, type]));
  });

  it('[WIRE-6] every record is encoded to its bytes, and its bytes are decoded to it', () => {
    for (const { record, bytes } of vectors.records) {
      expect(toHex(encode([fromJson(record)])), record.type).toBe(bytes);
      expect(decode(hex(bytes)), record.type).toEqual([fromJson(record)]);
    }
  });

  it('[WIRE-6] so is every message of several records', () => {
    for (const { records, bytes } of vectors.messages) {
      expect(toHex(encode(records.map(fromJson)))).toBe(bytes);
      expect(decode(hex(bytes))).toEqual(records.map(fromJson));
    }
  });

  it('[WIRE-6] what must be refused is refused, for the reason given', () => {
    for (const { why, failure, bytes } of vectors.refused) expect(decode(hex(bytes)), why).toBe(failure);
  });

  // Written by hand from SPEC WIRE-2 and WIRE-3, so that the codec is not only compared with itself.
  it('[WIRE-3] bytes counted by hand', () => {
    expect(toHex(encode([{ type: 'unsubscribe', subscription: 300 }]))).toBe('04ac02');
    expect(toHex(encode([{ type: 'publish', sequence: 1, topic: 'news', payload: hex('7b7d') }]))).toBe(
      '0501046e657773027b7d',
    );
    const entries = [
      { offset: 130, payload: hex('31') },
      { offset: 131, payload: hex('32') },
    ];
    expect(toHex(encode([{ type: 'messages', alias: 2, epoch: 1, previous: 129, entries }]))).toBe(
      '13020181010282010131010132',
    );
  });
});
