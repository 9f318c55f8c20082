import { setTimeout as delay } from 'node:timers/promises';
import type { Entry } from '../../../protocol/schema.ts';
import type { LogConfig } from '../../message-log.ts';
import { failure, formatOf, openTree, realFolder, type Format } from './file.ts';
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
/** After a failure, so that a full disk is not asked again with every publish. */
const PAUSE_MS = 200;

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
    await this.writing;
    await this.tree.close();
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
    return new Promise<T>((resolve, reject) => {
      this.queue.push({ writer, run, resolve, reject });
      this.writing ??= this.writeAll();
    });
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
      let batch: Work[] = [];
      let results: unknown[] = [];
      let transaction: Transaction | undefined;
      try {
        await this.tree.transaction(() => {
          // Taken only now, when the lock is ours: all that came while another process had it shares the flush.
          batch = this.queue.splice(0, WORK_MAX);
          transaction = new Transaction(this.tree, this.format?.epoch ?? 0);
          results = batch.map(({ run }) => run(transaction!));
          transaction.finish();
        });
      } catch (error) {
        const text = await this.explained(error);
        for (const { reject } of batch.length > 0 ? batch : this.queue.splice(0)) reject(text);
        await delay(PAUSE_MS);
        continue;
      }
      for (const writer of new Set(batch.map((work) => work.writer)))
        writer.handleCommit(transaction!.appended);
      for (const [index, { resolve }] of batch.entries()) resolve(results[index] as never);
    }
    // In the same turn as the look at the queue, so that nothing is queued in between and left there.
    this.writing = undefined;
  }

  private async explained(error: unknown): Promise<Error> {
    const cause = await causeOf(error);
    const isFull = /ENOSPC|no space|MDB_MAP_FULL/i.test(String(cause));
    return failure(
      this.folder,
      isFull ? 'cannot be written: the disk is full.' : 'cannot be written.',
      isFull ? 'Free some space; nothing acknowledged is lost.' : 'Look at the disk and the system’s log.',
      cause,
    );
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
