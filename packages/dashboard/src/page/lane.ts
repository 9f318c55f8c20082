import { Ledger } from './ledger.ts';
import type { StateWords } from './wording.ts';

/** A stretch of the band beneath a timeline. */
export interface Stretch {
  readonly words: StateWords;
  readonly sinceMs: number;
}

/** What a lane says about its connection; undefined is what it can't know. */
export interface LaneFacts {
  lastDisconnect: string | undefined;
  rttMs: number | undefined;
  queued: number | undefined;
  unacknowledged: number | undefined;
  retryAtMs: number | undefined;
}

/** Longer than any timeline is wide. */
const STRETCHES_MAX = 200;

/** One lane: the account of its messages and the story of its connection. */
export class Lane {
  /** What its parts' `data-testid` begin with. */
  readonly name: string;
  readonly ledger = new Ledger();
  /** Oldest first; the last one lasts still. */
  readonly stretches: Stretch[] = [];
  readonly facts: LaneFacts = {
    lastDisconnect: undefined,
    rttMs: undefined,
    queued: undefined,
    unacknowledged: undefined,
    retryAtMs: undefined,
  };

  constructor(name: string) {
    this.name = name;
  }

  get state(): Stretch | undefined {
    return this.stretches.at(-1);
  }

  enter(words: StateWords, nowMs: number): void {
    if (this.state?.words === words) return;
    this.stretches.push({ words, sinceMs: nowMs });
    if (this.stretches.length > STRETCHES_MAX) this.stretches.shift();
  }
}
