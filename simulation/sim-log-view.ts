import type { Position } from '../packages/holdfast/src/protocol/position.ts';
import type {
  Appended,
  FollowedMessage,
  LogConfig,
  MessageLog,
  Page,
  ReadLimit,
} from '../packages/holdfast/src/server/message-log.ts';
import type { SimLog } from './sim-log.ts';

/**
 * One server's connection to the log: what it asks for is done in order, each after its time, and answered in
 * order, each a while later. So a message may be heard before its publish is acknowledged.
 */
export class SimLogView implements MessageLog {
  private readonly log: SimLog;
  private readonly listeners = new Map<string, Set<(message: FollowedMessage) => void>>();
  private actsAtMs = 0;
  private answersAtMs = 0;
  private notifiesAtMs = 0;
  /** While nothing passes between the node and the log, answers wait, as over TCP; the rest is lost. */
  isCutOff = false;
  private held: (() => void)[] = [];
  private isOver = false;
  /** Where other nodes' broadcasts are heard: not while it is stopped. */
  process: { run(action: () => void): void } = { run: (action) => action() };

  constructor(log: SimLog) {
    this.log = log;
  }

  heard: (message: Uint8Array) => void = () => {};

  async open({ heard }: LogConfig): Promise<void> {
    this.heard = heard;
  }

  broadcast(message: Uint8Array): void {
    if (!this.isCutOff) this.log.broadcast(this, message);
  }

  cutOff(): void {
    this.isCutOff = true;
  }

  heal(): void {
    this.isCutOff = false;
    for (const step of this.held.splice(0)) step();
  }

  /** The process is gone, and with it what it has asked for and was not done. */
  end(): void {
    this.isOver = true;
  }

  append(
    topic: string,
    session: string | undefined,
    sequence: number,
    payload: Uint8Array,
  ): Promise<Appended> {
    return this.later(() => {
      const { failureShare } = this.log.faults;
      if (this.log.random() < failureShare) this.fail('the append was not applied');
      const appended = this.log.append(topic, session, sequence, payload);
      if (this.log.random() < failureShare) this.fail('the answer was lost');
      return appended;
    });
  }

  read(topic: string, after: Position, limit: ReadLimit): Promise<Page> {
    return this.later(() => this.log.read(topic, after, limit));
  }

  top(topic: string): Promise<Position> {
    return this.later(() => ({ epoch: this.log.epoch, offset: this.log.topOf(topic) }));
  }

  before(topic: string, count: number): Promise<Position> {
    return this.later(() => this.log.before(topic, count));
  }

  follow(topic: string, listener: (message: FollowedMessage) => void): Promise<() => void> {
    return this.later(() => {
      const listeners = this.listeners.get(topic) ?? new Set();
      this.listeners.set(topic, listeners.add(listener));
      return () => void listeners.delete(listener);
    });
  }

  notify(topic: string, message: FollowedMessage): void {
    const { clock, random, faults, profile } = this.log;
    if (!this.listeners.get(topic)?.size || this.isCutOff || random() < faults.missingShare) return;
    this.notifiesAtMs = Math.max(this.notifiesAtMs, clock.nowMs() + random() * faults.latencyMs);
    const tell = (): void => {
      for (const listener of this.listeners.get(topic) ?? []) listener(message);
    };
    this.log.at(this.notifiesAtMs - clock.nowMs(), tell);
    if (!profile.repeatsLive || random() >= faults.repeatedShare) return;
    this.log.at(this.notifiesAtMs - clock.nowMs() + random() * 2_000, tell);
  }

  async trim(): Promise<void> {}

  async key(): Promise<Uint8Array> {
    return this.log.secret();
  }

  async close(): Promise<void> {
    this.log.detach(this);
  }

  private fail(text: string): never {
    this.log.failures++;
    throw new Error(`simulated: ${text}`);
  }

  private later<T>(act: () => T): Promise<T> {
    const { clock, random, faults, life } = this.log;
    this.actsAtMs = Math.max(this.actsAtMs, clock.nowMs() + random() * faults.latencyMs);
    return new Promise((resolve, reject) => {
      this.step(this.actsAtMs - clock.nowMs(), () => {
        // What was asked of a memory that is gone is not asked of the next.
        if (this.isOver || this.log.life !== life) return;
        const settle = outcomeOf(act, resolve, reject);
        this.answersAtMs = Math.max(this.answersAtMs, clock.nowMs() + random() * faults.latencyMs);
        this.step(this.answersAtMs - clock.nowMs(), settle);
      });
    });
  }

  /** Does something after a while, when the log does anything and the node can reach it. */
  private step(delayMs: number, action: () => void): void {
    this.log.at(delayMs, () => {
      if (this.isCutOff) this.held.push(action);
      else action();
    });
  }
}

/** Does it now, and says later how it went. */
function outcomeOf<T>(
  act: () => T,
  resolve: (value: T) => void,
  reject: (error: unknown) => void,
): () => void {
  try {
    const value = act();
    return () => resolve(value);
  } catch (error) {
    return () => reject(error);
  }
}
