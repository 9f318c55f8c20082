import type { ServerStats } from '../types.ts';
import { LIST_MAX, type NodeMessage } from './node-messages.ts';

/** What was heard of a node. */
export interface Heard {
  heardAtMs: number;
  /** Its beats are due this often. */
  everyMs: number;
  /** Its process, to those on the same machine; may be empty. */
  process: string;
}

/** Another node on this log. */
export interface Member extends Heard {
  readonly id: string;
  /** How many beats this node has made since it was heard. */
  silentBeats: number;
  stats: ServerStats;
  /** How far it has heard this node (see `telling.ts`). */
  heardOfUs: Progress;
  /** How far this node has heard of its takeovers. */
  takeoversHeard: number;
}

export interface Progress {
  takeovers: number;
  presence: number;
}

interface MemberLimits {
  nodeBeatMs: number;
  nodeBeatsMissedMax: number;
  nodesMax: number;
}

interface Gone extends Heard {
  readonly how: 'dead' | 'left';
}

/** Who says goodbye, and nothing else before. */
const unheard: Heard = { heardAtMs: -Infinity, everyMs: 0, process: '' };
/** A beat that says it is the last for hours would keep a dead node alive. */
const EVERY_MS_MAX = 60_000;

/**
 * The other nodes on this log, as their beats show them. A node that misses its beats is dead until it is heard
 * again: it may only have been cut off. One that said good-bye never returns, since each start is a new node.
 */
export class Members {
  private readonly alive = new Map<string, Member>();
  /** Those that died or left, the latest last. */
  private readonly gone = new Map<string, Gone>();
  private readonly self: string;
  private readonly limits: MemberLimits;

  constructor(self: string, limits: MemberLimits) {
    this.self = self;
    this.limits = limits;
  }

  get size(): number {
    return this.alive.size;
  }

  get(id: string): Member | undefined {
    return this.alive.get(id);
  }

  values(): Iterable<Member> {
    return this.alive.values();
  }

  isGone(id: string): boolean {
    return this.gone.has(id);
  }

  /** What was heard of it, and what became of it; undefined when it was never heard, or a long time ago. */
  lookUp(id: string): { how: 'alive' | Gone['how']; last: Heard } | undefined {
    const alive = this.alive.get(id);
    if (alive) return { how: 'alive', last: alive };
    const gone = this.gone.get(id);
    return gone && { how: gone.how, last: gone };
  }

  /** Whether there was another node since then that has not said goodbye. */
  hadOthersSince(atMs: number): boolean {
    if (this.alive.size > 0) return true;
    return [...this.gone.values()].some(({ how, heardAtMs }) => how === 'dead' && heardAtMs >= atMs);
  }

  /** Undefined for a beat of a node that has left, or of one too many. */
  heard(beat: NodeMessage<'beat'>, nowMs: number): Member | undefined {
    const { from: id, stats } = beat;
    let member = this.alive.get(id);
    if (!member) {
      if (this.gone.get(id)?.how === 'left' || this.alive.size >= this.limits.nodesMax - 1) return undefined;
      this.gone.delete(id);
      member = {
        id,
        stats,
        everyMs: 0,
        silentBeats: 0,
        heardAtMs: nowMs,
        process: '',
        takeoversHeard: 0,
        heardOfUs: { takeovers: 0, presence: 0 },
      };
      this.alive.set(id, member);
    }
    const [, takeovers = 0, presence = 0] = beat.heard.find(([node]) => node === this.self) ?? [];
    member.heardOfUs = { takeovers, presence };
    member.everyMs = Math.min(beat.everyMs, EVERY_MS_MAX);
    member.silentBeats = 0;
    member.heardAtMs = nowMs;
    member.process = beat.process;
    member.stats = stats;
    return member;
  }

  /** It said good-bye. */
  leave(id: string): Member | undefined {
    return this.end(id, 'left');
  }

  /**
   * Called with each beat of this node's own: those that were not heard for too long are no members any more. It
   * counts beats, not time, so that a node which was itself stopped for a while takes nobody for dead.
   */
  takeDead(): Member[] {
    const { nodeBeatMs, nodeBeatsMissedMax } = this.limits;
    const dead = [...this.alive.values()].filter((member) => {
      const silentMs = ++member.silentBeats * nodeBeatMs;
      return silentMs > Math.max(member.everyMs, nodeBeatMs) * nodeBeatsMissedMax;
    });
    for (const { id } of dead) this.end(id, 'dead');
    return dead;
  }

  private end(id: string, how: Gone['how']): Member | undefined {
    const member = this.alive.get(id);
    this.alive.delete(id);
    this.gone.delete(id);
    const { heardAtMs, everyMs, process } = member ?? unheard;
    this.gone.set(id, { how, heardAtMs, everyMs, process });
    if (this.gone.size > LIST_MAX) this.gone.delete(this.gone.keys().next().value!);
    return member;
  }
}
