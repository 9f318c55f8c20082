import { describe, expect, it } from 'vitest';
import { Turn, type Participant } from '../../src/server/turn.ts';
import { VirtualClock } from '../../src/testing/virtual-clock.ts';
import { VirtualNode } from './virtual-node.ts';

/** Two connections that write down what happens to them; each message that is taken in causes something to send. */
function setUp() {
  const clock = new VirtualClock();
  const seen: string[] = [];
  const turn = new Turn(clock.process(), () => seen.push('last'));
  const participant = (name: string): Participant => {
    const self: Participant = {
      takeIn(message) {
        seen.push(`${name} takes in ${message.length}`);
        turn.flushLater(self);
      },
      flush: () => void seen.push(`${name} sends`),
    };
    return self;
  };
  return { clock, turn, seen, ann: participant('Ann'), bob: participant('Bob') };
}

describe('a turn of the event loop', () => {
  it('[FLOW-9] takes in what came in its order, and then lets all send', async () => {
    const { clock, turn, seen, ann, bob } = setUp();
    turn.arrived(ann, new Uint8Array(1));
    turn.arrived(bob, new Uint8Array(2));
    turn.arrived(ann, new Uint8Array(3));
    expect(seen).toEqual([]);
    await clock.advance(0);
    expect(seen).toEqual([
      'Ann takes in 1',
      'Bob takes in 2',
      'Ann takes in 3',
      'Ann sends',
      'Bob sends',
      'Ann sends',
      'last',
    ]);
    await clock.advance(1_000);
    expect(seen).toHaveLength(7);
  });

  it('[FLOW-9] takes in at once what exceeds 64 KiB', () => {
    const { turn, seen, ann, bob } = setUp();
    turn.arrived(ann, new Uint8Array(60_000));
    expect(seen).toEqual([]);
    turn.arrived(bob, new Uint8Array(5_537));
    expect(seen).toEqual(['Ann takes in 60000', 'Bob takes in 5537']);
  });

  it('[FLOW-9] takes in at once what is 64 messages', () => {
    const { turn, seen, ann } = setUp();
    for (let i = 1; i < 64; i++) turn.arrived(ann, new Uint8Array(1));
    expect(seen).toEqual([]);
    turn.arrived(ann, new Uint8Array(1));
    expect(seen).toHaveLength(64);
  });

  it('[FLOW-9] takes in what others sent though one throws, and hides nothing', async () => {
    const { clock, turn, seen, ann } = setUp();
    const broken: Participant = {
      takeIn() {
        throw new Error('a defect');
      },
      flush() {},
    };
    turn.arrived(broken, new Uint8Array(1));
    turn.arrived(ann, new Uint8Array(2));
    await expect(clock.advance(0)).rejects.toThrow('a defect');
    expect(seen).toEqual(['Ann takes in 2', 'Ann sends', 'last']);
  });

  it('[FLOW-9] goes on in order when a connection ends while another’s message is taken in', () => {
    const { turn, seen, ann, bob } = setUp();
    const ender: Participant = {
      takeIn() {
        seen.push('begins');
        turn.takeIn();
        turn.arrived(bob, new Uint8Array(3));
        seen.push('ends');
      },
      flush() {},
    };
    turn.arrived(ender, new Uint8Array(1));
    turn.arrived(ann, new Uint8Array(2));
    turn.takeIn();
    expect(seen).toEqual(['begins', 'ends', 'Ann takes in 2', 'Bob takes in 3']);
  });

  it('[FLOW-9] keeps what a client said before it left', async () => {
    const node = await VirtualNode.start();
    const peer = await node.dial();
    peer.send({ type: 'publish', sequence: 1, topic: 'news', payload: new Uint8Array([52, 50]) });
    peer.close();
    await node.clock.advance(100);
    expect(node.server.stats()).toMatchObject({ connections: 0, published: 1 });
  });
});
