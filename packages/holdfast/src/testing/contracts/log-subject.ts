import assert from 'node:assert/strict';
import type { Position } from '../../protocol/position.ts';
import type {
  Appended,
  FollowedMessage,
  LogConfig,
  MessageLog,
  Page,
  Retention,
} from '../../server/message-log.ts';
import { within } from './runner.ts';

/** A log under test: opened on a clock of its own, and spoken to in texts. */
export class LogSubject {
  nowMs = 1_700_000_000_000;
  readonly log: MessageLog;
  /** What other nodes broadcast. */
  readonly heard: string[] = [];
  private readonly hearing = new Set<() => void>();

  private constructor(log: MessageLog) {
    this.log = log;
  }

  static async open(log: MessageLog, settings: SubjectSettings): Promise<LogSubject> {
    const subject = new LogSubject(log);
    const { retention = {}, ...config } = settings;
    await log.open({
      retentionOf: (topic) => ({
        ...generous,
        ...(typeof retention === 'function' ? retention(topic) : retention),
      }),
      nowMs: () => subject.nowMs,
      random: Math.random,
      dedupTtlMs: 60_000,
      dedupWindow: 64,
      heard: (message) => subject.hear(textOf(message)),
      ...config,
    });
    return subject;
  }

  append(topic: string, text: string, session?: string, sequence = 0): Promise<Appended> {
    return this.log.append(topic, session, sequence, bytesOf(text));
  }

  /** Appends what must be taken. */
  async add(topic: string, text: string, session?: string, sequence = 0): Promise<Added> {
    const appended = await this.append(topic, text, session, sequence);
    assert.equal(appended.status, 'appended', `the append of "${text}"`);
    return appended as Added;
  }

  /** Appends several, and gives their positions. */
  async addAll(topic: string, texts: readonly string[]): Promise<Position[]> {
    const positions: Position[] = [];
    for (const text of texts) positions.push((await this.add(topic, text)).position);
    return positions;
  }

  read(topic: string, after: Position, messagesMax = 1_000, bytesMax = 1_048_576): Promise<Page> {
    return this.log.read(topic, after, { messagesMax, bytesMax });
  }

  /** Everything that is kept, as texts. */
  async kept(topic: string): Promise<string[]> {
    const { gap, entries } = await this.read(topic, await this.log.before(topic, Infinity));
    assert.equal(gap, undefined, 'a read from the start of what is kept has no gap');
    return entries.map(({ payload }) => textOf(payload));
  }

  /** Waits until a text was heard, or heard so many times. */
  async untilHeard(text: string, times = 1): Promise<void> {
    const isHeard = (): boolean => this.heard.filter((each) => each === text).length >= times;
    while (!isHeard()) {
      const next = new Promise<void>((resolve) => this.hearing.add(resolve));
      await within(`a node to hear "${text.slice(0, 40)}"`, next);
    }
  }

  private hear(text: string): void {
    this.heard.push(text);
    for (const resolve of this.hearing) resolve();
    this.hearing.clear();
  }

  async follow(topic: string): Promise<Follower> {
    const follower = new Follower();
    follower.end = await this.log.follow(topic, (message) => follower.take(message));
    return follower;
  }
}

export interface SubjectSettings extends Partial<Omit<LogConfig, 'retentionOf' | 'nowMs' | 'random'>> {
  retention?: Partial<Retention> | ((topic: string) => Partial<Retention>);
}

export type Added = Appended & { status: 'appended' };

const generous: Retention = { countMax: 10_000, bytesMax: 64 * 1_048_576, ageMaxMs: 3_600_000 };

/** Gathers what a log says to a follower; what it says again is left out, as the port allows that. */
export class Follower {
  readonly messages: FollowedMessage[] = [];
  end = (): void => {};
  private readonly waiting: { text: string; resolve: () => void }[] = [];

  get texts(): string[] {
    return this.messages.map(({ payload }) => textOf(payload));
  }

  take(message: FollowedMessage): void {
    const last = this.messages.at(-1);
    if (last && message.epoch === last.epoch && message.offset <= last.offset) return;
    this.messages.push({ ...message, payload: message.payload.slice() });
    const text = textOf(message.payload);
    for (const waiter of this.waiting) if (waiter.text === text) waiter.resolve();
  }

  async until(text: string): Promise<void> {
    if (this.texts.includes(text)) return;
    await within(
      `the follower to hear "${text}"`,
      new Promise<void>((resolve) => this.waiting.push({ text, resolve })),
    );
  }
}

export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

export function numbered(count: number, from = 1): string[] {
  return Array.from({ length: count }, (_, index) => `message ${from + index}`);
}
