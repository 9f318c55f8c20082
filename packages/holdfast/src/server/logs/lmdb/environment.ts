import { setTimeout as delay } from 'node:timers/promises';
import { HoldfastError } from '../../../protocol/error-codes.ts';
import type { Entry } from '../../../protocol/schema.ts';
import type { LogConfig } from '../../message-log.ts';
import { failure, formatOf, hasNoRoom, openTree, realFolder, type Format } from './file.ts';
import { formatKey } from './keys.ts';
import { Transaction } from './transaction.ts';
import type { Tree } from './tree.ts';

/** Who writes; told what was appended as soon as it is on the disk. */
export interface Writer {
  handleCommit(appended: ReadonlyMap<string, readonly Entry[]>): void;
}

interface Work {
  writer: Writer;
  run: (transaction: Transaction) => unknown;
  resolve: (result: never) => void;
  reject: (error: Error) => void;
}

/** So much is done in one transaction, for it runs on the main thread while others wait for the lock. */
const WORK_MAX = 1_024;
/** After a failure nothing is tried for so long, so that a full disk is not asked again with every publish. */
const PAUSE_MS = 200;
/** A commit takes milliseconds; one that takes this long waits for something that may never come. */
const ANSWER_TIMEOUT_MS = 10_000;

/** LMDB opens a file once in a process, whatever it is opened for. */
const environments = new Map<string, Environment>();

/**
 * One process's access to a log's file. Whatever is asked for while the disk is busy goes into the next
 * transaction together (group commit): its promises settle after that one flush.
 */
export class Environment {
  readonly folder: string;
  private readonly tree: Tree;
  private format: Format | undefined;
  private uses = 0;
  private readonly queue: Work[] = [];
  private writing: Promise<void> | undefined;
  /** For a while after a failure, its reason. */
  private refusal: Error | undefined;
  /** What was wrong with the last write. */
  trouble: Error | undefined;

  private constructor(folder: string) {
    this.folder = folder;
    this.tree = openTree(folder);
  }

  /** Each `open` wants a `close`. */
  static async open(path: string, config: LogConfig): Promise<Environment> {
    const folder = realFolder(path);
    const environment = environments.get(folder) ?? new Environment(folder);
    environments.set(folder, environment);
    environment.uses++;
    try {
      await environment.begin(config);
      return environment;
    } catch (error) {
      await environment.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    if (--this.uses > 0) return;
    environments.delete(this.folder);
    await Promise.race([this.writing, delay(ANSWER_TIMEOUT_MS, undefined, { ref: false })]);
    // A commit that hangs would have the close hang too; what is not committed, nobody was told of.
    if (!this.writing) await this.tree.close();
  }

  get epoch(): number {
    return this.format!.epoch;
  }

  get key(): Uint8Array {
    return Buffer.from(this.format!.key, 'base64');
  }

  /** The tree as the newest commit of any process left it. */
  read(): Tree {
    this.tree.resetReadTxn();
    return this.tree;
  }

  /** Does something in the next transaction; settles when that is on the disk, or is known to have failed. */
  write<T>(writer: Writer, run: (transaction: Transaction) => T): Promise<T> {
    if (this.refusal) return Promise.reject(this.refusal);
    return new Promise<T>((resolve, reject) => {
      this.queue.push({ writer, run, resolve, reject });
      this.writing ??= this.writeAll();
    });
  }

  /** A node that is not ready is sent no publishes: it has to find out by itself that it can write again. */
  async recover(writer: Writer): Promise<void> {
    if (!this.trouble || hasNoRoom(this.folder)) return;
    await this.write(writer, (transaction) => transaction.probe());
  }

  /** Reads what the file is, or makes it one of ours: the first of all processes decides. */
  private async begin(config: LogConfig): Promise<void> {
    if (this.format) return;
    const fresh: Format = {
      format: 'holdfast log',
      version: 1,
      epoch: 1 + Math.floor(config.random() * 2 ** 48),
      key: Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString('base64'),
    };
    const known = formatOf(this.read(), this.folder);
    this.format ??= known ?? (await this.write(nobody, (transaction) => this.settle(transaction, fresh)));
  }

  private settle(transaction: Transaction, fresh: Format): Format {
    const known = formatOf(this.tree, this.folder);
    if (!known) transaction.put(formatKey, Buffer.from(JSON.stringify(fresh)));
    return known ?? fresh;
  }

  private async writeAll(): Promise<void> {
    while (this.queue.length > 0) {
      const batch: Work[] = [];
      const late = setInterval(() => this.giveUp(batch), ANSWER_TIMEOUT_MS);
      const outcome = await this.commit(batch).catch((error: unknown) => this.explained(error));
      clearInterval(late);
      if (outcome instanceof Error) {
        await this.pause(batch, outcome);
        continue;
      }
      this.trouble = undefined;
      for (const writer of new Set(batch.map((work) => work.writer))) writer.handleCommit(outcome.appended);
      for (const [index, { resolve }] of batch.entries()) resolve(outcome.results[index] as never);
    }
    // In the same turn as the look at the queue, so that nothing is queued in between and left there.
    this.writing = undefined;
  }

  /** One transaction and one flush for all that is asked for until the lock is ours. */
  private async commit(batch: Work[]): Promise<Pick<Transaction, 'appended'> & { results: unknown[] }> {
    // A child, for LMDB keeps what the callback of another had written before it threw.
    return this.tree.childTransaction(() => {
      batch.push(...this.queue.splice(0, WORK_MAX));
      const transaction = new Transaction(this.tree, this.format?.epoch ?? 0);
      const results = batch.map(({ run }) => run(transaction));
      transaction.finish();
      return { results, appended: transaction.appended };
    });
  }

  /**
   * With one write all that came after it fail: a later sequence of a session must not be applied before an earlier
   * one comes again, or that one would be stale (SPEC PUB-3).
   */
  private async pause(batch: readonly Work[], trouble: Error): Promise<void> {
    this.trouble = trouble;
    this.refusal = trouble;
    for (const { reject } of [...batch, ...this.queue.splice(0)]) reject(trouble);
    await delay(PAUSE_MS);
    this.refusal = undefined;
  }

  /** Whoever waits is told that it can't be known; what is under way may still be done, and repeats are found. */
  private giveUp(batch: readonly Work[]): void {
    const fix = 'Look whether the disk hangs, or another process on this folder was stopped.';
    this.trouble = failure(this.folder, 'does not answer.', fix);
    for (const { reject } of [...batch, ...this.queue.splice(0)]) reject(this.trouble);
  }

  private async explained(error: unknown): Promise<Error> {
    const cause = await causeOf(error);
    // A write that the disk had room for in part only fails as one that went wrong (EIO).
    const isFull = /ENOSPC|no space|MDB_MAP_FULL/i.test(String(cause)) || hasNoRoom(this.folder);
    if (!isFull)
      return failure(this.folder, 'cannot be written.', 'Look at the disk and the system’s log.', cause);
    // The transaction was undone as a whole: its last write, which makes it hold, needs no room.
    const fix = 'Free some space; nothing acknowledged is lost.';
    const { message } = failure(this.folder, 'cannot be written: the disk is full.', fix, cause);
    return new HoldfastError('log-full', message);
  }
}

/** LMDB's own reason comes as a promise beside the error, which must not stay unhandled. */
async function causeOf(error: unknown): Promise<unknown> {
  try {
    await (error as { commitError?: Promise<never> }).commitError;
    return error;
  } catch (reason) {
    return reason;
  }
}

const nobody: Writer = { handleCommit: () => {} };
