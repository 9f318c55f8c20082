import { randomBytes } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import type { Position } from '../../../protocol/position.ts';
import type { Entry } from '../../../protocol/schema.ts';
import type { Appended, FollowedMessage, LogConfig, MessageLog, Page, ReadLimit } from '../../message-log.ts';
import { Environment, type Writer } from './environment.ts';
import { failure } from './file.ts';
import { Follows, type Readable } from './follows.ts';
import { allNodes, allSessions, allTopics, keyAfter, nameOf, nodeKey, type KeyRange } from './keys.ts';
import { Neighbours, type NeighbourListener } from './neighbours.ts';
import { decodeTopic, type TopicRecord } from './records.ts';
import { isForgettable, isTooMuch } from './retained.ts';
import { usedAtMsOf } from './session-memory.ts';
import type { Transaction } from './transaction.ts';
import { entriesAfter, floorIn, rangeIn, topicIn, type Tree } from './tree.ts';

/** What fits LMDB's keys, with an offset behind it. */
const NAME_BYTES_MAX = 1_900;
/** How many records upkeep looks at, and blocks it frees, before others have their turn. */
const STEP_RECORDS = 512;
const STEP_BLOCKS = 256;

/**
 * Topics in a folder on this machine's disk: they survive restarts, kill -9 and power loss, and several processes
 * on the machine may use the folder at once. An acknowledged message was flushed to the disk. Needs the package
 * `lmdb`. Opening rejects with what is wrong and what to do when the folder can't be used.
 */
export function lmdbLog(folder: string): MessageLog {
  if (typeof folder !== 'string' || folder === '') {
    throw new TypeError('lmdbLog wants the path of a folder for its files, such as lmdbLog("./data").');
  }
  return new LmdbLog(folder);
}

class LmdbLog implements MessageLog, Writer, Readable, NeighbourListener {
  private readonly folder: string;
  private config!: LogConfig;
  private environment!: Environment;
  private neighbours!: Neighbours;
  private readonly follows = new Follows(this);

  constructor(folder: string) {
    this.folder = folder;
  }

  async open(config: LogConfig): Promise<void> {
    this.config = config;
    this.environment = await Environment.open(this.folder, config);
    const node = randomBytes(8).toString('hex');
    this.neighbours = new Neighbours(this.environment.folder, node, this);
    try {
      await this.neighbours.listen().catch((error: unknown) => {
        const fix =
          'Choose a folder on a disk of this machine that holds sockets; those of one with a long path are made in TMPDIR.';
        throw failure(this.folder, 'cannot be shared: its socket cannot be made.', fix, error);
      });
      const others = await this.write((transaction) => this.join(transaction));
      await Promise.all(others.map(([other, address]) => this.neighbours.dial(other, address)));
    } catch (error) {
      this.neighbours.close();
      await this.environment.close();
      throw error;
    }
  }

  async key(): Promise<Uint8Array> {
    return this.environment.key;
  }

  append(
    topic: string,
    session: string | undefined,
    sequence: number,
    payload: Uint8Array,
  ): Promise<Appended> {
    // Alone, for what fails in a transaction fails all that is in it.
    if (Buffer.byteLength(topic) > NAME_BYTES_MAX || Buffer.byteLength(session ?? '') > NAME_BYTES_MAX) {
      const text = `The LMDB log takes names of ${NAME_BYTES_MAX} bytes at most; this one begins with "${topic.slice(0, 40)}".`;
      return Promise.reject(new RangeError(text));
    }
    const copy = new Uint8Array(payload);
    return this.write((transaction) => transaction.append(this.config, topic, session, sequence, copy));
  }

  async read(name: string, after: Position, limit: ReadLimit): Promise<Page> {
    const { epoch } = this;
    const tree = this.environment.read();
    const { top, trimmedThrough } = recordIn(tree, name);
    // A position beyond the top belongs to a file that this one was restored over.
    const foreign = after.epoch !== epoch || after.offset > top;
    const previous = foreign ? trimmedThrough : Math.max(after.offset, trimmedThrough);
    const page = { epoch, previous, entries: entriesAfter(tree, name, previous, limit) };
    if (!foreign && previous === after.offset) return page;
    return { gap: { to: { epoch, offset: previous }, reason: foreign ? 'epoch' : 'retention' }, ...page };
  }

  async top(name: string): Promise<Position> {
    return { epoch: this.epoch, offset: this.topOf(name) };
  }

