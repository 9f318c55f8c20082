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

interface Kept {
  readonly request: number;
  outcome: Outcome | 'running';
}

export class ReplyBook {
  /** In the order in which they came: there are few of them, and they leave nearly always from the front. */
  private kept: Kept[] = [];
  /** No request above this one has come yet. */
  private highest = 0;
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
    return this.kept.length;
  }

  /** Whether the client has all outcomes, those that were evicted included: then nothing is left to know. */
  get isConfirmed(): boolean {
    return this.kept.length === 0 && (this.evictedThrough === 0 || this.evictedThrough < this.finishedBelow);
  }

  /** Registers a request that arrived, for the first time or again. */
  begin(request: number): Entry {
    const entry = this.find(request);
    if (entry.state === 'new') {
      this.kept.push({ request, outcome: 'running' });
      this.highest = Math.max(this.highest, request);
    }
    return entry;
  }

  /** The same, for somebody who only asks. */
  find(request: number): Entry {
    const known = this.keptOf(request)?.outcome;
    if (known === 'running') return RUNNING;
    if (known !== undefined) return { state: 'done', outcome: known };
    if (request < this.finishedBelow || request <= this.evictedThrough) return FORGOTTEN;
    return NEW;
  }

  /** Keeps the outcome of a request until the client has it. */
  complete(request: number, outcome: Outcome): void {
    const kept = this.keptOf(request);
    if (kept?.outcome !== 'running') return;
    kept.outcome = outcome;
    this.bytes += sizeOf(outcome);
    if (request < this.finishedBelow) this.dropFinished();
    else this.evict();
  }

  /** The client has the replies of all requests below `request`. */
  finish(request: number): void {
    if (request <= this.finishedBelow) return;
    this.finishedBelow = request;
    this.dropFinished();
  }

  private keptOf(request: number): Kept | undefined {
    if (request > this.highest) return undefined;
    for (let i = 0; i < this.kept.length; i++) if (this.kept[i]!.request === request) return this.kept[i];
    return undefined;
  }

  private dropFinished(): void {
    let left = 0;
    for (let i = 0; i < this.kept.length; i++) {
      const kept = this.kept[i]!;
      if (kept.outcome === 'running' || kept.request >= this.finishedBelow) this.kept[left++] = kept;
      else this.bytes -= sizeOf(kept.outcome);
    }
    // Dropped one by one, because setting an array's length costs more than most requests have to drop.
    while (this.kept.length > left) this.kept.pop();
  }

  private evict(): void {
    for (let i = 0; i < this.kept.length && !this.isWithinLimits();) {
      const { request, outcome } = this.kept[i]!;
      if (outcome === 'running') i++;
      else {
        this.evictedThrough = Math.max(this.evictedThrough, request);
        this.bytes -= sizeOf(outcome);
        this.kept.splice(i, 1);
      }
    }
  }

  private isWithinLimits(): boolean {
    return this.kept.length <= this.limits.repliesMax && this.bytes <= this.limits.replyBytesMax;
  }
}

function sizeOf(outcome: Outcome): number {
  return outcome.ok ? outcome.payload.length : outcome.text.length;
}
