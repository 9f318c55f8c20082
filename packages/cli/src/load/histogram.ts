/** Times in buckets that grow by a twentieth, so that each percentile is exact to 5 % and the size is bounded. */
const GROWTH = 1.05;
const LEAST_MS = 0.01;
/** Ten minutes. */
const BUCKETS_MAX = Math.ceil(Math.log(600_000 / LEAST_MS) / Math.log(GROWTH));
const PERCENTILES = [50, 90, 99, 99.9] as const;

export interface TimesSummary {
  readonly count: number;
  readonly minMs: number;
  readonly maxMs: number;
  /** By percentile, as in `{ "50": 1.2 }`. */
  readonly percentilesMs: Readonly<Record<string, number>>;
  /** How many fell up to a limit and above the one before; the limits are powers of two. */
  readonly bars: readonly { readonly upToMs: number; readonly count: number }[];
}

export class Histogram {
  readonly #buckets = new Map<number, number>();
  #count = 0;
  #minMs = Number.POSITIVE_INFINITY;
  #maxMs = 0;

  record(ms: number): void {
    const raw = Math.ceil(Math.log(Math.max(ms, LEAST_MS) / LEAST_MS) / Math.log(GROWTH));
    const bucket = Math.min(raw, BUCKETS_MAX);
    this.#buckets.set(bucket, (this.#buckets.get(bucket) ?? 0) + 1);
    this.#count += 1;
    this.#minMs = Math.min(this.#minMs, ms);
    this.#maxMs = Math.max(this.#maxMs, ms);
  }

  /** null when nothing was recorded. */
  summary(): TimesSummary | null {
    if (this.#count === 0) return null;
    return {
      count: this.#count,
      minMs: rounded(this.#minMs),
      maxMs: rounded(this.#maxMs),
      percentilesMs: Object.fromEntries(
        PERCENTILES.map((percent) => [String(percent), rounded(this.#percentile(percent))]),
      ),
      bars: this.#bars(),
    };
  }

  #sorted(): readonly (readonly [bucket: number, count: number])[] {
    return [...this.#buckets].toSorted(([a], [b]) => a - b);
  }

  #percentile(percent: number): number {
    const wanted = Math.ceil((this.#count * percent) / 100);
    let seen = 0;
    for (const [bucket, count] of this.#sorted()) {
      seen += count;
      if (seen >= wanted) return Math.min(this.#maxMs, LEAST_MS * GROWTH ** bucket);
    }
    return this.#maxMs;
  }

  #bars(): TimesSummary['bars'] {
    const bars = new Map<number, number>();
    for (const [bucket, count] of this.#sorted()) {
      const upToMs = 2 ** Math.ceil(Math.log2(LEAST_MS * GROWTH ** bucket));
      bars.set(upToMs, (bars.get(upToMs) ?? 0) + count);
    }
    return [...bars].map(([upToMs, count]) => ({ upToMs, count }));
  }
}

function rounded(ms: number): number {
  return Number(ms.toPrecision(3));
}
