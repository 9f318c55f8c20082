/** When what is due, by name: one timer outside, however many deadlines inside. Names show up in tests and bug reports. */
export class Deadlines<Name extends string> extends Map<Name, number> {
  /** Infinity when there is none. */
  next(): number {
    return Math.min(...this.values());
  }

  /** Removes and returns the earliest deadline that has passed, if any. */
  takeDue(nowMs: number): Name | undefined {
    let due: Name | undefined;
    let earliest = nowMs;
    for (const [name, atMs] of this) {
      if (atMs <= earliest) {
        due = name;
        earliest = atMs;
      }
    }
    if (due !== undefined) this.delete(due);
    return due;
  }
}
