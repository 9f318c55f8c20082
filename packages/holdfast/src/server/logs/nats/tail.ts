import type { Entry } from '../../../protocol/schema.ts';

interface Heard {
  previous: number;
  payload: Uint8Array;
}

/** All topics together. */
const MESSAGES_MAX = 65_536;
const BYTES_MAX = 32 * 1_048_576;
/** Who has missed more reads from the stream. */
const STEPS_MAX = 1_024;

/**
 * The newest messages that this node has heard, each with the offset before it. Whoever has missed only some of them
 * reads them from here. That is more than saving requests: while a page comes from NATS, a busy topic goes on, and a
 * page that never reached its newest message would never let a subscriber become live.
 */
export class Tail {
  /** By offset, of all topics. */
  private readonly heard = new Map<number, Heard>();
  /**
   * A ring of the offsets in the order in which they were heard, of those that were dropped, too. The Map has that
   * order as well, but each look at its first passes all that were deleted before it.
   */
  private readonly order: number[] = [];
  private first = 0;
  private end = 0;
  private bytes = 0;

  take(offset: number, previous: number, payload: Uint8Array): void {
    if (this.heard.has(offset)) return;
    if (this.end - this.first === MESSAGES_MAX) this.delete(this.order[this.first++ % MESSAGES_MAX]!);
    this.order[this.end++ % MESSAGES_MAX] = offset;
    // A copy: it would else keep all that came in one read from the socket.
    this.heard.set(offset, { previous, payload: new Uint8Array(payload) });
    this.bytes += payload.length;
    while (this.bytes > BYTES_MAX) this.delete(this.order[this.first++ % MESSAGES_MAX]!);
  }

  previousOf(offset: number): number | undefined {
    return this.heard.get(offset)?.previous;
  }

  /** All messages of the topic of which `newest` is one, after an offset; undefined when not all of them are here. */
  between(after: number, newest: number): Entry[] | undefined {
    const entries: Entry[] = [];
    for (let offset = newest; offset > after;) {
      const message = this.heard.get(offset);
      if (!message || entries.length === STEPS_MAX) return undefined;
      entries.push({ offset, payload: message.payload });
      offset = message.previous;
    }
    return entries.toReversed();
  }

  /** Drops the message at an offset and those before it in its topic. */
  drop(newest: number): void {
    for (let message = this.delete(newest); message; message = this.delete(message.previous));
  }

  forget(): void {
    this.heard.clear();
    this.first = this.end;
    this.bytes = 0;
  }

  private delete(offset: number): Heard | undefined {
    const message = this.heard.get(offset);
    if (!message) return undefined;
    this.heard.delete(offset);
    this.bytes -= message.payload.length;
    return message;
  }
}
