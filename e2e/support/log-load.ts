import type { LogSubject } from 'holdfast/testing/contracts';
import { setTimeout as wait } from 'node:timers/promises';
import { expect, vi } from 'vitest';
import { oneTo } from './ledger.ts';

const IN_FLIGHT = 4;
const PAUSE_MS = 5;

/** A session that publishes as a client does: what has no answer is sent again, first and in order, to the next node. */
class Publisher {
  acknowledged = 0;
  readonly done: Promise<void>;
  readonly name: string;
  private readonly load: LogLoad;

  constructor(name: string, load: LogLoad) {
    this.name = name;
    this.load = load;
    this.done = this.publish();
  }

  private async publish(): Promise<void> {
    const { nodes, topic } = this.load;
    let node = 0;
    let unanswered: number[] = [];
    while (this.load.goesOn || unanswered.length > 0) {
      const next = this.acknowledged + unanswered.length + 1;
      const count = this.load.goesOn ? IN_FLIGHT - unanswered.length : 0;
      unanswered.push(...oneTo(count).map((n) => next + n - 1));
      const outcomes = await Promise.allSettled(
        unanswered.map((n) => nodes[node]!.append(topic, `${this.name}: ${n}`, this.name, n)),
      );
      for (const outcome of outcomes) {
        if (outcome.status === 'fulfilled') expect(outcome.value.status).not.toBe('stale');
      }
      const failed = outcomes.findIndex(({ status }) => status === 'rejected');
      const settled = failed === -1 ? unanswered.length : failed;
      this.acknowledged += settled;
      unanswered = unanswered.slice(settled);
      if (failed !== -1) node = (node + 1) % nodes.length;
      await wait(PAUSE_MS);
    }
  }
}

/** Many sessions that publish through several nodes of one log, and what must be in it afterwards. */
export class LogLoad {
  goesOn = true;
  readonly topic = 'load';
  readonly nodes: readonly LogSubject[];
  private readonly publishers: readonly Publisher[];
  private readonly alone: Promise<Set<string>>;

  constructor(nodes: readonly LogSubject[], sessions: number) {
    this.nodes = nodes;
    this.publishers = oneTo(sessions).map((n) => new Publisher(`session ${n}`, this));
    this.alone = this.publishAlone();
  }

  get acknowledged(): number {
    return this.publishers.reduce((sum, { acknowledged }) => sum + acknowledged, 0);
  }

  /** Waits until every session has had some more publishes acknowledged. */
  async goesOnBy(count: number): Promise<void> {
    const wanted = this.publishers.map(({ acknowledged }) => acknowledged + count);
    await vi.waitFor(
      () => {
        for (const [index, { acknowledged }] of this.publishers.entries())
          expect(acknowledged).toBeGreaterThanOrEqual(wanted[index]!);
      },
      { timeout: 40_000, interval: 20 },
    );
  }

  /** Stops, and compares what was acknowledged with what a node reads. */
  async endAndCheck(reader: LogSubject): Promise<void> {
    this.goesOn = false;
    await Promise.all(this.publishers.map(({ done }) => done));
    const acknowledgedAlone = await this.alone;
    const kept = await keptIn(reader, this.topic);
    for (const { name, acknowledged } of this.publishers) {
      expect(kept.filter((text) => text.startsWith(`${name}:`))).toEqual(
        oneTo(acknowledged).map((n) => `${name}: ${n}`),
      );
    }
    const alone = kept.filter((text) => text.startsWith('alone:'));
    expect(new Set(alone).size, 'none is there twice').toBe(alone.length);
    expect(alone.filter((text) => acknowledgedAlone.has(text))).toEqual([...acknowledgedAlone]);
  }

  /** Without a session nothing is sent again, so some may be there that were not acknowledged. */
  private async publishAlone(): Promise<Set<string>> {
    const acknowledged: string[] = [];
    for (let n = 1; this.goesOn; n += IN_FLIGHT) {
      const texts = oneTo(IN_FLIGHT).map((each) => `alone: ${n + each - 1}`);
      const outcomes = await Promise.allSettled(texts.map((text) => this.nodes[0]!.append(this.topic, text)));
      acknowledged.push(...texts.filter((_, index) => outcomes[index]!.status === 'fulfilled'));
      await wait(PAUSE_MS);
    }
    return new Set(acknowledged);
  }
}

/** All that a topic holds, page by page. */
export async function keptIn(node: LogSubject, topic: string): Promise<string[]> {
  const texts: string[] = [];
  for (let after = await node.log.before(topic, Infinity); ;) {
    const { gap, epoch, entries } = await node.read(topic, after);
    expect(gap).toBeUndefined();
    if (entries.length === 0) return texts;
    texts.push(...entries.map(({ payload }) => Buffer.from(payload).toString()));
    after = { epoch, offset: entries.at(-1)!.offset };
  }
}
