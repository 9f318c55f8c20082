/** Something that every other node must hear of, with its number among those that this node tells. */
export interface Fact<F> {
  readonly number: number;
  readonly fact: F;
}

/** Facts in a row: all that stand after one number, through another. */
export interface Run<F> {
  after: number;
  through: number;
  /** The newest number that there is. */
  top: number;
  facts: F[];
}

/** Runs that one beat repeats at most; the next goes on from there. */
const REPEATED_RUNS_MAX = 16;

/**
 * What a node tells the others, over a broadcast that may lose it: at once, and with each beat again what one of
 * them has not heard, until all have. Facts are numbered, and runs of them chain as a topic's messages do
 * (SPEC SUB-2), so that the newest number heard says all.
 */
export class Telling<F> {
  top = 0;
  private told = 0;
  private fresh: Fact<F>[] = [];
  /** Facts that are still true, with numbers above one, in any order. */
  private readonly factsAfter: (number: number) => Fact<F>[];
  private readonly send: (run: Run<F>) => void;
  /** Of one run, so that it fits a message whatever they hold. */
  private readonly factsMax: number;

  constructor(factsMax: number, factsAfter: (number: number) => Fact<F>[], send: (run: Run<F>) => void) {
    this.factsMax = factsMax;
    this.factsAfter = factsAfter;
    this.send = send;
  }

  /** Tells at the end of the turn; returns the fact's number. */
  tell(fact: F): number {
    this.fresh.push({ number: ++this.top, fact });
    return this.top;
  }

  flush(): void {
    const { fresh, told } = this;
    if (told === this.top) return;
    this.fresh = [];
    this.told = this.top;
    this.sendRuns(told, fresh);
  }

  /** Repeats what stands after the number. */
  repeat(after: number): void {
    this.flush();
    if (after >= this.top) return;
    const facts = this.factsAfter(after).sort((a, b) => a.number - b.number);
    const countMax = REPEATED_RUNS_MAX * this.factsMax;
    if (facts.length <= countMax) return this.sendRuns(after, facts);
    const some = facts.slice(0, countMax);
    this.sendRuns(after, some, some.at(-1)!.number);
  }

  private sendRuns(after: number, facts: readonly Fact<F>[], through = this.top): void {
    let start = 0;
    do {
      const part = facts.slice(start, start + this.factsMax);
      start += this.factsMax;
      const last = start < facts.length ? part.at(-1)!.number : through;
      this.send({ after, through: last, top: this.top, facts: part.map(({ fact }) => fact) });
      after = last;
    } while (start < facts.length);
  }
}

/** Whether a run continues what was heard, and brings more. */
export function continues(run: { after: number; through: number }, heard: number): boolean {
  return run.after <= heard && run.through > heard;
}
