import type { Platform } from './driver.ts';
import { checkEndpoint, type Endpoints } from './options.ts';

/** One of the client's endpoints and how good the way to it is; lower scores are better. */
export interface EndpointScore {
  readonly url: string;
  /** In use, or used last. */
  readonly current: boolean;
  /** Median + 4 · median deviation + 200 ms · share of timeouts + what failures leave behind, in milliseconds. */
  readonly score: number;
  /** The median of the last round trips; undefined while none was measured. */
  readonly rttMs: number | undefined;
}

interface Line {
  /** The last round trips; Infinity for one that got no answer. */
  samplesMs: number[];
  penaltyMs: number;
  penaltyAtMs: number;
  /** Who answers there wants nobody before. */
  refusedUntilMs: number;
}

export const defaultLines: LinesOptions = { checkMs: 600_000, confirmMs: 20_000, moveMs: 600_000 };

/** How long so many round trips to an address take, in milliseconds; Infinity for one that never came back. */
export type Measure = (url: string, count: number) => Promise<number[]>;

/** All in milliseconds. */
export interface LinesOptions {
  /** Between checks of all endpoints. Default 600,000: each costs every endpoint six requests. */
  checkMs: number;
  /** Between the checks that confirm that another endpoint is better. Default 20,000. */
  confirmMs: number;
  /** From one move to the next, at least. Default 600,000. */
  moveMs: number;
}

/** More are not measured, and not raced. */
const CANDIDATES_MAX = 4;
/** Round trips of one check, and those that are kept: the checks that decide a move. */
const SAMPLES_PER_CHECK = 5;
/** What is supposed of an endpoint that nobody has measured: worse than a good one, better than one that failed. */
const UNKNOWN_MS = 500;
const FAILURE_PENALTY_MS = 1_000;
const PENALTY_HALF_LIFE_MS = 600_000;
const CHECKS_TO_MOVE = 3;
const SAMPLES_MAX = SAMPLES_PER_CHECK * CHECKS_TO_MOVE;

/**
 * Which of several endpoints to use. An attempt goes to the one in use first, and to the others as they score; while
 * connected, all are measured now and then, and one that is clearly better three times in a row is moved to. TCP
 * hides loss, so it shows in the deviation.
 */
export class Lines {
  /** In use, or used last. */
  current: string | undefined;
  readonly #endpoints: Endpoints;
  readonly #lines = new Map<string, Line>();
  readonly #platform: Pick<Platform, 'clock' | 'measure'>;
  readonly #options: LinesOptions;
  readonly #onBetter: () => void;
  /** What is used next, before all others. */
  #target: string | undefined;
  /** The one that was best at the last check, and how many times in a row. */
  #better: string | undefined;
  #betterCount = 0;
  #movedAtMs = -Infinity;
  #leastRttMs = Infinity;
  /** The next one, or the one under way; there is one while a better endpoint is looked for. */
  #check: { atMs: number; cancel(): void } | undefined;

  /** `onBetter` is to move to the first of `candidates`. Without `measure`, endpoints are told apart by failures alone. */
  constructor(
    endpoints: Endpoints,
    platform: Pick<Platform, 'clock' | 'measure'>,
    options: LinesOptions,
    onBetter: () => void,
  ) {
    this.#onBetter = onBetter;
    this.#platform = platform;
    this.#options = options;
    this.#endpoints = endpoints;
    if (typeof endpoints !== 'function') this.#know(endpoints);
  }

