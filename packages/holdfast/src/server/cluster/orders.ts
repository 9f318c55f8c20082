import type { Clock } from '../../session/clock.ts';
import type { NodeMessage } from './node-messages.ts';

export type Order = NodeMessage<'order'>['order'];

interface OrderParts {
  clock: Clock;
  send: (order: Omit<NodeMessage<'order'>, 'from'>) => void;
  timeoutMs: number;
}

/** Orders under way at a time: an application that gives more has lost count of them. */
const ORDERS_MAX = 10_000;
const RETRY_MS = 1_000;

/** Carries what the application wants of a session to the node that has it, until that node says it was done. */
export class Orders {
  private readonly open = new Map<number, (done: boolean) => void>();
  private count = 0;
  private readonly parts: OrderParts;

  constructor(parts: OrderParts) {
    this.parts = parts;
  }

  /** False when no node said within the time that it has the session. */
  give(session: string, order: Order, text: string): Promise<boolean> {
    if (this.open.size >= ORDERS_MAX) return Promise.resolve(false);
    const { clock, timeoutMs } = this.parts;
    const id = ++this.count;
    return new Promise((resolve) => {
      let cancel = (): void => {};
      this.open.set(id, (done) => {
        cancel();
        this.open.delete(id);
        resolve(done);
      });
      const endMs = clock.nowMs() + timeoutMs;
      const send = (): void => {
        const leftMs = endMs - clock.nowMs();
        if (leftMs <= 0) return this.open.get(id)?.(false);
        this.parts.send({ kind: 'order', id, session, order, text });
        cancel = clock.setTimer(send, Math.min(RETRY_MS, leftMs));
      };
      send();
    });
  }

  handleObeyed(id: number): void {
    this.open.get(id)?.(true);
  }

  close(): void {
    for (const end of this.open.values()) end(false);
  }
}
