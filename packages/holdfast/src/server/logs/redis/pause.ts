/** Waits that end early when something has recovered, and all at once at the end. */
export class Pause {
  private readonly waiting = new Set<() => void>();
  private readonly alones = new Set<() => void>();

  /** Until somebody calls `wake`, at most this long. */
  wait(ms: number): Promise<void> {
    return this.enter(this.waiting, ms);
  }

  /** This long, whatever recovers meanwhile. */
  alone(ms: number): Promise<void> {
    return this.enter(this.alones, ms);
  }

  wake(): void {
    for (const done of this.waiting) done();
  }

  end(): void {
    for (const done of [...this.waiting, ...this.alones]) done();
  }

  private enter(waits: Set<() => void>, ms: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        waits.delete(done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      waits.add(done);
    });
  }
}
