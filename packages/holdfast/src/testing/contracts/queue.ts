import { within } from './runner.ts';

/** Things that come one after the other, to be waited for. */
export class Queue<T> {
  private readonly items: T[] = [];
  private readonly waiting: ((item: T) => void)[] = [];
  private readonly what: string;

  constructor(what: string) {
    this.what = what;
  }

  /** How many have come and were not taken. */
  get size(): number {
    return this.items.length;
  }

  push(item: T): void {
    const waiter = this.waiting.shift();
    if (waiter) waiter(item);
    else this.items.push(item);
  }

  clear(): void {
    this.items.length = 0;
  }

  /** The next one, which may have come already; fails when none comes. */
  async next(): Promise<T> {
    const item = this.items.shift();
    if (item !== undefined) return item;
    return within(this.what, new Promise<T>((resolve) => this.waiting.push(resolve)));
  }

  async take(count: number): Promise<T[]> {
    const taken: T[] = [];
    while (taken.length < count) taken.push(await this.next());
    return taken;
  }
}
