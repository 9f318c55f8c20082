import type { ByteReader, ByteWriter } from './bytes.ts';
import type { DecodeFailure } from './codec.ts';
import { NAME_BYTES_MAX } from './limits.ts';
import { schema, type WireRecord } from './schema.ts';

/**
 * The records that a server reads and writes most, by hand: walking the schema for them costs several times as
 * much. The codec asks here first, so it stands in for the table and must say the same (SPEC WIRE-2); the tests
 * of the codec hold the two together.
 */

const [REQUEST] = schema.request;
const [PUBLISH] = schema.publish;
const [PONG] = schema.pong;
const [REPLY] = schema.reply;
const [PUBLISHED] = schema.published;
const [MESSAGES] = schema.messages;

/** Records numbered from here come from servers only. */
const FIRST_OF_SERVER = 16;

/** For a server: what only a server may say is refused before its lists are looked at (SPEC WIRE-5). */
export function readHot(number: number, reader: ByteReader): WireRecord | DecodeFailure | undefined {
  if (number >= FIRST_OF_SERVER) return 'not-a-clients-record';
  // Fields are evaluated in the order in which they stand here, which is the schema's.
  if (number === REQUEST)
    return {
      type: 'request',
      request: reader.uint(),
      finished: reader.uint(),
      method: reader.text(NAME_BYTES_MAX),
      payload: reader.raw(),
    };
  if (number === PUBLISH)
    return {
      type: 'publish',
      sequence: reader.uint(),
      topic: reader.text(NAME_BYTES_MAX),
      payload: reader.raw(),
    };
  if (number === PONG) return { type: 'pong', id: reader.uint(), finished: reader.uint() };
  return undefined;
}

/** A run for all who follow its topic: whoever sends it to them has a writer of its own, and lends them the bytes. */
export function writeRun(
  { alias, epoch, previous, entries }: Omit<WireRecord<'messages'>, 'type'>,
  writer: ByteWriter,
): void {
  writer.uint(MESSAGES);
  writer.uint(alias);
  writer.uint(epoch);
  writer.uint(previous);
  writer.uint(entries.length);
  let before = 0;
  for (const { offset, payload } of entries) {
    writer.uint(offset - before);
    writer.raw(payload);
    before = offset;
  }
}

/** False when the record is none of these, and nothing was written. */
export function writeHot(record: WireRecord, writer: ByteWriter): boolean {
  if (record.type === 'reply') {
    writer.uint(REPLY);
    writer.uint(record.request);
    writer.raw(record.payload);
    return true;
  }
  if (record.type === 'published') {
    writer.uint(PUBLISHED);
    writer.uint(record.sequence);
    writer.uint(record.epoch);
    writer.uint(record.offset);
    return true;
  }
  if (record.type === 'messages') {
    writeRun(record, writer);
    return true;
  }
  return false;
}
