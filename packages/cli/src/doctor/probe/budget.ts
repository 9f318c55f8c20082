/** What a run may do at most; it is announced before the first packet leaves. */
export interface Limits {
  readonly connections: number;
  readonly concurrentConnections: number;
  readonly bytes: number;
}

/** The run wanted to send more than it had announced, so it stopped. */
export class BudgetExceeded extends Error {
  override readonly name = 'BudgetExceeded';
}

/** Counts what leaves this machine and refuses what was not announced. */
export class Budget {
  readonly limits: Limits;
  #connections = 0;
  #open = 0;
  #bytes = 0;

  constructor(limits: Limits) {
    this.limits = limits;
  }

  get spent(): Limits {
    return {
      connections: this.#connections,
      concurrentConnections: this.#open,
      bytes: this.#bytes,
    };
  }

  openConnection(): void {
    if (this.#connections >= this.limits.connections || this.#open >= this.limits.concurrentConnections) {
      throw new BudgetExceeded('This step would have opened more connections than announced.');
    }
    this.#connections += 1;
    this.#open += 1;
  }

  closeConnection(): void {
    this.#open -= 1;
  }

  sendBytes(count: number): void {
    if (this.#bytes + count > this.limits.bytes) {
      throw new BudgetExceeded('This step would have sent more bytes than announced.');
    }
    this.#bytes += count;
  }
}
