import { HoldfastError } from '../protocol/error-codes.ts';
import type { Data } from './options.ts';

const encoder = new TextEncoder();

export function byteLengthOf(data: Data): number {
  const { byteLength, size } = Object(data) as { byteLength?: number; size?: number };
  return byteLength ?? size ?? encoder.encode(data as string).length;
}

/** What waits for a connection, in order and within bounds. */
export class Buffer {
  bytes = 0;
  #items: Data[] = [];
  readonly #limits: { countMax: number; bytesMax: number };

  constructor(limits: { countMax: number; bytesMax: number }) {
    this.#limits = limits;
  }

  get count(): number {
    return this.#items.length;
  }

  /** @throws HoldfastError `outbox-full`: what does not fit is not dropped in silence. */
  add(data: Data): void {
    const { countMax, bytesMax } = this.#limits;
    const bytes = this.bytes + byteLengthOf(data);
    if (this.count >= countMax || bytes > bytesMax) {
      throw new HoldfastError(
        'outbox-full',
        `${this.count} messages of ${this.bytes} bytes wait for a connection. Send this later, or raise "buffer".`,
      );
    }
    this.bytes = bytes;
    this.#items.push(copyOf(data));
  }

  take(): Data[] {
    const items = this.#items;
    this.#items = [];
    this.bytes = 0;
    return items;
  }
}

/** A WebSocket sends what the data is at the call (WHATWG WebSockets §3.1), whatever is written into it later. */
function copyOf(data: Data): Data {
  if (ArrayBuffer.isView(data))
    return data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength) as ArrayBuffer;
  return typeof data === 'string' || 'size' in data ? data : data.slice(0);
}
