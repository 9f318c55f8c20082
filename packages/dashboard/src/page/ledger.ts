import type { Published } from '../events.ts';

/**
 * What became of a message on one lane. Both lanes are judged by the same rules:
 * `late` came more than a second after it was published; `lost` did not come although a later one did, which on
 * an ordered stream means that it never will (should it come all the same, it becomes `late`).
 */
export type Fate = 'on-its-way' | 'arrived' | 'late' | 'lost';

export const LATE_AFTER_MS = 1_000;

export interface Entry {
  readonly n: number;
  readonly publishedAtMs: number;
  /** The first time. */
  arrivedAtMs: number | undefined;
  copies: number;
  fate: Fate;
}

/** Neighbouring messages that were lost together, or a loss that was announced and turned out to be none. */
export interface Hole {
  /** Between these numbers, both of which are not part of it. */
  readonly after: number;
  readonly before: number;
  /** What the lane was told about it; undefined when it was told nothing. */
  readonly reason: string | undefined;
  readonly atMs: number;
  count: number;
}

export interface Counts {
  published: number;
  arrived: number;
  late: number;
  lost: number;
  /** Messages that came more than once. */
  twice: number;
  lateMaxMs: number;
}

/** Beyond these, the oldest are forgotten; the counts remember them. */
const ENTRIES_MAX = 10_000;
const HOLES_MAX = 100;

/** Keeps account of one lane: what was published, what came, and what is missing. */
export class Ledger {
  readonly counts: Counts = { published: 0, arrived: 0, late: 0, lost: 0, twice: 0, lateMaxMs: 0 };
  /** By number. */
  readonly entries: Entry[] = [];
  readonly holes: Hole[] = [];
  private readonly byNumber = new Map<number, Entry>();
  /** Numbers from here on are judged. Until it is set, nothing is. */
  private first = Infinity;
  /** The highest number that came, which decides about those below it. */
  private highest = 0;
  private announced: string | undefined;

  /** Starts the account: messages before this number are none of its business. */
  begin(n: number): void {
    this.first = n;
    this.highest = n - 1;
  }

  /** The truth: this message was published. */
  notePublished({ n, atMs }: Published): void {
    if (!this.byNumber.has(n)) this.add(n, atMs, atMs);
  }

  noteArrived({ n, atMs }: Published, nowMs: number): void {
    // It may outrun the news that it was published.
    const entry = this.byNumber.get(n) ?? this.add(n, atMs, nowMs);
    if (!entry) return;
    entry.copies++;
    if (entry.copies === 2) this.counts.twice++;
    if (entry.copies > 1) return;
    entry.arrivedAtMs = nowMs;
    const delayMs = nowMs - entry.publishedAtMs;
    if (entry.fate === 'lost') this.countInHole(n, -1);
    this.judge(entry, delayMs > LATE_AFTER_MS || entry.fate === 'lost' ? 'late' : 'arrived');
    if (entry.fate === 'late') this.counts.lateMaxMs = Math.max(this.counts.lateMaxMs, delayMs);
    if (n > this.highest) this.handleProgress(n, nowMs);
  }

  /** The lane was told that messages are missing before the next one that comes. */
  noteGap(reason: string): void {
    if (this.first !== Infinity) this.announced = reason;
  }

  /** A later message than any before: what it has overtaken is lost. */
  private handleProgress(n: number, nowMs: number): void {
    const after = this.highest;
    const reason = this.announced;
    this.highest = n;
    this.announced = undefined;
    const missing = this.between(after, n).filter(({ fate }) => fate === 'on-its-way');
    if (missing.length === 0 && reason === undefined) return;
    this.addHole({ after, before: n, reason, atMs: nowMs, count: missing.length });
    for (const entry of missing) this.judge(entry, 'lost');
  }

  private between(after: number, before: number): Entry[] {
    const found: Entry[] = [];
    for (let i = this.entries.length - 1; i >= 0 && this.entries[i]!.n > after; i--) {
      if (this.entries[i]!.n < before) found.push(this.entries[i]!);
    }
    return found;
  }

  private add(n: number, publishedAtMs: number, nowMs: number): Entry | undefined {
    const oldest = this.entries[0]?.n ?? 0;
    if (n < this.first || (this.entries.length >= ENTRIES_MAX && n < oldest)) return undefined;
    const entry: Entry = { n, publishedAtMs, arrivedAtMs: undefined, copies: 0, fate: 'on-its-way' };
    this.byNumber.set(n, entry);
    const index = this.entries.findLastIndex((other) => other.n < n) + 1;
    this.entries.splice(index, 0, entry);
    if (this.entries.length > ENTRIES_MAX) this.byNumber.delete(this.entries.shift()!.n);
    this.counts.published++;
    if (n < this.highest) this.handleBelated(entry, nowMs);
    return entry;
  }

  /** News of a message that had been overtaken before anybody here knew of it. */
  private handleBelated(entry: Entry, nowMs: number): void {
    this.judge(entry, 'lost');
    if (this.countInHole(entry.n, 1)) return;
    this.addHole({ after: entry.n - 1, before: entry.n + 1, reason: undefined, atMs: nowMs, count: 1 });
  }

  private addHole(hole: Hole): void {
    this.holes.push(hole);
    if (this.holes.length > HOLES_MAX) this.holes.shift();
  }

  private countInHole(n: number, change: 1 | -1): boolean {
    const hole = this.holes.findLast(({ after, before }) => after < n && n < before);
    if (hole) hole.count += change;
    return hole !== undefined;
  }

  private judge(entry: Entry, fate: Fate): void {
    if (entry.fate !== 'on-its-way') this.counts[entry.fate]--;
    entry.fate = fate;
    if (fate !== 'on-its-way') this.counts[fate]++;
  }
}
