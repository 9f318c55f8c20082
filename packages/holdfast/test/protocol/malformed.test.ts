import { describe, expect, it } from 'vitest';
import { decode, encode } from '../../src/protocol/codec.ts';
import { schema, type Field, type RecordType, type WireRecord } from '../../src/protocol/schema.ts';

const text = (value: string): number[] => [...Buffer.from(value)];
const bytes = (...parts: (number | number[])[]): Uint8Array => Uint8Array.from(parts.flat());

const numberOf = (type: RecordType): number => schema[type][0];
const TOKEN = numberOf('token');
const UNSUBSCRIBE = numberOf('unsubscribe');
const PUBLISH = numberOf('publish');
const PING = numberOf('ping');
const MESSAGES = numberOf('messages');
const SUBSCRIBE = numberOf('subscribe');

describe('bytes that are no records', () => {
  it('[WIRE-2] an empty message is refused', () => {
    expect(decode(bytes())).toBe('empty');
  });

  it('[WIRE-2] every number that is no record’s is refused', () => {
    const numbers = new Set<number>(Object.values(schema).map(([number]) => number));
    for (let number = 0; number < 128; number++) {
      if (!numbers.has(number)) expect(decode(bytes(number, 0, 0, 0)), String(number)).toBe('unknown-record');
    }
    expect(decode(bytes(0x80, 0x01))).toBe('unknown-record');
  });

  it('[WIRE-2] a known record after which garbage follows spoils the whole message', () => {
    expect(decode(bytes(UNSUBSCRIBE, 1, 99))).toBe('unknown-record');
    expect(decode(bytes(UNSUBSCRIBE, 1, UNSUBSCRIBE))).toBe('malformed');
  });

  it('[WIRE-5] every record is refused when it is cut short anywhere', () => {
    for (const type of Object.keys(schema) as RecordType[]) {
      const whole = encode([sample(type)]);
      expect(decode(whole), type).toHaveLength(1);
      for (let length = 1; length < whole.length; length++) {
        expect(decode(whole.subarray(0, length)), `${type}, ${length} of ${whole.length}`).toBe('malformed');
      }
    }
  });
});

describe('uints', () => {
  it('[WIRE-3] are taken in their shortest form only', () => {
    expect(decode(bytes(UNSUBSCRIBE, 0x7f))).toEqual([{ type: 'unsubscribe', subscription: 127 }]);
    expect(decode(bytes(UNSUBSCRIBE, 0xff, 0x00))).toBe('malformed');
    expect(decode(bytes(UNSUBSCRIBE, 0x80, 0x00))).toBe('malformed');
    expect(decode(bytes(UNSUBSCRIBE, 0x80, 0x80, 0x00))).toBe('malformed');
  });

  it('[WIRE-3] a record’s own number too', () => {
    expect(decode(bytes(0x80 | UNSUBSCRIBE, 0x00, 1))).toBe('malformed');
  });

  it('[WIRE-3] end at 2⁵³ − 1', () => {
    const max = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f];
    expect(decode(bytes(UNSUBSCRIBE, max))).toEqual([
      { type: 'unsubscribe', subscription: Number.MAX_SAFE_INTEGER },
    ]);
    const over = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10];
    expect(decode(bytes(UNSUBSCRIBE, over))).toBe('malformed');
    expect(decode(bytes(UNSUBSCRIBE, [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]))).toBe('malformed');
    expect(decode(bytes(UNSUBSCRIBE, [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]))).toBe(
      'malformed',
    );
  });

  it('[WIRE-3] a flag is 0 or 1, a choice one of its list', () => {
    const welcome = encode([sample('welcome')]);
    expect(decode(welcome)).toHaveLength(1);
    // session "x", resumeToken "x", then the flag.
    expect(decode(Uint8Array.from(welcome, (byte, at) => (at === 5 ? 2 : byte)))).toBe('malformed');
    expect(decode(bytes(SUBSCRIBE, 1, 1, text('t'), 3, 0, 0))).toHaveLength(1);
    expect(decode(bytes(SUBSCRIBE, 1, 1, text('t'), 4, 0, 0))).toBe('malformed');
  });
});

