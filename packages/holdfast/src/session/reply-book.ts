/**
 * What one session asked, so that each request runs at most once however often it is retried (SPEC REQ-1 … 4).
 * It lives as long as the session has requests whose replies the client has not confirmed.
 */

export type Outcome = { ok: true; payload: Uint8Array } | { ok: false; code: string; text: string };

export type Entry =
  /** First seen: run it. */
  | { state: 'new' }
  /** Still running: its reply will go to whichever connection the session has then. */
  | { state: 'running' }
  | { state: 'done'; outcome: Outcome }
  /** Its reply is no longer kept. */
  | { state: 'forgotten' };

const NEW: Entry = { state: 'new' };
const RUNNING: Entry = { state: 'running' };
const FORGOTTEN: Entry = { state: 'forgotten' };

export class ReplyBook {
  private readonly outcomes = new Map<number, Outcome | 'running'>();
  private bytes = 0;
  /** Requests below this are finished: the client has said so. */
  private finishedBelow = 0;
  /** Requests up to this were evicted unconfirmed, to keep within the limits. */
  private evictedThrough = 0;
  private readonly limits: { repliesMax: number; replyBytesMax: number };

  constructor(limits: { repliesMax: number; replyBytesMax: number }) {
    this.limits = limits;
  }

  get size(): number {
    return this.outcomes.size;
  }

  /** Whether the client has all outcomes, those that were evicted included: then nothing is left to know. */
  get isConfirmed(): boolean {
    return (
      this.outcomes.size === 0 && (this.evictedThrough === 0 || this.evictedThrough < this.finishedBelow)
    );
  }

  /** Registers a request that arrived, for the first time or again. */
  begin(request: number): Entry {
    const entry = this.find(request);
    if (entry.state === 'new') this.outcomes.set(request, 'running');
    return entry;
  }

  /** The same, for somebody who only asks. */
  find(request: number): Entry {
    const known = this.outcomes.get(request);
    if (known === 'running') return RUNNING;
    if (known !== undefined) return { state: 'done', outcome: known };
    if (request < this.finishedBelow || request <= this.evictedThrough) return FORGOTTEN;
    return NEW;
  }

  /** Keeps the outcome of a request until the client has it. */
  complete(request: number, outcome: Outcome): void {
    if (this.outcomes.get(request) !== 'running') return;
    if (request < this.finishedBelow) {
      this.outcomes.delete(request);
      return;
    }
    this.outcomes.set(request, outcome);
    this.bytes += sizeOf(outcome);
    this.evict();
  }

  /** The client has the replies of all requests below `request`. */
  finish(request: number): void {
    if (request <= this.finishedBelow) return;
    this.finishedBelow = request;
    for (const id of this.outcomes.keys()) {
      const outcome = this.outcomes.get(id)!;
      if (id < request && outcome !== 'running') this.remove(id, outcome);
    }
  }

  private evict(): void {
    if (this.isWithinLimits()) return;
    for (const [id, outcome] of this.outcomes) {
      if (this.isWithinLimits()) return;
      if (outcome === 'running') continue;
      this.evictedThrough = Math.max(this.evictedThrough, id);
      this.remove(id, outcome);
    }
  }

  private isWithinLimits(): boolean {
    return this.outcomes.size <= this.limits.repliesMax && this.bytes <= this.limits.replyBytesMax;
  }

  private remove(id: number, outcome: Outcome): void {
    this.outcomes.delete(id);
    this.bytes -= sizeOf(outcome);
  }
}

function sizeOf(outcome: Outcome): number {
  return outcome.ok ? outcome.payload.length : outcome.text.length;
}
