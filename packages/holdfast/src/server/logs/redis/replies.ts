/** What Redis answers, as RESP2 has it: bulk strings are bytes, and share the memory that they arrived in. */
export type Reply = string | number | Buffer | null | ReplyError | Reply[];

/** Redis understood, and refuses. */
export class ReplyError extends Error {}

/** Whoever speaks there is not Redis, or what it says went wrong on its way. */
export class ProtocolError extends Error {
  constructor(what: string) {
    super(`What came is not the protocol of Redis: ${what}`);
  }
}

/** A line that is no bulk: a status, an error, a number. */
const LINE_BYTES_MAX = 65_536;
/** Redis' own bound of what it takes and gives at once. */
const BULK_BYTES_MAX = 512 * 1_048_576;
const ITEMS_MAX = 1_048_576;
const DEPTH_MAX = 8;

const [LF, CR] = [10, 13];
const [STATUS, ERROR, INTEGER, BULK, ARRAY] = [43, 45, 58, 36, 42];
const kinds: ReadonlySet<number> = new Set([STATUS, ERROR, INTEGER, BULK, ARRAY]);

interface Open {
  items: Reply[];
  length: number;
}

/** Takes bytes as they come, and gives whole replies. Throws at what can't be one. */
export class ReplyReader {
  /** What is there of a part that is not whole yet. */
  private rest: Buffer[] = [];
  /** As many bytes it lacks; 0 when only its next line end will tell. */
  private lackingBytes = 0;
  /** Arrays that are not complete, the outermost first. */
  private readonly open: Open[] = [];
  private readonly give: (reply: Reply) => void;

  constructor(give: (reply: Reply) => void) {
    this.give = give;
  }

  read(chunk: Buffer): void {
    let bytes = chunk;
    // A part that came in pieces is put together by itself; everything else stays where it came.
    while (this.rest.length > 0) {
      if (bytes.length === 0) return;
      const wantedBytes = this.lackingBytes || bytes.indexOf(LF) + 1 || bytes.length;
      const piece = bytes.subarray(0, wantedBytes);
      this.rest.push(piece);
      bytes = bytes.subarray(wantedBytes);
      if (piece.length < this.lackingBytes) {
        this.lackingBytes -= piece.length;
        return;
      }
      const whole = Buffer.concat(this.rest);
      this.rest = [];
      this.readParts(whole);
    }
    this.readParts(bytes);
  }

  private readParts(bytes: Buffer): void {
    let at = 0;
    while (at < bytes.length) {
      const next = this.readPart(bytes, at);
      if (next < 0) {
        this.rest = [bytes.subarray(at)];
        return;
      }
      at = next;
    }
  }

  /** Where the next part begins, or −1 when this one is not whole. */
  private readPart(bytes: Buffer, at: number): number {
    const kind = bytes[at]!;
    if (!kinds.has(kind)) throw new ProtocolError(`it begins with the byte ${kind}`);
    const end = bytes.indexOf(CR, at);
    if (end < 0 || end + 1 >= bytes.length) {
      if (bytes.length - at > LINE_BYTES_MAX) throw new ProtocolError('a line without an end');
      this.lackingBytes = 0;
      return -1;
    }
    if (kind === BULK) return this.readBulk(bytes, end + 2, numberIn(bytes, at + 1, end));
    if (kind === ARRAY) this.begin(numberIn(bytes, at + 1, end));
    else if (kind === INTEGER) this.take(numberIn(bytes, at + 1, end));
    else if (kind === STATUS) this.take(bytes.toString('utf8', at + 1, end));
    else this.take(new ReplyError(bytes.toString('utf8', at + 1, end)));
    return end + 2;
  }

  private readBulk(bytes: Buffer, start: number, length: number): number {
    if (length < 0) {
      this.take(null);
      return start;
    }
    if (length > BULK_BYTES_MAX) throw new ProtocolError(`${length} bytes at once`);
    const next = start + length + 2;
    if (next > bytes.length) {
      this.lackingBytes = next - bytes.length;
      return -1;
    }
    this.take(bytes.subarray(start, start + length));
    return next;
  }

  private begin(length: number): void {
    if (length < 0) return this.take(null);
    if (length === 0) return this.take([]);
    if (length > ITEMS_MAX || this.open.length === DEPTH_MAX)
      throw new ProtocolError(`an array of ${length} is too much`);
    this.open.push({ items: [], length });
  }

  /** Puts a whole reply where it belongs: into the array that is open, or out. */
  private take(reply: Reply): void {
    let whole = reply;
    for (;;) {
      const outer = this.open.at(-1);
      if (!outer) return this.give(whole);
      outer.items.push(whole);
      if (outer.items.length < outer.length) return;
      this.open.pop();
      whole = outer.items;
    }
  }
}

function numberIn(bytes: Buffer, start: number, end: number): number {
  const negative = bytes[start] === 45;
  let value = 0;
  for (let at = negative ? start + 1 : start; at < end; at++) {
    const digit = bytes[at]! - 48;
    if (digit < 0 || digit > 9) throw new ProtocolError('what should be a number is none');
    value = value * 10 + digit;
  }
  return negative ? -value : value;
}
