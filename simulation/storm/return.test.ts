import { describe, expect, it } from 'vitest';
import type { Client } from '../../packages/holdfast/src/client/client.ts';
import type { ServerOptions } from '../../packages/holdfast/src/server/options.ts';
import { createTestbed, type Testbed } from '../../packages/holdfast/src/testing/kit.ts';

const PORT = 8080;
const CLIENTS = 2_000;
const STEP_MS = 10;

/** Real clients and real servers in virtual time: everybody's return after a crash, without a machine in the way. */
class Storm {
  private readonly testbed: Testbed = createTestbed({ seed: 7 });
  private readonly options: ServerOptions;
  private running: ReturnType<Testbed['server']>;
  private readonly clients: Client[] = [];

  constructor(options: ServerOptions) {
    this.options = options;
    this.running = this.testbed.server(options, PORT);
  }

  /** Everybody dials within a second. */
  async dialAll(): Promise<Returns> {
    const { clock, random } = this.testbed;
    for (let i = 0; i < CLIENTS; i++) {
      clock.at(random() * 1_000, () =>
        this.clients.push(this.testbed.client(`ws://virtual:${PORT}/`).client),
      );
    }
    return this.untilAllAreLive();
  }

  /** Time in which heartbeats tell everybody the window that belongs to so many. */
  async rest(): Promise<void> {
    await this.testbed.clock.advance(30_000);
  }

  async crash(downMs: number): Promise<Returns> {
    const { clock, network } = this.testbed;
    this.running.process.clock.end();
    network.unlisten(`virtual:${PORT}`);
    for (const connection of network.connections) connection.cut();
    await clock.advance(downMs);
    this.running = this.testbed.server(this.options, PORT);
    return this.untilAllAreLive();
  }

  private async untilAllAreLive(): Promise<Returns> {
    const { clock } = this.testbed;
    const arrivals: number[] = [];
    const backMs: number[] = [];
    let before = 0;
    let live = 0;
    for (let passedMs = STEP_MS; live < CLIENTS && passedMs < 120_000; passedMs += STEP_MS) {
      await clock.advance(STEP_MS);
      const { welcomed, refused } = this.running.server.stats();
      const arrived = welcomed + refused;
      arrivals.push(arrived - before);
      before = arrived;
      const nowLive = this.clients.filter(({ status }) => status.phase === 'live').length;
      for (; live < nowLive; live++) backMs.push(passedMs);
    }
    return { arrivals, backMs };
  }
}

interface Returns {
  /** In each `STEP_MS`. */
  arrivals: number[];
  backMs: number[];
}

/** The most arrivals within any span of time, from `fromMs` on. */
function mostWithin({ arrivals }: Returns, spanMs: number, fromMs = 0): number {
  const steps = spanMs / STEP_MS;
  let most = 0;
  for (let first = fromMs / STEP_MS; first < arrivals.length; first++) {
    const within = arrivals.slice(first, first + steps).reduce((sum, count) => sum + count, 0);
    most = Math.max(most, within);
  }
  return most;
}

const total = ({ arrivals }: Returns): number => arrivals.reduce((sum, count) => sum + count, 0);

describe('2,000 clients of one server', () => {
  it('[RET-1, RET-2] come back evenly after a crash, each with its first attempt that finds the server', async () => {
    const storm = new Storm({});
    await storm.dialAll();
    await storm.rest();
    const returns = await storm.crash(5_000);
    expect(returns.backMs).toHaveLength(CLIENTS);
    expect(mostWithin(returns, 250) / CLIENTS).toBeLessThanOrEqual(0.15);
    expect(total(returns)).toBe(CLIENTS);
    // In the order in which they are back: 99 of 100 within a window and a half.
    expect(returns.backMs[CLIENTS * 0.99]).toBeLessThan(3_000);
  });

  it('[ADM-2, RET-1] keep to a budget of 200 handshakes in a second, all at once or after a crash', async () => {
    const storm = new Storm({ handshakesPerSecond: 200 });
    const first = await storm.dialAll();
    expect(first.backMs).toHaveLength(CLIENTS);
    expect(mostWithin(first, 1_000, 1_000)).toBeLessThanOrEqual(220);
    await storm.rest();
    const returns = await storm.crash(5_000);
    expect(returns.backMs).toHaveLength(CLIENTS);
    expect(mostWithin(returns, 1_000, 1_000)).toBeLessThanOrEqual(220);
    expect(returns.backMs.at(-1)).toBeLessThan(15_000);
  });
}, 120_000);