describe('texts and bytes', () => {
  it('[WIRE-3] a text beyond its field’s bound is refused, one at the bound is taken', () => {
    for (const [type, [, fields]] of Object.entries(schema)) {
      for (const [name, field] of Object.entries(fields as Record<string, Field>)) {
        if (field.kind !== 'text') continue;
        const at = { ...sample(type as RecordType), [name]: 'x'.repeat(field.bytesMax) };
        const over = { ...at, [name]: 'x'.repeat(field.bytesMax + 1) };
        expect(decode(encode([at])), `${type}.${name}`).toEqual([at]);
        expect(decode(encode([over])), `${type}.${name}`).toBe('malformed');
      }
    }
  });

  it('[WIRE-3] the bound counts bytes, not characters', () => {
    expect(decode(encode([{ type: 'signal', topic: 'ä'.repeat(128), payload: bytes() }]))).toHaveLength(1);
    expect(decode(encode([{ type: 'signal', topic: 'ä'.repeat(129), payload: bytes() }]))).toBe('malformed');
  });

  it('[WIRE-5] a length past the end of the message is refused', () => {
    expect(decode(bytes(TOKEN, 3, text('ab')))).toBe('malformed');
    expect(decode(bytes(TOKEN, 0xff, 0x7f, text('ab')))).toBe('malformed');
    expect(decode(bytes(PUBLISH, 1, 1, text('t'), 5, 1, 2, 3, 4))).toBe('malformed');
    expect(decode(bytes(PUBLISH, 1, 1, text('t'), [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f]))).toBe(
      'malformed',
    );
  });

  // RFC 3629 §3 and §10: overlong forms, halves of surrogates, what is beyond U+10FFFF, loose continuations.
  const invalid = [
    [0xc0, 0x80],
    [0xe0, 0x80, 0xaf],
    [0xed, 0xa0, 0x80],
    [0xf4, 0x90, 0x80, 0x80],
    [0x80],
    [0xc3],
  ];
  it('[WIRE-3] invalid UTF-8 is refused in short texts and in long ones', () => {
    for (const wrong of invalid) {
      const short = [...text('a'), ...wrong];
      const long = [...text('a'.repeat(60)), ...wrong];
      expect(decode(bytes(TOKEN, short.length, short)), String(wrong)).toBe('malformed');
      expect(decode(bytes(TOKEN, long.length, long)), String(wrong)).toBe('malformed');
    }
  });
});

describe('lists', () => {
  it('[WIRE-5] a count beyond what is left is refused before anything is read', () => {
    const huge = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f];
    expect(decode(bytes(PING, 1, huge))).toBe('malformed');
    expect(decode(bytes(MESSAGES, 1, 1, 0, huge))).toBe('malformed');
    expect(decode(bytes(PING, 1, 2, 1, 1, 1))).toBe('malformed');
    expect(decode(bytes(MESSAGES, 1, 1, 0, 2, 1, 0))).toBe('malformed');
  });

  it('[WIRE-3] the offsets of a run rise strictly and stay below 2⁵³', () => {
    expect(decode(bytes(MESSAGES, 1, 1, 0, 2, 5, 0, 1, 0))).toHaveLength(1);
    expect(decode(bytes(MESSAGES, 1, 1, 0, 2, 5, 0, 0, 0))).toBe('malformed');
    const max = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f];
    expect(decode(bytes(MESSAGES, 1, 1, 0, 1, max, 0))).toHaveLength(1);
    expect(decode(bytes(MESSAGES, 1, 1, 0, 2, max, 0, 1, 0))).toBe('malformed');
  });
});

/** The smallest interesting record of a type. */
function sample(type: RecordType): WireRecord {
  const fields: Record<string, Field> = schema[type][1];
  const valueOf = (field: Field): unknown => {
    switch (field.kind) {
      case 'uint':
        return 300;
      case 'flag':
        return true;
      case 'text':
        return 'x';
      case 'bytes':
        return bytes(1, 2);
      case 'choice':
        return field.of.at(-1);
      case 'entries':
        return [{ offset: 4, payload: bytes(9) }];
      case 'tops':
        return [{ alias: 1, offset: 2 }];
    }
  };
  const values = Object.entries(fields).map(([name, field]) => [name, valueOf(field)]);
  return { type, ...Object.fromEntries(values) } as WireRecord;
}
