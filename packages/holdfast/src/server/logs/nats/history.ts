import type { Entry } from '../../../protocol/schema.ts';
import type { ReadLimit } from '../../message-log.ts';
import type { Connection } from './connection.ts';
import { Reader, type ReadMessage } from './reader.ts';
import type { Subjects } from './subjects.ts';

/**
 * Messages that are read one by one before a consumer is made for the rest: most who return have missed few, and each
 * consumer is work for the server at each append, as long as it lives.
 */
const SINGLES_MAX = 16;
/** Of a server that is slow to answer, the rest is asked for at once. */
const SINGLES_MS = 500;
/** Readers that are kept for the next page of the same cursor. */
const READERS_MAX = 64;
const READER_IDLE_MS = 10_000;
/** What headers and the like may add to a page, so that one request brings a whole one. */
const OVERHEAD_BYTES = 65_536;
const SCAN_BATCH = 512;

interface Bookmark {
  reader: Reader;
  /** Was read, and did not fit the page before. */
  ahead: ReadMessage[];
  timer: ReturnType<typeof setTimeout>;
}

/** What the stream holds of a topic. */
export class History {
  /** By topic and the offset after which they go on; the first was left longest ago. */
  private readonly bookmarks = new Map<string, Bookmark>();
  private readonly connection: Connection;
  private readonly subjects: Subjects;

  constructor(connection: Connection, subjects: Subjects) {
    this.connection = connection;
    this.subjects = subjects;
  }

  /** The newest message on a subject; asked of the stream's leader, so that nothing acknowledged is missing. */
  async newest(subject: string): Promise<{ sequence: number; payload: Uint8Array } | undefined> {
    const stored = await this.connection.persist(() =>
      this.connection.manager.streams.getMessage(this.subjects.stream, { last_by_subj: subject }),
    );
    return stored ? { sequence: stored.seq, payload: stored.data } : undefined;
  }

  /** The subject of a message; undefined when it is gone. */
  async subjectAt(sequence: number): Promise<string | undefined> {
    const stored = await this.connection.persist(() =>
      this.connection.manager.streams.getMessage(this.subjects.stream, { seq: sequence }),
    );
    return stored?.subject;
  }

  /** What follows `after`, within the limit, but one message at least when there is one on the server that answers. */
  page(topic: string, after: number, limit: ReadLimit): Promise<readonly Entry[]> {
    return this.connection.persist(async () => {
      const page = new PageInMaking(limit);
      let bookmark = this.takeBookmark(topic, after);
      try {
        if (!bookmark) {
          const untilMs = performance.now() + SINGLES_MS;
          for (let i = 0; i < SINGLES_MAX && (i === 0 || performance.now() < untilMs); i++) {
            const message = await this.next(topic, page.last ?? after);
            if (!message || !page.add(entryOf(message))) return page.entries;
          }
          const from = page.last! + 1;
          bookmark = { reader: await this.read(topic, from), ahead: [] };
        }
        await fill(page, bookmark);
      } catch (error) {
        bookmark?.reader.close();
        // What has come is worth having; whoever reads on asks for the rest.
        if (page.entries.length > 0) return page.entries;
        throw error;
      }
      this.keepBookmark(topic, page.last ?? after, bookmark);
      return page.entries;
    });
  }

  /** Calls back with the headers of a topic's messages from a sequence on, until it says false. */
  async scan(topic: string, from: number, visit: (message: ReadMessage) => boolean): Promise<void> {
    const seen = { sequence: from - 1, stopped: false };
    await this.connection.persist(async () => {
      if (seen.stopped) return;
      const reader = await this.read(topic, seen.sequence + 1, true);
      try {
        while (reader.pending > 0) {
          for (const message of await reader.take(SCAN_BATCH)) {
            seen.sequence = message.sequence;
            seen.stopped = !visit(message);
            if (seen.stopped) return;
          }
        }
      } finally {
        reader.close();
      }
    });
  }

  /** The offset before a message, 0 when it is the first: looked for from ever further back. */
  before(topic: string, offset: number): Promise<number> {
    return this.connection.persist(async () => {
      for (let span = 2; ; span *= 4) {
        const from = Math.max(0, offset - 1 - span);
        const earlier = await this.offsetAfter(topic, from);
        if (earlier < offset) return this.lastBetween(topic, earlier, offset);
        if (from === 0) return 0;
      }
    });
  }

  /**
   * The offset of the message with `count` others behind it, of those above `floor` and up to `through`; undefined when
   * there are not so many. JetStream reads forwards only, so this looks from ever further back.
   */
  async lookBack(topic: string, floor: number, through: number, count: number): Promise<number | undefined> {
    for (let span = 4 * (count + 1); ; span *= 8) {
      const from = Math.max(floor + 1, through - span + 1);
      const last: number[] = [];
      await this.scan(topic, from, ({ sequence }) => {
        if (sequence > through) return false;
        last.push(sequence);
        if (last.length > count + 1) last.shift();
        return sequence < through;
      });
      if (last.length > count) return last[0];
      if (from === floor + 1) return undefined;
    }
  }

