import type { Position } from '../packages/holdfast/src/protocol/position.ts';
import type { Appended, Page, ReadLimit } from '../packages/holdfast/src/server/message-log.ts';
import type { VirtualClock } from '../packages/holdfast/src/testing/virtual-clock.ts';
import type { LogProfile } from './log-profile.ts';
import { SimLogView } from './sim-log-view.ts';

interface Stored {
  topic: string;
  offset: number;
  previous: number;
  payload: Uint8Array;
  session: string | undefined;
  sequence: number;
}

/** What happened to the log, as only it can know. */
export interface Truth {
  topic: string;
  position: Position;
  previous: number;
  text: string;
  /** The epoch at whose end it was rolled back, or gone with a crash; Infinity while it is there. */
  lostIn: number;
}

export interface SimLogFaults {
  /** An append fails before it was applied, or after. */
  failureShare: number;
  /** A followed message does not arrive. */
  missingShare: number;
  /** A followed message comes again later, when the log is of a kind that repeats. */
  repeatedShare: number;
  /** A broadcast to another node does not arrive. */
  deafShare: number;
  latencyMs: number;
}

export const noFaults: SimLogFaults = {
  failureShare: 0,
  missingShare: 0,
  repeatedShare: 0,
  deafShare: 0,
  latencyMs: 2,
};

/**
 * What all server processes have their topics in: it answers late, at times not at all, and what its profile
 * says. It knows what it was told, which the checkers compare with what subscribers saw.
 */
export class SimLog {
  epoch = 1;
  readonly truth: Truth[] = [];
  /** The gaps that reads answered with: the only ones that a subscriber may see. */
  readonly gaps: { topic: string; from: Position; to: Position }[] = [];
  faults: SimLogFaults = { ...noFaults };
  private stored: Stored[] = [];
  private offset = 0;
  /** Counts the times that all was gone. */
  life = 1;
  /** Counts the appends that failed, applied or not, and the failovers: after either, a publish may be missing before a later one. */
  failures = 0;
  /** Where each epoch but the first began: up to here, the epoch before it is the same. */
  private readonly keptThrough = new Map<number, number>();
  private readonly trimmedThrough = new Map<string, number>();
  private readonly views = new Set<SimLogView>();
  readonly clock: VirtualClock;
  readonly random: () => number;
  readonly countMax: number;
  readonly profile: LogProfile;
  private currentPause: object | undefined;
  private readonly waiting: (() => void)[] = [];

  constructor(clock: VirtualClock, random: () => number, countMax: number, profile: LogProfile) {
    this.clock = clock;
    this.random = random;
    this.countMax = countMax;
    this.profile = profile;
  }

  /** Does nothing for a while (SIGSTOP, a disk that hangs), and then all that it was asked for. */
  pause(durationMs: number): void {
    const pause = (this.currentPause = {});
    this.clock.at(durationMs, () => {
      if (this.currentPause !== pause) return;
      this.currentPause = undefined;
      for (const action of this.waiting.splice(0)) action();
    });
  }

  /** Does something after a while, or when the log goes on. */
  at(delayMs: number, action: () => void): void {
    this.clock.at(delayMs, () => {
      if (this.currentPause) this.waiting.push(action);
      else action();
    });
  }

  /** The log as one server process sees it. */
  view(): SimLogView {
    const view = new SimLogView(this);
    this.views.add(view);
    return view;
  }

  /** Between nodes: late, at times never, and in any order. */
  broadcast(from: SimLogView, message: Uint8Array): void {
    const copy = message.slice();
    const { missingShare, deafShare, latencyMs } = this.faults;
    for (const view of this.views) {
      if (view === from || this.random() < missingShare + deafShare) continue;
      this.at(this.random() * latencyMs, () => {
        if (this.views.has(view) && !view.isCutOff) view.process.run(() => view.heard(copy));
      });
    }
  }

  detach(view: SimLogView): void {
    this.views.delete(view);
  }

  /** A node ends without a word. */
  crash(view: SimLogView): void {
    this.detach(view);
    if (this.profile.dropsUnanswered) view.end();
  }

