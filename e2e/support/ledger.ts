import type { Client, ClientOptions, Endpoints, Gap, Phase, Position, Start } from 'holdfast/client';
import { connect } from 'holdfast/client';
import { expect, onTestFinished, vi } from 'vitest';

/** What every message of these tests carries: who sent it, and as which of theirs. */
export interface Numbered {
  publisher: string;
  n: number;
}

/** How long a test waits for what must come, on a slow machine under load. */
export const patient = { timeout: 30_000, interval: 20 };

/** All that one subscription got, in the order in which it came. */
export class Ledger {
  readonly messages: Numbered[] = [];
  readonly gaps: Gap[] = [];
  readonly ready: Promise<Position>;
  private last: Position = { epoch: 0, offset: 0 };

  constructor(client: Client, topic: string, from: Start) {
    const subscription = client.subscribe(
      topic,
      ({ publisher, n }: Numbered, { position }) => {
        this.messages.push({ publisher, n });
        this.last = position;
      },
      { from },
    );
    subscription.on('gap', (gap) => this.gaps.push(gap));
    this.ready = subscription.ready;
  }

  /** Waits until everything up to `position` has come. */
  async reaches({ epoch, offset }: Position): Promise<void> {
    await vi.waitFor(() => {
      expect(this.last.epoch, 'the epoch of the last message').toBe(epoch);
      expect(this.last.offset, 'the offset of the last message').toBeGreaterThanOrEqual(offset);
    }, patient);
  }
}

/** A client that is closed when the test is over, and the phases that it went through. */
export function openClient(
  endpoints: Endpoints,
  options: ClientOptions = {},
): { client: Client; phases: Phase[] } {
  // Short waits between attempts: these tests are about what arrives, not about sparing a server.
  const client = connect(endpoints, { backoff: { baseMs: 100, capMs: 500 }, ...options });
  const phases: Phase[] = [];
  client.onStatus(({ phase }) => {
    if (phases.at(-1) !== phase) phases.push(phase);
  });
  onTestFinished(() => client.close());
  return { client, phases };
}

export async function becomes(client: Client, phase: Phase): Promise<void> {
  await vi.waitFor(() => expect(client.status.phase).toBe(phase), patient);
}

/** Each publisher's messages 1 to `count`, once each and in order; nobody else's. */
export function expectEachOnce(
  messages: readonly Numbered[],
  counts: Readonly<Record<string, number>>,
): void {
  const numbers: Record<string, number[]> = Object.fromEntries(Object.keys(counts).map((name) => [name, []]));
  for (const { publisher, n } of messages) (numbers[publisher] ??= []).push(n);
  const wanted = Object.entries(counts).map(([name, count]) => [name, oneTo(count)]);
  expect(numbers).toEqual(Object.fromEntries(wanted));
}

export function oneTo(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index + 1);
}
