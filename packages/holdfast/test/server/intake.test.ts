import { describe, expect, it } from 'vitest';
import { Intake, type Paced } from '../../src/server/resources/intake.ts';
import { jsonCodec } from '../../src/protocol/payload.ts';
import type { WireRecord } from '../../src/protocol/schema.ts';
import { VirtualClock } from '../../src/testing/virtual-clock.ts';
import { VirtualNode } from './virtual-node.ts';

class Sender implements Paced {
  paidUntilMs = 0;
  held = 0;
  isHeld = false;
  hold(): void {
    this.held++;
    this.isHeld = true;
  }
  release(): void {
    this.isHeld = false;
  }
}

function setUp() {
  const clock = new VirtualClock();
  const process = clock.process();
  const intake = new Intake(100, 10_000, process);
  const sender = new Sender();
  const send = (bytes: number): void => intake.charge(sender, 1, bytes, process.nowMs());
  return { clock, intake, sender, send };
}

/** Sends as fast as it is read from, for so long; how many records that were. */
async function flood(
  { clock, sender, send }: ReturnType<typeof setUp>,
  durationMs: number,
  bytes = 10,
): Promise<number> {
  let sent = 0;
  for (let passedMs = 0; passedMs < durationMs; passedMs += 10) {
    for (let i = 0; i < 50 && !sender.isHeld; i++, sent++) send(bytes);
    await clock.advance(10);
  }
  return sent;
}

describe('the pace at which a client is read from', () => {
  it('[FLOW-8] is one second’s worth at once, and then so many in a second', async () => {
    const sent = await flood(setUp(), 10_000);
    expect(sent).toBeGreaterThan(1_000);
    expect(sent).toBeLessThanOrEqual(1_150);
  });

  it('[FLOW-8] goes by bytes where records are large', async () => {
    const sent = await flood(setUp(), 10_000, 1_000);
    expect(sent).toBeGreaterThan(100);
    expect(sent).toBeLessThanOrEqual(120);
  });

  it('[FLOW-8] leaves those alone who keep within it, and has no timer for them', async () => {
    const { clock, sender, send } = setUp();
    for (let second = 0; second < 20; second++) {
      for (let i = 0; i < 100; i++) send(20);
      await clock.advance(1_000);
    }
    expect(sender.held).toBe(0);
  });

  it('[FLOW-8] never holds anybody for longer than a second, whatever one message costs', async () => {
    const { clock, sender, send } = setUp();
    send(10_000_000);
    expect(sender.isHeld).toBe(true);
    await clock.advance(1_100);
    expect(sender.isHeld).toBe(false);
  });

  it('[ADM-5] slows down by half with each second of shortage, and recovers likewise', async () => {
    const parts = setUp();
    const { intake } = parts;
    await flood(parts, 2_000);
    const pace = async (): Promise<number> => (await flood(parts, 4_000)) / 4;
    expect(await pace()).toBeCloseTo(100, -1);
    intake.adapt(true);
    intake.adapt(true);
    const slow = await pace();
    expect(slow).toBeGreaterThan(15);
    expect(slow).toBeLessThan(35);
    for (let i = 0; i < 30; i++) intake.adapt(true);
    expect(await pace(), 'a sign of life each second remains').toBeGreaterThanOrEqual(0.75);
    for (let i = 0; i < 12; i++) intake.adapt(false);
    await flood(parts, 2_000);
    expect(await pace()).toBeCloseTo(100, -1);
  });
});

const publish = (sequence: number): WireRecord<'publish'> => ({
  type: 'publish',
  sequence,
  topic: 'news',
  payload: jsonCodec.encode(sequence),
});

describe('a client that publishes faster than its pace', () => {
  it('[FLOW-8] is read more slowly, keeps its connection, and loses nothing; others notice nothing', async () => {
    const node = await VirtualNode.start({ limits: { recordsPerSecond: 500 } });
    const [hasty, calm] = [await node.dial(), await node.dial()];
    for (let sequence = 1; sequence <= 2_500; sequence++) hasty.send(publish(sequence));
    await node.clock.advance(1_000);
    const early = hasty.ofType('published').length;
    expect(early).toBeGreaterThanOrEqual(500);
    expect(early).toBeLessThan(1_300);
    calm.send(publish(1));
    await node.clock.advance(20);
    expect(calm.ofType('published')).toHaveLength(1);
    await node.clock.advance(5_000);
    expect(hasty.ofType('published').map(({ sequence }) => sequence)).toEqual(
      Array.from({ length: 2_500 }, (_, index) => index + 1),
    );
    expect(hasty.end).toBeUndefined();
  });
});
