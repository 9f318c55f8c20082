import { Histogram } from './histogram.ts';
import type { StormSummary } from './tally.ts';

/** Those that were broken at one moment, until each of them is back. */
export class Storm {
  readonly #away: Set<number>;
  readonly #broken: number;
  readonly #atMs: number;
  readonly #back = new Histogram();
  #lastBackMs = 0;

  constructor(broken: readonly number[], atMs: number) {
    this.#away = new Set(broken);
    this.#broken = broken.length;
    this.#atMs = atMs;
  }

  get isOver(): boolean {
    return this.#away.size === 0;
  }

  noteBack(number: number, atMs: number): void {
    if (!this.#away.delete(number)) return;
    this.#lastBackMs = atMs - this.#atMs;
    this.#back.record(this.#lastBackMs);
  }

  summary(): StormSummary {
    return {
      broken: this.#broken,
      returned: this.#broken - this.#away.size,
      allBackMs: this.isOver ? Math.round(this.#lastBackMs) : null,
      back: this.#back.summary(),
    };
  }
}
