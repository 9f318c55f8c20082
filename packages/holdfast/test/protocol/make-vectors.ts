import { readFileSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { encode } from '../../src/protocol/codec.ts';
import { schema, type Field, type RecordType, type WireRecord } from '../../src/protocol/schema.ts';
import { PROTOCOL_VERSION } from '../../src/protocol/version.ts';

/**
 * Writes vectors.json: each record with its bytes, for clients in other languages (SPEC WIRE-6). Bytes, and
 * payloads within records, are hexadecimal; a number is what it is, as all are below 2^53.
 *
 *   npx tsx --conditions=source packages/holdfast/test/protocol/make-vectors.ts
 */

export interface Vectors {
  version: string;
  records: { record: JsonRecord; bytes: string }[];
  /** Several records in one message. */
  messages: { records: JsonRecord[]; bytes: string }[];
  /** Bytes that must be refused, and why. */
  refused: { why: string; failure: string; bytes: string }[];
}

export type JsonRecord = { type: string } & Record<string, unknown>;

export const vectorsFile = new URL('./vectors.json', import.meta.url);

/** Per kind, the values that a record's first, second and third vector take. */
const values: { [K in Field['kind']]: (field: Field & { kind: K }) => unknown[] } = {
  uint: () => [0, 300, Number.MAX_SAFE_INTEGER],
  flag: () => [false, true, true],
  text: ({ bytesMax }) => ['', 'Grüße, 世界 🚲', 'n'.repeat(Math.min(bytesMax, 200))],
  bytes: () => [hex(''), hex('00ff10'), hex('7b226e223a317d')],
  choice: ({ of }) => [of[0], of[1 % of.length], of.at(-1)],
  entries: () => [
    [],
    [{ offset: 1, payload: hex('31') }],
    [
      { offset: 7, payload: hex('') },
      { offset: 8, payload: hex('00ff') },
      { offset: 1_000_000, payload: hex('22c3a422') },
    ],
  ],
  tops: () => [
    [],
    [{ alias: 1, offset: 0 }],
    [
      { alias: 127, offset: 128 },
      { alias: 128, offset: 2 ** 40 },
    ],
  ],
};

const valuesOf = (field: Field): unknown[] => (values[field.kind] as (field: Field) => unknown[])(field);

const numberOf = (type: RecordType): string => toHex(Uint8Array.of(schema[type][0]));

const refused: Vectors['refused'] = [
  { why: 'no record at all', failure: 'empty', bytes: '' },
  { why: 'no record has the number 0', failure: 'unknown-record', bytes: '00' },
  { why: 'no record has the number 127', failure: 'unknown-record', bytes: '7f01' },
  { why: 'an unsubscribe without its number', failure: 'malformed', bytes: numberOf('unsubscribe') },
  {
    why: 'a uint that is not in its shortest form',
    failure: 'malformed',
    bytes: `${numberOf('unsubscribe')}8100`,
  },
  { why: 'a uint of 2^53', failure: 'malformed', bytes: `${numberOf('unsubscribe')}8080808080808010` },
  { why: 'a text that ends behind the message', failure: 'malformed', bytes: `${numberOf('token')}036162` },
  { why: 'a text that is no UTF-8', failure: 'malformed', bytes: `${numberOf('token')}02c080` },
  {
    why: 'a topic of 257 bytes',
    failure: 'malformed',
    bytes: `${numberOf('signal')}8102${'6e'.repeat(257)}00`,
  },
  {
    why: 'a choice that does not exist',
    failure: 'malformed',
    bytes: `${numberOf('subscribe')}010174040000`,
  },
  {
    why: 'a list that ends behind the message',
    failure: 'malformed',
    bytes: `${numberOf('ping')}0102010101`,
  },
  {
    why: 'an offset that does not rise',
    failure: 'malformed',
    bytes: `${numberOf('messages')}01010002050000`,
  },
];

export function makeVectors(): Vectors {
  const types = Object.keys(schema) as RecordType[];
  const samples = types.flatMap((type) => [0, 1, 2].map((index) => sample(type, index)));
  const messages = [
    [sample('hello', 1), sample('subscribe', 1), sample('publish', 1)],
    [sample('welcome', 1), sample('subscribed', 0), sample('gap', 2), sample('messages', 2)],
  ];
  return {
    version: PROTOCOL_VERSION,
    records: samples.map((record) => ({ record: toJson(record), bytes: toHex(encode([record])) })),
    messages: messages.map((records) => ({ records: records.map(toJson), bytes: toHex(encode(records)) })),
    refused,
  };
}

function sample(type: RecordType, index: number): WireRecord {
  const fields: Record<string, Field> = schema[type][1];
  const pairs = Object.entries(fields).map(([name, field]) => [name, valuesOf(field)[index]]);
  return { type, ...Object.fromEntries(pairs) } as WireRecord;
}

/** Bytes as hexadecimal text, wherever they stand in a record. */
function toJson(record: WireRecord): JsonRecord {
  return JSON.parse(
    JSON.stringify(record, (_, value: unknown) => (value instanceof Uint8Array ? toHex(value) : value)),
  ) as JsonRecord;
}

/** The way back: only `payload` holds bytes. */
export function fromJson(record: JsonRecord): WireRecord {
  return JSON.parse(JSON.stringify(record), (name, value: unknown) =>
    name === 'payload' ? hex(value as string) : value,
  ) as WireRecord;
}

export function hex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'hex'));
}

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

export function readVectors(): Vectors {
  return JSON.parse(readFileSync(vectorsFile, 'utf8')) as Vectors;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  writeFileSync(vectorsFile, `${JSON.stringify(makeVectors(), null, 2)}\n`);
}
