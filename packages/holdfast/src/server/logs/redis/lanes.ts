import { explain, isRefusal, unavailable } from './failures.ts';
import type { Pause } from './pause.ts';

/** What may be appended again without harm, because it has a sequence. */
export interface Pending {
  readonly sequence: number;
  readonly bytes: number;
}

export interface LaneParts<Entry, Answer> {
  /** Appends, unless `ahead`, the sequence sent before it, is still to come: then it answers `early`. */
  send(key: string, entry: Entry, ahead: number): Promise<Answer | 'early'>;
  pause: Pause;
  random: () => number;
  /** As many sequences as Redis remembers of a lane: no more may be in question. */
  windowMax: number;
  deadlineMs: number;
  bytesMax: number;
}

/** So many are cut off at once. */
const STRIDE = 1_024;

interface Waiting<Entry, Answer> {
  entry: Entry;
  deadlineAtMs: number;
  resolve(answer: Answer): void;
  reject(error: unknown): void;
}

interface Lane<Entry, Answer> {
  key: string;
  /** On their way, the oldest first. */
  sent: Waiting<Entry, Answer>[];
  /** Behind them, from `next` on: what was sent is cut off in strides, so that a long queue is not moved for each. */
  queue: Waiting<Entry, Answer>[];
  next: number;
  state: 'open' | 'holding' | 'over';
  tries: number;
  /** Why it was last held up. */
  cause: unknown;
}

/**
 * Appends of one session, in their order: sent without waiting for each other, and when one fails for a reason that
 * passes, sent again from there on. Redis knows those that it has already by their sequence. A lane has at most
 * `windowMax` in flight, waits at most `deadlineMs`, and fails as a whole: a later one that was applied would make
 * the earlier stale (SPEC PUB-3).
 */
export class Lanes<Entry extends Pending, Answer> {
  private readonly lanes = new Map<string, Lane<Entry, Answer>>();
  private bytes = 0;
  private timer: ReturnType<typeof setInterval> | undefined;
  private readonly parts: LaneParts<Entry, Answer>;

  constructor(parts: LaneParts<Entry, Answer>) {
    this.parts = parts;
  }

  append(key: string, entry: Entry): Promise<Answer> {
    const { bytesMax, deadlineMs } = this.parts;
    if (this.bytes + entry.bytes > bytesMax && this.bytes > 0) {
      return Promise.reject(
        unavailable(new Error(`${this.bytes} bytes wait for it already (\`pendingBytesMax\`)`)),
      );
    }
    return new Promise((resolve, reject) => {
      const lane = this.lanes.get(key) ?? this.begin(key);
      this.bytes += entry.bytes;
      lane.queue.push({ entry, deadlineAtMs: performance.now() + deadlineMs, resolve, reject });
      this.pump(lane);
    });
  }

  /** Fails all that waits. */
  close(error: Error): void {
    for (const lane of this.lanes.values()) this.end(lane, error);
    clearInterval(this.timer);
  }

  private begin(key: string): Lane<Entry, Answer> {
    const lane: Lane<Entry, Answer> = {
      key,
      sent: [],
      queue: [],
      next: 0,
      state: 'open',
      tries: 0,
      cause: undefined,
    };
    this.lanes.set(key, lane);
    this.timer ??= setInterval(() => this.expire(), Math.min(250, this.parts.deadlineMs / 4)).unref();
    return lane;
  }

  private pump(lane: Lane<Entry, Answer>): void {
    while (
      lane.state === 'open' &&
      lane.next < lane.queue.length &&
      lane.sent.length < this.parts.windowMax
    ) {
      const waiting = lane.queue[lane.next++]!;
      this.send(lane, waiting, lane.sent.at(-1));
      lane.sent.push(waiting);
    }
    if (lane.next < Math.min(lane.queue.length, STRIDE)) return;
    lane.queue.splice(0, lane.next);
    lane.next = 0;
  }

  private send(
    lane: Lane<Entry, Answer>,
    waiting: Waiting<Entry, Answer>,
    ahead: Waiting<Entry, Answer> | undefined,
  ): void {
    this.parts.send(lane.key, waiting.entry, ahead?.entry.sequence ?? 0).then(
      (answer) => this.settle(lane, waiting, answer),
      (error: unknown) => this.fail(lane, error),
    );
  }

  private settle(lane: Lane<Entry, Answer>, waiting: Waiting<Entry, Answer>, answer: Answer | 'early'): void {
    if (lane.state === 'over') return;
    if (answer === 'early') return this.fail(lane, new Error('An earlier one is still to come'));
    const index = lane.sent.indexOf(waiting);
    if (index < 0) return;
    lane.sent.splice(index, 1);
    lane.tries = 0;
    this.bytes -= waiting.entry.bytes;
    waiting.resolve(answer);
    if (lane.sent.length + lane.queue.length === 0) this.end(lane, undefined);
    else this.pump(lane);
  }

  /** Everything from the first unanswered one is sent again; those that arrived all the same are repeats. */
  private fail(lane: Lane<Entry, Answer>, error: unknown): void {
    if (lane.state !== 'open') return;
    if (isRefusal(error)) return this.end(lane, error);
    lane.state = 'holding';
    lane.cause = error;
    void this.resume(lane);
  }

  private async resume(lane: Lane<Entry, Answer>): Promise<void> {
    const { pause, random } = this.parts;
    await pause.wait(random() * Math.min(1_000, 10 * 2 ** Math.min(lane.tries++, 10)));
    if (lane.state !== 'holding') return;
    lane.state = 'open';
    for (const [index, waiting] of lane.sent.entries()) this.send(lane, waiting, lane.sent[index - 1]);
    this.pump(lane);
  }

  private expire(): void {
    const nowMs = performance.now();
    for (const lane of this.lanes.values()) {
      const oldest = lane.sent[0] ?? lane.queue[lane.next]!;
      if (oldest.deadlineAtMs > nowMs) continue;
      const late = `It did not take this within ${this.parts.deadlineMs} ms (\`deadlineMs\`)`;
      this.end(lane, new Error(lane.cause === undefined ? late : `${late}: ${explain(lane.cause)}`));
    }
  }

  private end(lane: Lane<Entry, Answer>, error: unknown): void {
    lane.state = 'over';
    this.lanes.delete(lane.key);
    const waiting = [...lane.sent.splice(0), ...lane.queue.splice(0).slice(lane.next)];
    for (const { entry, reject } of waiting) {
      this.bytes -= entry.bytes;
      reject(unavailable(error));
    }
  }
}
