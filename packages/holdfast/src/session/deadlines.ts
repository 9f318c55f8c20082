/** A table of named deadlines: one timer outside, however many inside. Names show up in tests and bug reports. */
export class Deadlines<Name extends string> {
  readonly #atMs = new Map<Name, number>();

  set(name: Name, atMs: number): void {
    this.#atMs.set(name, atMs);
  }

  clear(name: Name): void {
    this.#atMs.delete(name);
  }

  clearAll(): void {
    this.#atMs.clear();
  }

  get(name: Name): number | undefined {
    return this.#atMs.get(name);
  }

  next(): number | undefined {
    return this.#atMs.size === 0 ? undefined : Math.min(...this.#atMs.values());
  }

  /** Removes and returns the earliest deadline that has passed, if any. */
  takeDue(nowMs: number): Name | undefined {
    let due: Name | undefined;
    let earliest = nowMs;
    for (const [name, at] of this.#atMs) {
      if (at <= earliest) {
        due = name;
        earliest = at;
      }
    }
    if (due !== undefined) this.#atMs.delete(due);
    return due;
  }
}