  /** The newest writes never happened, though they were acknowledged: an asynchronous replica took over. */
  failover(lostMax: number): void {
    this.failures++;
    const keep = Math.max(0, this.offset - Math.floor(this.random() * (lostMax + 1)));
    for (const entry of this.truth) {
      if (entry.lostIn === Infinity && entry.position.offset > keep) entry.lostIn = this.epoch;
    }
    this.stored = this.stored.filter(({ offset }) => offset <= keep);
    this.offset = keep;
    this.epoch++;
    this.keptThrough.set(this.epoch, keep);
  }

  /** All is gone, dedup and key too, as with a log in the memory of a process that was killed. */
  wipe(): void {
    for (const entry of this.truth) entry.lostIn = Math.min(entry.lostIn, this.epoch);
    this.stored = [];
    this.offset = 0;
    this.epoch++;
    this.life++;
    this.keptThrough.set(this.epoch, 0);
    this.trimmedThrough.clear();
  }

  append(topic: string, session: string | undefined, sequence: number, payload: Uint8Array): Appended {
    if (session !== undefined) {
      const known = this.stored.filter((entry) => entry.session === session);
      const repeat = known.find((entry) => entry.sequence === sequence);
      if (repeat) {
        const position = { epoch: this.epoch, offset: repeat.offset };
        return { status: 'duplicate', position, previous: repeat.previous };
      }
      if (known.some((entry) => entry.sequence > sequence)) return { status: 'stale' };
    }
    const previous = this.topOf(topic);
    const offset = this.profile.countsByTopic
      ? previous + 1
      : this.offset + 1 + Math.floor(this.random() * 3);
    this.offset = Math.max(this.offset, offset);
    this.stored.push({ topic, offset, previous, payload: payload.slice(), session, sequence });
    const position = { epoch: this.epoch, offset };
    this.truth.push({
      topic,
      position,
      previous,
      text: JSON.parse(new TextDecoder().decode(payload)) as string,
      lostIn: Infinity,
    });
    this.trimTopic(topic);
    for (const view of this.views)
      view.notify(topic, { epoch: this.epoch, offset, previous, payload: payload.slice() });
    return { status: 'appended', position, previous };
  }

  read(topic: string, after: Position, limit: ReadLimit): Page {
    const { epoch } = this;
    const floor = this.trimmedThrough.get(topic) ?? 0;
    const same = after.epoch === epoch && after.offset <= this.topOf(topic);
    const survived = same ? after.offset : Math.min(after.offset, this.survivedThrough(after.epoch));
    const previous = Math.max(survived, floor);
    const entries = this.stored
      .filter((entry) => entry.topic === topic && entry.offset > previous)
      .slice(0, limit.messagesMax);
    if (same && previous === after.offset) return { epoch, previous, entries };
    const to = { epoch, offset: previous };
    this.gaps.push({ topic, from: after, to });
    return { gap: { to, reason: same ? 'retention' : 'epoch' }, epoch, previous, entries };
  }

  topOf(topic: string): number {
    return (
      this.stored.findLast((entry) => entry.topic === topic)?.offset ?? this.trimmedThrough.get(topic) ?? 0
    );
  }

  before(topic: string, count: number): Position {
    const offsets = this.stored.filter((entry) => entry.topic === topic).map(({ offset }) => offset);
    const kept = [this.trimmedThrough.get(topic) ?? 0, ...offsets];
    return { epoch: this.epoch, offset: kept[Math.max(0, kept.length - 1 - count)]! };
  }

  secret(): Uint8Array {
    return new Uint8Array(32).fill(this.life);
  }

  /** What of an older epoch is still true now. */
  private survivedThrough(epoch: number): number {
    let through = Infinity;
    for (let later = epoch + 1; later <= this.epoch; later++)
      through = Math.min(through, this.keptThrough.get(later) ?? 0);
    return epoch > this.epoch ? 0 : through;
  }

  private trimTopic(topic: string): void {
    const kept = this.stored.filter((entry) => entry.topic === topic);
    if (kept.length <= this.countMax) return;
    const through = kept[kept.length - this.countMax - 1]!.offset;
    this.trimmedThrough.set(topic, through);
    // Dedup outlives the message, as it would in a set of its own.
    for (const entry of kept) if (entry.offset <= through) entry.topic = `${topic} (trimmed)`;
  }
}
