import { ByteReader, ByteWriter, take, type Borrower } from './bytes.ts';
import { RECORDS_MAX } from './limits.ts';
import { schema, type Entry, type Field, type RecordType, type Top, type WireRecord } from './schema.ts';

/**
 * Records to bytes and back. A WebSocket message is one or more records, each its number followed by its
 * fields in the order of the schema (SPEC WIRE-2).
 */

type Layout = { type: RecordType; number: number; fields: [name: string, field: Field][] };
type Loose = { type: RecordType } & { [field: string]: unknown };

const layouts: Layout[] = Object.entries(schema).map(([type, [number, fields]]) => ({
  type: type as RecordType,
  number,
  fields: Object.entries(fields),
}));
const layoutOfType = new Map(layouts.map((layout) => [layout.type, layout]));
const layoutOfNumber: (Layout | undefined)[] = [];
for (const layout of layouts) layoutOfNumber[layout.number] = layout;

/** One for all: encoding is synchronous, so nobody else writes between the first record and `take`. */
const writer = new ByteWriter();

/** Encodes records into one WebSocket message. */
export function encode(records: readonly WireRecord[]): Uint8Array {
  for (const record of records) writeRecord(record);
  return take(writer);
}

/**
 * Encodes records into as few WebSocket messages of at most `bytesMax` as their order allows, and hands each to
 * `socket`, which must have taken its copy when it returns. A record that alone exceeds `bytesMax` makes a message
 * of its own: refusing it is the caller's business. `shortcut` is asked first, and says whether it wrote the record.
 */
export function encodeBatches(
  records: readonly WireRecord[],
  bytesMax: number,
  socket: Borrower,
  shortcut?: (record: WireRecord, writer: ByteWriter) => boolean,
): void {
  let count = 0;
  for (const record of records) {
    const before = writer.size;
    if (!shortcut?.(record, writer)) writeRecord(record);
    if (before > 0 && (writer.size > bytesMax || count === RECORDS_MAX)) {
      writer.lend(socket, before);
      count = 0;
    }
    count++;
  }
  if (writer.size > 0) writer.lend(socket);
}

function writeRecord(record: WireRecord): void {
  const layout = layoutOfType.get(record.type)!;
  writer.uint(layout.number);
  for (const [name, field] of layout.fields) writeField(field, (record as unknown as Loose)[name]);
}

function writeField(field: Field, value: unknown): void {
  switch (field.kind) {
    case 'uint':
      return writer.uint(value as number);
    case 'flag':
      return writer.uint(value ? 1 : 0);
    case 'text':
      return writer.text(value as string);
    case 'bytes':
      return writer.raw(value as Uint8Array);
    case 'choice':
      return writer.uint(field.of.indexOf(value as string));
    case 'entries': {
      // Offsets rise, so after the first each is written as its step from the one before.
      const list = value as readonly Entry[];
      writer.uint(list.length);
      let before = 0;
      for (const { offset, payload } of list) {
        writer.uint(offset - before);
        writer.raw(payload);
        before = offset;
      }
      return;
    }
    case 'tops': {
      const list = value as readonly Top[];
      writer.uint(list.length);
      for (const { alias, offset } of list) {
        writer.uint(alias);
        writer.uint(offset);
      }
    }
  }
}

/** Why a message could not be decoded. */
export type DecodeFailure =
  | 'unknown-record'
  | 'not-a-clients-record'
  | 'too-many-records'
  | 'malformed'
  | 'empty';

/** What a server makes of a number: the record, why it refuses it, or undefined where the table shall say it. */
type ReadAsServer = (number: number, reader: ByteReader) => WireRecord | DecodeFailure | undefined;

/**
 * Decodes one WebSocket message. Total: whatever the bytes, it returns, and allocates no more than a small
 * multiple of their length, because every count is checked against what is left (SPEC WIRE-5).
 * Payloads are views into `message`. `readAsServer` is asked first.
 */
export function decode(message: Uint8Array, readAsServer?: ReadAsServer): WireRecord[] | DecodeFailure {
  const reader = new ByteReader(message);
  const records: WireRecord[] = [];
  if (reader.remaining === 0) return 'empty';
  while (reader.remaining > 0) {
    const layout = layoutOfNumber[reader.uint()];
    if (reader.failed) return 'malformed';
    if (layout === undefined) return 'unknown-record';
    if (records.length === RECORDS_MAX) return 'too-many-records';
    const record = readAsServer?.(layout.number, reader) ?? readRecord(reader, layout);
    if (typeof record === 'string') return record;
    if (reader.failed) return 'malformed';
    records.push(record);
  }
  return records;
}

function readRecord(reader: ByteReader, { type, fields }: Layout): WireRecord {
  const record: Loose = { type };
  for (const [name, field] of fields) record[name] = readField(reader, field);
  return record as unknown as WireRecord;
}

function readField(reader: ByteReader, field: Field): unknown {
  switch (field.kind) {
    case 'uint':
      return reader.uint();
    case 'flag': {
      const value = reader.uint();
      return value > 1 ? reader.fail(false) : value === 1;
    }
    case 'text':
      return reader.text(field.bytesMax);
    case 'bytes':
      return reader.raw();
    case 'choice':
      return field.of[reader.uint()] ?? reader.fail(field.of[0]);
    case 'entries':
      return readEntries(reader);
    case 'tops':
      return readTops(reader);
  }
}

function readEntries(reader: ByteReader): Entry[] {
  const count = reader.uint();
  // An entry takes two bytes at least, so a declared count beyond that is a lie: refuse before allocating.
  if (count * 2 > reader.remaining) return reader.fail([]);
  const list: Entry[] = [];
  let offset = 0;
  for (let i = 0; i < count; i++) {
    const step = reader.uint();
    offset += step;
    if (step === 0 || offset > Number.MAX_SAFE_INTEGER) return reader.fail([]);
    list.push({ offset, payload: reader.raw() });
    if (reader.failed) return list;
  }
  return list;
}

function readTops(reader: ByteReader): Top[] {
  const count = reader.uint();
  if (count * 2 > reader.remaining || count > RECORDS_MAX) return reader.fail([]);
  const list: Top[] = [];
  for (let i = 0; i < count; i++) list.push({ alias: reader.uint(), offset: reader.uint() });
  return list;
}