  async before(name: string, count: number): Promise<Position> {
    const { top, trimmedThrough } = recordIn(this.environment.read(), name);
    return { epoch: this.epoch, offset: Math.max(trimmedThrough, top - count) };
  }

  async follow(name: string, listener: (message: FollowedMessage) => void): Promise<() => void> {
    return this.follows.follow(name, listener);
  }

  broadcast(message: Uint8Array): void {
    this.neighbours.broadcast(message);
  }

  async trim(): Promise<void> {
    await this.environment.recover(this);
    const nowMs = this.config.nowMs();
    for await (const records of this.steps(allTopics)) {
      let due: readonly string[] = records
        .filter(({ key, value }) => this.isDue(nameOf(key), decodeTopic(value), nowMs))
        .map(({ key }) => nameOf(key));
      while (due.length > 0) {
        const names = due;
        due = await this.write((transaction) => transaction.trim(this.config, names, STEP_BLOCKS));
      }
    }
    const usedBeforeMs = nowMs - this.config.dedupTtlMs;
    for await (const records of this.steps(allSessions)) {
      const unused = records.filter(({ value }) => usedAtMsOf(value) < usedBeforeMs).map(({ key }) => key);
      if (unused.length > 0)
        await this.write((transaction) => transaction.forgetSessions(unused, usedBeforeMs));
    }
  }

  health(): string | undefined {
    return this.environment.trouble?.message;
  }

  async close(): Promise<void> {
    this.follows.clear();
    await this.write((transaction) => void transaction.tree.remove(nodeKey(this.neighbours.node))).catch(
      () => {},
    );
    this.neighbours.close();
    await this.environment.close();
  }

  // ── For followers ────────────────────────────────────────────────────────────────────────────────────────

  get epoch(): number {
    return this.environment.epoch;
  }

  topOf(name: string): number {
    return recordIn(this.environment.read(), name).top;
  }

  entriesAfter(name: string, offset: number, count: number): readonly Entry[] {
    return entriesAfter(this.environment.read(), name, offset, { messagesMax: count, bytesMax: Infinity });
  }

  handleCommit(appended: ReadonlyMap<string, readonly Entry[]>): void {
    if (appended.size === 0) return;
    const tops = new Map<string, number>();
    for (const [name, entries] of appended) {
      this.follows.advance(name, entries);
      tops.set(name, entries.at(-1)!.offset);
    }
    this.neighbours.sendTops(tops);
  }

  // ── What neighbours say ──────────────────────────────────────────────────────────────────────────────────

  handleTops(tops: ReadonlyMap<string, number>): void {
    for (const [name, top] of tops) this.follows.advance(name, top);
  }

  handleLook(): void {
    this.follows.advanceAll();
  }

  handleBroadcast(message: Uint8Array): void {
    this.config.heard(message);
  }

  handleGone(node: string): void {
    this.write((transaction) => void transaction.tree.remove(nodeKey(node))).catch(() => {});
  }

  // ── Upkeep ───────────────────────────────────────────────────────────────────────────────────────────────

  private write<T>(run: (transaction: Transaction) => T): Promise<T> {
    return this.environment.write(this, run);
  }

  /** Enters this node, and gives the others: of two that come at once, the later finds the earlier. */
  private join(transaction: Transaction): [node: string, address: string][] {
    const { node, address } = this.neighbours;
    const others = rangeIn(transaction.tree, allNodes, Infinity);
    transaction.put(nodeKey(node), Buffer.from(address));
    return others.map(({ key, value }) => [nameOf(key), value.toString()]);
  }

  private isDue(name: string, topic: TopicRecord, nowMs: number): boolean {
    const retention = this.config.retentionOf(name);
    return isTooMuch(topic, retention, topic.oldestAtMs, nowMs) || isForgettable(topic, nowMs);
  }

  /** All records of a range, some at a time. */
  private async *steps(range: KeyRange): AsyncIterable<{ key: Buffer; value: Buffer }[]> {
    let { start } = range;
    for (;;) {
      const records = rangeIn(this.environment.read(), { start, end: range.end }, STEP_RECORDS);
      yield records;
      if (records.length < STEP_RECORDS) return;
      start = keyAfter(records.at(-1)!.key);
      await turn();
    }
  }
}

/** A topic without a record never had a message, or was forgotten: it stands where it would go on. */
function recordIn(tree: Tree, name: string): Pick<TopicRecord, 'top' | 'trimmedThrough'> {
  const record = topicIn(tree, name);
  if (record) return record;
  const floor = floorIn(tree);
  return { top: floor, trimmedThrough: floor };
}
