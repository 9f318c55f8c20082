import { PUBLISH_MS, SPARSE_PUBLISH_MS } from '../events.ts';

/**
 * Numbers messages and has them published, four a second. It outlives every server process, so that numbers go
 * on rising; a number that no process acknowledges was never a message.
 */
export class Publisher {
  private n = 0;
  private timer: NodeJS.Timeout | undefined;
  private readonly publish: (n: number) => boolean;

  constructor(publish: (n: number) => boolean) {
    this.publish = publish;
  }

  start(pace: 'steady' | 'sparse'): void {
    clearInterval(this.timer);
    this.timer = setInterval(
      () => {
        if (this.publish(this.n + 1)) this.n++;
      },
      pace === 'steady' ? PUBLISH_MS : SPARSE_PUBLISH_MS,
    );
  }

  stop(): void {
    clearInterval(this.timer);
  }
}
