import { connect, type Client } from 'holdfast/client';
import { HOLDFAST_PATH, PUBLISH_MS, TICKS_TOPIC, type Numbered, type Published } from '../events.ts';

export interface PublisherEvents {
  acknowledged(message: Published): void;
  /** More wait, or fewer. */
  changed(): void;
}

/**
 * Numbers messages and publishes them through nginx, four a second, as any client of the cluster would: what waits
 * while a node or the log is away is kept and applied once. A message exists once it is acknowledged.
 */
export class ClusterPublisher {
  /** How many are not acknowledged, as of the last turn. */
  waiting = 0;
  private readonly client: Client<{ topics: { [TICKS_TOPIC]: Numbered } }>;
  private readonly timer: NodeJS.Timeout;
  private readonly events: PublisherEvents;
  private n = 0;

  constructor(nginxPort: number, token: string, events: PublisherEvents) {
    this.events = events;
    this.client = connect(`ws://127.0.0.1:${nginxPort}${HOLDFAST_PATH}`, {
      token,
      backoff: { baseMs: 200, capMs: 1_000 },
    });
    this.timer = setInterval(() => this.publishNext(), PUBLISH_MS);
  }

  stop(): void {
    clearInterval(this.timer);
    void this.client.close();
  }

  private publishNext(): void {
    const { queued, unacknowledged } = this.client.status;
    if (this.waiting !== queued + unacknowledged) {
      this.waiting = queued + unacknowledged;
      this.events.changed();
    }
    const message = { n: ++this.n, atMs: Date.now() };
    this.client.publish(TICKS_TOPIC, message).then(
      () => this.events.acknowledged(message),
      // One that fails is no message; what closes this client fails what still waits.
      ({ code, message: text }: Error & { code?: string }) => {
        if (code !== 'closed') console.error(`Message ${message.n} was not published: ${text}`);
      },
    );
  }
}