  forget(): void {
    for (const [key, bookmark] of this.bookmarks) this.drop(key, bookmark);
  }

  /** The last of a topic's messages from one on and before an offset: there may be thousands, so it is found by halves. */
  private async lastBetween(topic: string, first: number, before: number): Promise<number> {
    let [last, end] = [first, before - 1];
    while (last < end) {
      const middle = Math.floor((last + end) / 2);
      const next = await this.offsetAfter(topic, middle);
      if (next < before) last = next;
      else end = middle;
    }
    return last;
  }

  /** Rejects when the server that answers has not got so far yet. */
  private async offsetAfter(topic: string, after: number): Promise<number> {
    const message = await this.next(topic, after);
    if (!message) throw new Error('A copy of the stream lags behind');
    return message.sequence;
  }

  private async next(topic: string, after: number): Promise<ReadMessage | undefined> {
    const stored = await this.connection.manager.direct.getMessage(this.subjects.stream, {
      seq: after + 1,
      next_by_subj: this.subjects.topic(topic),
    });
    if (!stored) return undefined;
    return { sequence: stored.seq, payload: new Uint8Array(stored.data), size: stored.data.length, atMs: 0 };
  }

  private read(topic: string, from: number, headersOnly = false): Promise<Reader> {
    const subject = this.subjects.topic(topic);
    return Reader.open(this.connection, this.subjects.stream, { subject, from, headersOnly });
  }

  private takeBookmark(topic: string, after: number): Omit<Bookmark, 'timer'> | undefined {
    const key = keyOf(topic, after);
    const bookmark = this.bookmarks.get(key);
    if (!bookmark) return undefined;
    this.bookmarks.delete(key);
    clearTimeout(bookmark.timer);
    return bookmark;
  }

  private keepBookmark(topic: string, after: number, { reader, ahead }: Omit<Bookmark, 'timer'>): void {
    if (reader.pending === 0 && ahead.length === 0) return reader.close();
    const key = keyOf(topic, after);
    const other = this.bookmarks.get(key);
    if (other) this.drop(key, other);
    const timer = setTimeout(() => this.drop(key, bookmark), READER_IDLE_MS).unref();
    const bookmark: Bookmark = { reader, ahead, timer };
    this.bookmarks.set(key, bookmark);
    if (this.bookmarks.size > READERS_MAX) this.drop(...this.bookmarks.entries().next().value!);
  }

  private drop(key: string, { reader, timer }: Bookmark): void {
    clearTimeout(timer);
    this.bookmarks.delete(key);
    reader.close();
  }
}

function keyOf(topic: string, after: number): string {
  return `${after} ${topic}`;
}

/** As many of the first as a page may hold. */
export function cutToLimit(entries: readonly Entry[], limit: ReadLimit): readonly Entry[] {
  const page = new PageInMaking(limit);
  const over = entries.findIndex((entry) => !page.add(entry));
  return over === -1 ? entries : entries.slice(0, over);
}

class PageInMaking {
  readonly entries: Entry[] = [];
  private bytes = 0;
  private readonly limit: ReadLimit;

  constructor(limit: ReadLimit) {
    this.limit = limit;
  }

  get last(): number | undefined {
    return this.entries.at(-1)?.offset;
  }

  get room(): { messages: number; bytes: number } {
    const { messagesMax, bytesMax } = this.limit;
    return { messages: messagesMax - this.entries.length, bytes: Math.max(0, bytesMax - this.bytes) };
  }

  /** False when it does not fit any more. */
  add(entry: Entry): boolean {
    const { payload } = entry;
    const { room } = this;
    if (this.entries.length > 0 && (room.messages <= 0 || payload.length > room.bytes)) return false;
    this.entries.push(entry);
    this.bytes += payload.length;
    return true;
  }
}

async function fill(page: PageInMaking, bookmark: Omit<Bookmark, 'timer'>): Promise<void> {
  const { reader } = bookmark;
  for (;;) {
    while (bookmark.ahead.length > 0) {
      if (!page.add(entryOf(bookmark.ahead[0]!))) return;
      bookmark.ahead.shift();
    }
    const { room } = page;
    if (reader.pending === 0 || room.messages <= 0 || room.bytes === 0) return;
    bookmark.ahead = await reader.take(room.messages, room.bytes + OVERHEAD_BYTES);
    if (bookmark.ahead.length > 0) continue;
    // The next alone is larger than all that was allowed.
    if (page.entries.length > 0) return;
    bookmark.ahead = await reader.take(1);
    if (bookmark.ahead.length === 0) return;
  }
}

function entryOf({ sequence, payload }: ReadMessage): Entry {
  return { offset: sequence, payload };
}
