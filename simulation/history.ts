import type { Position } from '../packages/holdfast/src/protocol/position.ts';
import type { Gap } from '../packages/holdfast/src/client/types.ts';
import type { SimLog, Truth } from './sim-log.ts';

/** What a checker found; a run ends with the first. */
export class Violation extends Error {}

/**
 * Everything that one subscriber saw in one life, checked against the log's truth as it comes: after a
 * position there may come only the message that the log put next, or a gap that the log declared.
 */
export class ReaderHistory {
  position: Position | undefined;
  readonly seen = new Set<string>();
  readonly name: string;
  readonly topic: string;
  private readonly log: SimLog;
  private readonly conflates: boolean;
  private readonly volatile: boolean;

  constructor(log: SimLog, name: string, topic: string, { conflates = false, volatile = false }) {
    this.volatile = volatile;
    this.log = log;
    this.name = name;
    this.topic = topic;
    this.conflates = conflates;
  }

  /** `processed`: where the handlers of the life before had got to, when that was stored. */
  begin(position: Position, processed: Position | undefined): void {
    if (this.position) return;
    this.position = position;
    if (!processed || (position.epoch === processed.epoch && position.offset <= processed.offset)) return;
    this.fail(`began at ${show(position)}, and its last life had got to ${show(processed)} only`);
  }

  message(text: string, position: Position): void {
    const entry = this.truthAt(position);
    if (!entry) return this.fail(`got "${text}" at ${show(position)}, which the log never held`);
    if (entry.text !== text)
      this.fail(`got "${text}" at ${show(position)}, where the log has "${entry.text}"`);
    if (this.seen.has(text) && !this.wasRolledBack(text)) this.fail(`got "${text}" twice`);
    this.seen.add(text);
    const before = this.position;
    this.position = position;
    if (!before) return this.fail(`got "${text}" before it was told where it begins`);
    if (before.epoch !== position.epoch)
      this.fail(`went from ${show(before)} to ${show(position)} without a gap`);
    if (position.offset <= before.offset) this.fail(`went back from ${show(before)} to ${show(position)}`);
    const missed = this.truthBetween(before, position);
    if (missed.length > 0)
      this.fail(`was not given "${missed[0]!.text}", between ${show(before)} and ${show(position)}`);
  }

  gap({ from, to, reason }: Gap): void {
    const { position } = this;
    if (!position || position.epoch !== from.epoch || position.offset !== from.offset) {
      this.fail(
        `got a gap from ${show(from)} while standing at ${position ? show(position) : 'no position'}`,
      );
    }
    // The server may have read from further back, when messages were still on their way over an older link, or
    // from further on, when the log failed over after a conflating topic had chosen what to skip.
    const declared = this.log.gaps.some(
      (gap) =>
        gap.topic === this.topic &&
        isSame(gap.to, to) &&
        gap.from.epoch === from.epoch &&
        (gap.from.offset <= from.offset || this.conflates),
    );
    if (!declared && !(this.conflates && reason === 'conflated')) {
      this.fail(`got a gap ${show(from)} to ${show(to)} (${reason}) that the log did not declare`);
    }
    this.position = to;
  }

  /** After all faults, everybody must have reached the end of what the log holds. */
  checkConverged(): void {
    const { position } = this;
    const newest = this.log.truth.findLast(
      (entry) => entry.lostIn === Infinity && entry.topic === this.topic,
    );
    if (!newest || !position) return;
    // After a rollback, the newest message may carry the epoch in which it was written.
    if (position.offset < newest.position.offset) {
      this.fail(`stopped at ${show(position)}, and the log goes on to ${show(newest.position)}`);
    }
  }

  private truthAt(position: Position): Truth | undefined {
    return this.log.truth.find(
      (entry) =>
        entry.topic === this.topic &&
        entry.position.offset === position.offset &&
        this.isIn(entry, position.epoch),
    );
  }

  private wasRolledBack(text: string): boolean {
    return !this.volatile && this.log.truth.some((entry) => entry.text === text && entry.lostIn < Infinity);
  }

  private truthBetween(after: Position, before: Position): Truth[] {
    return this.log.truth.filter(
      (entry) =>
        entry.topic === this.topic &&
        this.isIn(entry, before.epoch) &&
        entry.position.offset > after.offset &&
        entry.position.offset < before.offset,
    );
  }

  /** An epoch holds what was written in it, and what it took over from the one before. */
  private isIn(entry: Truth, epoch: number): boolean {
    return entry.position.epoch === epoch || (entry.position.epoch < epoch && entry.lostIn >= epoch);
  }

  private fail(text: string): never {
    throw new Violation(`${this.name} on "${this.topic}" ${text.replace(/ {2,}/g, ' ')}`);
  }
}

function isSame(a: Position, b: Position): boolean {
  return a.epoch === b.epoch && a.offset === b.offset;
}

function show({ epoch, offset }: Position): string {
  return `${epoch}.${offset}`;
}
