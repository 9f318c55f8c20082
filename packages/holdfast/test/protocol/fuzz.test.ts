import * as fc from 'fast-check';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { decode, encode } from '../../src/protocol/codec.ts';
import { readHot } from '../../src/protocol/hot-records.ts';
import { RECORDS_MAX } from '../../src/protocol/limits.ts';
import { schema, type WireRecord } from '../../src/protocol/schema.ts';
import { anyRecord } from './arbitraries.ts';
import { Random } from './random.ts';

const INPUTS = 1_000_000;
const SEED = 20_240_817;
const failures = new Set<string>(['empty', 'malformed', 'unknown-record']);

/** Bytes at which decoders break: the ends of a varint's groups, and the largest of them. */
const interesting = [0, 1, 2, 0x7f, 0x80, 0x81, 0xc0, 0xff];

describe('decoding what a hostile peer sends', () => {
  it(`[WIRE-5] ${INPUTS} random and mutated messages give records or a failure, within their own length`, () => {
    const random = new Random(SEED);
    const corpus = fc.sample(fc.array(anyRecord, { minLength: 1, maxLength: 3 }), {
      numRuns: 400,
      seed: SEED,
    });
    const messages = corpus.map((records) => encode(records));
    const seen = { records: 0, failures: 0 };
    for (let i = 0; i < INPUTS; i++) {
      const input = i % 4 === 0 ? noise(random) : mutated(messages[random.below(messages.length)]!, random);
      const result = decodeSafely(input, i);
      if (!agrees(decode(input, readHot), result)) fail(i, input, 'is something else to a server');
      if (typeof result === 'string') seen.failures++;
      else {
        seen.records++;
        // What decodes has one spelling (SPEC WIRE-3), so it is encoded to the very bytes that it came from.
        if (i % 16 === 1 && !sameBytes(encode(result), input)) fail(i, input, 'is not encoded as it came');
      }
    }
    // A fuzz that only ever meets one branch proves little.
    expect(seen.records).toBeGreaterThan(INPUTS / 20);
    expect(seen.failures).toBeGreaterThan(INPUTS / 20);
  }, 60_000);

  it('[WIRE-5] the densest messages cost a bounded multiple of their length', () => {
    const collect = garbageCollector();
    for (const [name, message] of Object.entries(densest(RECORDS_MAX * 4))) {
      const { count, held } = heldByDecoding(message, collect);
      expect(count, name).toBeGreaterThan(0);
      expect(held / message.length, name).toBeLessThan(100);
    }
  });

  it('[WIRE-5] a message of more records, or a list of more tops, is refused', () => {
    const { tops, signals, ends } = densest((RECORDS_MAX + 1) * 4);
    expect([decode(tops!), decode(signals!), decode(ends!)]).toEqual([
      'malformed',
      'too-many-records',
      'too-many-records',
    ]);
  });

  it('[WIRE-5] what only a server may say is not looked at when a client says it', () => {
    expect(decode(densest(262_144).entries!, readHot)).toBe('not-a-clients-record');
  });

  it('[WIRE-5] declared counts cost nothing', () => {
    const lie = Uint8Array.from([
      schema.messages[0],
      1,
      1,
      0,
      0xff,
      0xff,
      0xff,
      0xff,
      0xff,
      0xff,
      0xff,
      0x0f,
    ]);
    const collect = garbageCollector();
    collect();
    const before = process.memoryUsage().heapUsed;
    for (let i = 0; i < 10_000; i++) expect(decode(lie)).toBe('malformed');
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(64 * 1_048_576);
  });
});

function decodeSafely(input: Uint8Array, index: number): WireRecord[] | string {
  let result: WireRecord[] | string;
  try {
    result = decode(input);
  } catch (error) {
    return fail(index, input, `threw ${String(error)}`);
  }
  if (typeof result === 'string') {
    return failures.has(result) ? result : fail(index, input, `gave "${result}"`);
  }
  const { items, bytes } = measure(result);
  if (items * 2 > input.length || bytes > input.length) {
    fail(index, input, `gave ${items} items and ${bytes} bytes`);
  }
  return result;
}

