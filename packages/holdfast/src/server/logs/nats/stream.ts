import {
  DiscardPolicy,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
  type StreamInfo,
} from '@nats-io/jetstream';
import { HoldfastError } from '../../../protocol/error-codes.ts';
import type { Connection } from './connection.ts';
import { apiCodes, explain, hasCode, isRefusal } from './failures.ts';
import type { ResolvedNatsOptions } from './options.ts';
import type { Subjects } from './subjects.ts';

/**
 * The stream that holds a deployment's topics, and what is kept in it beside them: the epoch, the key, and whose it
 * is. Sequences of the stream are the topics' offsets; they mean something within one epoch only.
 */
export class KeptStream {
  epoch = 0;
  key: Uint8Array = crypto.getRandomValues(new Uint8Array(32));
  readonly name: string;
  private verifying: Promise<void> | undefined;
  /** The newest message that this node knows of, to tell a stream that went back to an earlier state. */
  private seen = { sequence: 0, id: '' };
  private readonly connection: Connection;
  private readonly subjects: Subjects;
  private readonly options: ResolvedNatsOptions;
  private readonly windowMs: number;
  private readonly forget: () => void;

  /** `forget` is called when the epoch has changed: what was known of sequences is no longer true. */
  constructor(
    connection: Connection,
    subjects: Subjects,
    options: ResolvedNatsOptions,
    windowMs: number,
    forget: () => void,
  ) {
    this.connection = connection;
    this.subjects = subjects;
    this.options = options;
    this.windowMs = windowMs;
    this.forget = forget;
    this.name = subjects.stream;
  }

  /** Creates the stream unless it is there, and rejects when what is there can't be used. */
  async open(): Promise<void> {
    const info = await this.ensure();
    const { deployment } = this.options;
    const owner = new TextDecoder().decode(
      await this.once('deployment', new TextEncoder().encode(deployment)),
    );
    if (owner !== deployment) {
      throw wrong(
        `The stream "${this.name}" belongs to the deployment "${owner}", and this node to "${deployment}". Give natsLog() another \`prefix\`, or the same \`deployment\`.`,
      );
    }
    // A stream that had to be made anew gets the one that nodes have already.
    this.key = await this.once('key', this.key);
    await this.once('epoch', new TextEncoder().encode(String(microsecondsOf(info.created))));
    await this.loadEpoch();
  }

  /** Takes note of a message that is in the stream. */
  note(sequence: number, id: string): void {
    if (sequence > this.seen.sequence) this.seen = { sequence, id };
  }

  /**
   * Finds out whether the stream is still the one that it was. One that was created anew has an epoch of its own;
   * one that went back, because a server lost what it had not flushed or was restored from a backup, is given one.
   */
  verify(): Promise<void> {
    this.verifying ??= this.verifyNow().finally(() => (this.verifying = undefined));
    return this.verifying;
  }

  private async verifyNow(): Promise<void> {
    const { manager } = this.connection;
    // Before the stream is asked: what comes meanwhile is beyond what it answers.
    const { seen, epoch } = this;
    let info: StreamInfo;
    try {
      info = await manager.streams.info(this.name);
    } catch (error) {
      if (!hasCode(error, apiCodes.streamNotFound)) throw error;
      return this.open();
    }
    await this.loadEpoch();
    if (seen.sequence === 0 || this.epoch !== epoch) return;
    const stored =
      seen.sequence <= info.state.last_seq
        ? await manager.streams.getMessage(this.name, { seq: seen.sequence })
        : 'gone back';
    // A message that retention has dropped says nothing.
    if (stored === null || (stored !== 'gone back' && stored.header.get('Nats-Msg-Id') === seen.id)) return;
    await this.raiseEpoch(epoch);
  }

  /** Another node may have changed the epoch. */
  reload(): void {
    this.connection.persist(() => this.loadEpoch()).catch(() => {});
  }

  private async ensure(): Promise<StreamInfo> {
    const { streams } = this.connection.manager;
    const wanted = configOf(this.options, this.subjects, this.windowMs);
    try {
      const info = await streams.info(this.name).catch((error: unknown) => {
        if (hasCode(error, apiCodes.streamNotFound)) return streams.add(wanted);
        throw error;
      });
      // Where nobody asks for a number, it is the operator's: `nats stream edit`.
      const { replicas = info.config.num_replicas } = this.options;
      compare(info.config, { ...wanted, num_replicas: replicas });
      return info;
    } catch (error) {
      const said = this.explainCreation(error);
      throw said === undefined ? error : wrong(said);
    }
  }

  /** Undefined when another try may do. */
  private explainCreation(error: unknown): string | undefined {
    const { prefix, replicas } = this.options;
    if (hasCode(error, apiCodes.subjectsOverlap)) {
      return `Another stream takes subjects below "${prefix}". Give natsLog() a \`prefix\` that nobody else uses.`;
    }
    if (hasCode(error, apiCodes.noCluster, apiCodes.noPeers)) {
      return `This NATS can’t keep ${replicas} replicas (${explain(error)}) Start as many servers as one cluster, or lower \`replicas\`.`;
    }
    if (error instanceof HoldfastError || !isRefusal(error)) return undefined;
    return `The stream "${this.name}" can’t be used: ${explain(error)}`;
  }