  /** The addresses of the next attempt, the best first. */
  async candidates(): Promise<string[]> {
    const endpoints = this.#endpoints;
    const urls = this.#know(typeof endpoints === 'function' ? await endpoints() : endpoints);
    const first = this.#target ?? this.current;
    // The one in use keeps its place until an attempt at it has failed.
    const rank = (url: string): number => (url === first && !this.#penaltyOf(url) ? -1 : this.#scoreOf(url));
    const free = urls.filter((url) => this.#lineOf(url).refusedUntilMs <= this.#platform.clock.nowMs());
    return (free.length > 0 ? free : urls).toSorted((a, b) => rank(a) - rank(b)).slice(0, CANDIDATES_MAX);
  }

  /** Checks the endpoints, and knows of no others from now on. */
  #know(given: string | readonly string[]): string[] {
    const list = [given].flat();
    // An empty list is as wrong as an empty address.
    const urls = (list.length > 0 ? list : ['']).map(checkEndpoint);
    for (const url of this.#lines.keys()) if (!urls.includes(url)) this.#lines.delete(url);
    for (const url of urls) this.#lineOf(url);
    return urls;
  }

  get scores(): readonly EndpointScore[] {
    return Array.from(this.#lines, ([url, { samplesMs }]) => ({
      url,
      current: url === this.current,
      score: Math.round(this.#scoreOf(url)),
      rttMs: medianOf(samplesMs.filter(Number.isFinite)),
    }));
  }

  /** A connection to it is live: from now on a better one is looked for. */
  use(url: string): void {
    this.#leastRttMs = Infinity;
    this.current = url;
    this.#target = undefined;
    this.#lineOf(url).penaltyMs = 0;
    if (this.#lines.size > 1 && this.#platform.measure) this.#checkIn(this.#options.checkMs);
  }

  /** Nothing is live: nothing is measured. */
  rest(): void {
    this.#check?.cancel();
    this.#check = undefined;
    this.#betterCount = 0;
  }

  /** An attempt came to nothing. */
  failed(url: string): void {
    const line = this.#lineOf(url);
    line.penaltyMs = this.#penaltyOf(url) + FAILURE_PENALTY_MS;
    line.penaltyAtMs = this.#platform.clock.nowMs();
    if (this.#target === url) this.#target = undefined;
  }

  /** The server there gave a slot; gives when an attempt makes sense: at the first slot, when no other is free. */
  refused(url: string, untilMs: number): number | undefined {
    this.#lineOf(url).refusedUntilMs = untilMs;
    const freeAtMs = Math.min(...Array.from(this.#lines.values(), ({ refusedUntilMs }) => refusedUntilMs));
    return freeAtMs > this.#platform.clock.nowMs() ? freeAtMs : undefined;
  }

  /** A round trip on the connection itself: when it has become slow, others are looked at soon. */
  noteRtt(rttMs: number): void {
    this.#leastRttMs = Math.min(this.#leastRttMs, rttMs);
    if (this.#check && isWorse(rttMs, this.#leastRttMs)) this.#checkIn(this.#options.confirmMs);
  }

  #checkIn(delayMs: number): void {
    const atMs = this.#platform.clock.nowMs() + delayMs;
    if (this.#check && this.#check.atMs <= atMs) return;
    this.#check?.cancel();
    this.#check = { atMs, cancel: this.#platform.clock.setTimer(() => void this.#measureAll(), delayMs) };
  }

  async #measureAll(): Promise<void> {
    const check = this.#check;
    const urls = [...new Set([this.current!, ...this.#lines.keys()])].slice(0, CANDIDATES_MAX);
    await Promise.all(
      urls.map(async (url) => {
        const line = this.#lineOf(url);
        const fresh = await this.#platform.measure!(url, SAMPLES_PER_CHECK);
        line.samplesMs = [...line.samplesMs, ...fresh].slice(-SAMPLES_MAX);
      }),
    );
    // The connection may be another one meanwhile, with checks of its own.
    if (this.#check !== check) return;
    this.#check = undefined;
    this.#judge(urls);
    if (this.#betterCount > 0) return this.#checkIn(this.#options.confirmMs);
    // However slow it is, there is nothing better: it is looked at again when it becomes slower still.
    this.#leastRttMs = Infinity;
    this.#checkIn(this.#options.checkMs);
  }

  /** Better three times in a row by what was measured just now, and in the end by the score of all of it. */
  #judge(urls: string[]): void {
    const nowMs = this.#platform.clock.nowMs();
    const fresh = (url: string): number => medianOf(this.#lineOf(url).samplesMs.slice(-SAMPLES_PER_CHECK))!;
    const best = urls.reduce((least, url) => (fresh(url) < fresh(least) ? url : least));
    const isBetter = (by: (url: string) => number): boolean => isWorse(by(this.current!), by(best));
    if (best !== this.#better || !isBetter(fresh)) this.#betterCount = 0;
    if (isBetter(fresh)) this.#betterCount++;
    this.#better = best;
    if (this.#betterCount < CHECKS_TO_MOVE || nowMs - this.#movedAtMs < this.#options.moveMs) return;
    if (!isBetter((url) => this.#scoreOf(url))) return;
    this.#betterCount = 0;
    this.#movedAtMs = nowMs;
    this.#target = best;
    this.#onBetter();
  }

  #scoreOf(url: string): number {
    const { samplesMs } = this.#lineOf(url);
    const heard = samplesMs.filter(Number.isFinite);
    const medianMs = medianOf(heard);
    if (medianMs === undefined) return UNKNOWN_MS + this.#penaltyOf(url);
    const deviationMs = medianOf(heard.map((sample) => Math.abs(sample - medianMs)))!;
    const lostShare = 1 - heard.length / samplesMs.length;
    return medianMs + 4 * deviationMs + 200 * lostShare + this.#penaltyOf(url);
  }

  #penaltyOf(url: string): number {
    const { penaltyMs, penaltyAtMs } = this.#lineOf(url);
    return (
      penaltyMs && penaltyMs * 2 ** ((penaltyAtMs - this.#platform.clock.nowMs()) / PENALTY_HALF_LIFE_MS)
    );
  }

  #lineOf(url: string): Line {
    let line = this.#lines.get(url);
    if (!line)
      this.#lines.set(url, (line = { samplesMs: [], penaltyMs: 0, penaltyAtMs: 0, refusedUntilMs: 0 }));
    return line;
  }
}

/** Whether one is so much worse than another that a move is worth it: by 30 ms, and by a quarter of itself. */
function isWorse(presentMs: number, otherMs: number): boolean {
  return presentMs - otherMs > 30 && presentMs * 0.75 > otherMs;
}

function medianOf(values: readonly number[]): number | undefined {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}
