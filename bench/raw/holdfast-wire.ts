import { decode, encode, schema, type WireRecord } from 'holdfast/protocol';

/** Counting and calling in Holdfast's wire, without building objects for what is only counted. */

const number = {
  messages: schema.messages[0],
  reply: schema.reply[0],
  request: schema.request[0],
} as const;

let at = 0;

/** Reads a uint (little-endian base-128) at `at` and steps over it. */
function uint(bytes: Buffer): number {
  let value = 0;
  let scale = 1;
  for (;;) {
    const byte = bytes[at++] as number;
    value += (byte & 127) * scale;
    if (byte < 128) return value;
    scale *= 128;
  }
}

function stepOverBytes(bytes: Buffer): void {
  const length = uint(bytes);
  at += length;
}

/**
 * How many published messages, or replies, a WebSocket message holds; `undefined` when it also holds records
 * of other kinds, which want to be decoded in full.
 */
export function countQuickly(bytes: Buffer, start: number, end: number): number | undefined {
  let count = 0;
  at = start;
  while (at < end) {
    const record = bytes[at++];
    if (record === number.reply) {
      uint(bytes);
      stepOverBytes(bytes);
      count += 1;
    } else if (record === number.messages) {
      // Alias, epoch and previous offset; then the entries, each its step and its payload.
      for (let field = 0; field < 3; field++) uint(bytes);
      const entries = uint(bytes);
      for (let entry = 0; entry < entries; entry++) {
        uint(bytes);
        stepOverBytes(bytes);
      }
      count += entries;
    } else {
      return undefined;
    }
  }
  return count;
}

export function countDecoded(records: readonly WireRecord[]): number {
  return records.reduce((sum, record) => {
    if (record.type === 'reply') return sum + 1;
    return record.type === 'messages' ? sum + record.entries.length : sum;
  }, 0);
}

export function decodeOrThrow(bytes: Buffer): WireRecord[] {
  const records = decode(bytes);
  if (typeof records === 'string') throw new Error(`the server sent a message that is ${records}`);
  return records;
}

function uintBytes(value: number): number[] {
  const bytes: number[] = [];
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) | 128);
  return [...bytes, value];
}

/**
 * Requests in a row, numbered from `first`, as one message. The sender has all replies below `first` less what
 * is on its way, and says so, as the library's own client does.
 */
export class RequestWriter {
  /** Everything of the record that follows its two numbers. */
  readonly #rest: Buffer;

  constructor(method: string, payload: Uint8Array) {
    const whole = Buffer.from(encode([{ type: 'request', request: 0, finished: 0, method, payload }]));
    this.#rest = whole.subarray(3);
  }

  write(first: number, count: number, finished: number): Buffer {
    const parts: Uint8Array[] = [];
    for (let request = first; request < first + count; request++) {
      parts.push(
        Uint8Array.from([number.request, ...uintBytes(request), ...uintBytes(finished)]),
        this.#rest,
      );
    }
    return Buffer.concat(parts);
  }
}

/** This file knows the layout of three records by heart: a change of the wire must not go unnoticed here. */
function checkLayout(): void {
  const payload = Uint8Array.of(1, 2, 3);
  const entries = [300, 301].map((offset) => ({ offset, payload }));
  const counted = encode([
    { type: 'messages', alias: 1, epoch: 2 ** 40, previous: 299, entries },
    { type: 'reply', request: 200, payload },
  ]);
  const [request] = decodeOrThrow(new RequestWriter('method', payload).write(200, 1, 150));
  const isKept = request?.type === 'request' && request.request === 200 && request.finished === 150;
  if (countQuickly(Buffer.from(counted), 0, counted.length) !== 3 || !isKept) {
    throw new Error(
      'The layout of messages, reply or request has changed: bring raw/holdfast-wire.ts after it.',
    );
  }
}

checkLayout();
