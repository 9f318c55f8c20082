import type { Ledger } from './ledger.ts';

/**
 * Begins all accounts with the same message, the first that is due on every lane: after any that came to one of them
 * before each had shown that it receives. A lane may be several messages ahead by then.
 */
export class Beginning {
  private readonly waiting = new Set<Ledger>();
  private readonly ledgers: Ledger[] = [];
  private highest = 0;

  add(ledger: Ledger): void {
    this.ledgers.push(ledger);
    this.waiting.add(ledger);
  }

  /** A message came; says whether with it the accounts begin. */
  noteArrived(ledger: Ledger, n: number): boolean {
    if (this.waiting.size === 0) return false;
    this.highest = Math.max(this.highest, n);
    this.waiting.delete(ledger);
    if (this.waiting.size > 0) return false;
    for (const each of this.ledgers) each.begin(this.highest + 1);
    return true;
  }
}
