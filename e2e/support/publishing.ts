import { setTimeout as wait } from 'node:timers/promises';
import type { Client } from 'holdfast/client';
import { expect, onTestFinished, vi } from 'vitest';
import { patient } from './ledger.ts';

/** Publishes again and again until it is told to stop, without ever waiting for more than the last two. */
export class Publishing {
  goesOn = true;
  readonly counts: Record<string, number> = {};
  private readonly all: Promise<void>[];

  constructor(clients: readonly Client[], topic: string, intervalMs: number) {
    this.all = clients.map((client, index) => this.publish(client, topic, `client ${index}`, intervalMs));
    // A test that has failed before it ends this has said why.
    Promise.all(this.all).catch(() => {});
    onTestFinished(() => void (this.goesOn = false));
  }

  /** Waits until every client has published some more. */
  async goesOnBy(count: number): Promise<void> {
    const wanted = Object.entries(this.counts).map(([publisher, n]) => [publisher, n + count] as const);
    await vi.waitFor(() => {
      for (const [publisher, n] of wanted) expect(this.counts[publisher]).toBeGreaterThanOrEqual(n);
    }, patient);
  }

  async end(): Promise<void> {
    this.goesOn = false;
    await Promise.all(this.all);
  }

  private async publish(client: Client, topic: string, publisher: string, intervalMs: number): Promise<void> {
    this.counts[publisher] = 0;
    const underWay: Promise<unknown>[] = [];
    while (this.goesOn) {
      const published = client.publish(topic, { publisher, n: ++this.counts[publisher]! });
      // Whoever waits for it is told, but not while it waits for another.
      published.catch(() => {});
      underWay.push(published);
      if (underWay.length > 2) await underWay.shift();
      await wait(intervalMs);
    }
    await Promise.all(underWay);
  }
}