/** Whether a server, which has its own way of reading some records, makes the same of a message; to a depth. */
function agrees(asServer: WireRecord[] | string, result: WireRecord[] | string): boolean {
  if (asServer === 'not-a-clients-record') return true;
  if (typeof asServer === 'string' || typeof result === 'string') return asServer === result;
  return asServer.every((record, i) => {
    const other = result[i]!;
    if (record.type === 'request' && other.type === 'request')
      return record.request === other.request && sameBytes(record.payload, other.payload);
    if (record.type === 'publish' && other.type === 'publish')
      return record.sequence === other.sequence && sameBytes(record.payload, other.payload);
    return record.type === other.type;
  });
}

/** How many records and list items there are, each of which takes two bytes at least, and the payloads' bytes. */
function measure(records: readonly WireRecord[]): { items: number; bytes: number } {
  let items = records.length;
  let bytes = 0;
  for (const record of records) {
    if (record.type === 'messages') {
      items += record.entries.length;
      for (const { payload } of record.entries) bytes += payload.length;
    } else if (record.type === 'ping') items += record.tops.length;
    else if ('payload' in record) bytes += record.payload.length;
  }
  return { items, bytes };
}

function fail(index: number, input: Uint8Array, what: string): never {
  throw new Error(`Input ${index} of seed ${SEED} ${what}: ${Buffer.from(input).toString('hex')}`);
}

function noise(random: Random): Uint8Array {
  const bytes = new Uint8Array(random.below(48));
  for (let i = 0; i < bytes.length; i++) bytes[i] = random.next();
  // A known record's number at the front gets past the first check.
  if (bytes.length > 0 && random.below(2) === 0) bytes[0] = 1 + random.below(28);
  return bytes;
}

/** A valid message with up to four wounds: a bit, a byte, a cut, something put in, something said twice. */
function mutated(message: Uint8Array, random: Random): Uint8Array {
  let bytes = new Uint8Array(message);
  for (let wounds = random.below(5); wounds > 0 && bytes.length > 0; wounds--) {
    const at = random.below(bytes.length);
    switch (random.below(5)) {
      case 0:
        bytes[at]! ^= 1 << random.below(8);
        break;
      case 1:
        bytes[at] = interesting[random.below(interesting.length)]!;
        break;
      case 2:
        bytes = bytes.slice(0, at);
        break;
      case 3:
        bytes = joined(bytes.subarray(0, at), Uint8Array.of(random.next()), bytes.subarray(at));
        break;
      default:
        bytes = joined(bytes, bytes.subarray(at));
    }
  }
  return bytes;
}

function joined(...parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.concat(parts));
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

/**
 * The memory that a message's records hold. What is garbage already is left out, as it depends on the
 * collector's mood.
 */
function heldByDecoding(message: Uint8Array, collect: () => void): { count: number; held: number } {
  collect();
  const before = process.memoryUsage().heapUsed;
  const records = decode(message);
  collect();
  const held = process.memoryUsage().heapUsed - before;
  return { count: typeof records === 'string' ? 0 : records.length, held };
}

/** Messages that hold as many objects as their length allows. */
function densest(lengthMax: number): Record<string, Uint8Array> {
  const count = Math.floor(lengthMax / 4);
  const payload = new Uint8Array(0);
  const entries = Array.from({ length: count }, (_, index) => ({ offset: index + 1, payload }));
  const tops = Array.from({ length: count }, () => ({ alias: 1, offset: 1 }));
  return {
    entries: encode([{ type: 'messages', alias: 1, epoch: 1, previous: 0, entries }]),
    tops: encode([{ type: 'ping', id: 1, tops }]),
    signals: encode(entries.map(() => ({ type: 'signal', topic: '', payload }) as const)),
    ends: encode(entries.map(() => ({ type: 'unsubscribe', subscription: 1 }) as const)),
  };
}

/** Node hides its collector behind a flag, which can be set while it runs. */
function garbageCollector(): () => void {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
}
