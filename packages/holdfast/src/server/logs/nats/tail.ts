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
  /** By offset, of all topics; the first was heard first. */
  private readonly heard = new Map<number, Heard>();
  private bytes = 0;

  take(offset: number, previous: number, payload: Uint8Array): void {
    if (this.heard.has(offset)) return;
    // A copy: it would else keep all that came in one read from the socket.
    this.heard.set(offset, { previous, payload: new Uint8Array(payload) });
    this.bytes += payload.length;
    while (this.heard.size > MESSAGES_MAX || this.bytes > BYTES_MAX) {
      const [oldest, { payload: dropped }] = this.heard.entries().next().value!;
      this.heard.delete(oldest);
      this.bytes -= dropped.length;
    }
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
    for (let message = this.heard.get(newest); message; message = this.heard.get(newest)) {
      this.heard.delete(newest);
      this.bytes -= message.payload.length;
      newest = message.previous;
    }
  }

  forget(): void {
    this.heard.clear();
    this.bytes = 0;
  }
}