  /** What the first of all nodes wrote. */
  private async once(name: 'deployment' | 'key' | 'epoch', value: Uint8Array): Promise<Uint8Array> {
    const subject = this.subjects.control(name);
    const { streams } = this.connection.manager;
    const known = await streams.getMessage(this.name, { last_by_subj: subject });
    if (known) return known.data;
    await this.replace(subject, 0, value);
    return (await streams.getMessage(this.name, { last_by_subj: subject }))?.data ?? value;
  }

  private async loadEpoch(): Promise<void> {
    const subject = this.subjects.control('epoch');
    const stored = await this.connection.manager.streams.getMessage(this.name, { last_by_subj: subject });
    const epoch = Number(stored?.string());
    if (!Number.isSafeInteger(epoch) || epoch <= 0) throw wrong(`"${subject}" in the stream holds no epoch`);
    if (epoch === this.epoch) return;
    this.epoch = epoch;
    this.seen = { sequence: 0, id: '' };
    this.forget();
  }

  private async raiseEpoch(from: number): Promise<void> {
    const subject = this.subjects.control('epoch');
    const stored = await this.connection.manager.streams.getMessage(this.name, { last_by_subj: subject });
    if (stored && Number(stored.string()) === from) {
      const epoch = Math.max(from + 1, Date.now() * 1_000);
      await this.replace(subject, stored.seq, new TextEncoder().encode(String(epoch)));
    }
    await this.loadEpoch();
  }

  /**
   * Writes what stands for itself alone on its subject, unless another node was faster. A cluster checks the expected
   * sequence before it has agreed on what came first, but the id it checks after, so the id makes this atomic.
   */
  async replace(subject: string, last: number, value: Uint8Array): Promise<boolean> {
    const settings = { id: `${subject} after ${last}`, last, headers: { 'Nats-Rollup': 'sub' } };
    try {
      const { duplicate } = await this.connection.publish(subject, value, settings);
      return !duplicate;
    } catch (error) {
      if (!hasCode(error, apiCodes.wrongLastSequence)) throw error;
      return false;
    }
  }
}

function configOf(
  { storage, replicas, bytesMax }: ResolvedNatsOptions,
  subjects: Subjects,
  windowMs: number,
): StreamConfig {
  // Only what NATS 2.9 knows. Nothing is dropped by the stream itself: it would take epoch and key along.
  return {
    name: subjects.stream,
    description: 'Topics of Holdfast',
    subjects: [...subjects.kept],
    retention: RetentionPolicy.Limits,
    storage: storage === 'file' ? StorageType.File : StorageType.Memory,
    num_replicas: replicas ?? 1,
    discard: DiscardPolicy.New,
    max_bytes: bytesMax,
    max_msgs: -1,
    max_msgs_per_subject: -1,
    max_age: 0,
    duplicate_window: windowMs * 1_000_000,
    allow_direct: true,
    allow_rollup_hdrs: true,
    deny_delete: false,
    deny_purge: false,
    republish: { src: subjects.allTopics, dest: subjects.allLive.replace('*', '{{wildcard(1)}}') },
  } as StreamConfig;
}

/** What the log relies on; an operator may change all else. */
const essential = [
  'subjects',
  'retention',
  'storage',
  'num_replicas',
  'discard',
  'max_bytes',
  'max_msgs',
  'max_msgs_per_subject',
  'max_age',
  'duplicate_window',
  'allow_direct',
  'allow_rollup_hdrs',
  'deny_purge',
  'republish',
] as const satisfies (keyof StreamConfig)[];

function compare(found: StreamConfig, wanted: StreamConfig): void {
  const differences = essential
    .filter((name) => shown(found[name]) !== shown(wanted[name]))
    .map((name) => `${name} is ${shown(found[name])} and must be ${shown(wanted[name])}`);
  if (differences.length === 0) return;
  throw wrong(
    `The stream "${wanted.name}" has other settings: ${differences.join('; ')}. Change them with \`nats stream edit ${wanted.name}\`, change natsLog()’s options, or give it another \`prefix\`.`,
  );
}

function shown(value: unknown): string {
  return JSON.stringify(value ?? false);
}

function wrong(text: string): HoldfastError {
  return new HoldfastError('invalid-option', `natsLog: ${text}`);
}

/** NATS tells times in nanoseconds, of which 2⁵³ would end in April 1970. */
function microsecondsOf(time: string): number {
  const fraction = /\.(\d+)/.exec(time)?.[1] ?? '';
  return Math.floor(Date.parse(time) / 1_000) * 1_000_000 + Number(fraction.padEnd(6, '0').slice(0, 6));
}
