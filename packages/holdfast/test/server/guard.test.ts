import { describe, expect, it } from 'vitest';
import { jsonCodec } from '../../src/protocol/payload.ts';
import { VirtualNode, type VirtualPeer } from './virtual-node.ts';

/** Whether it can still do what an admitted client may. */
async function works(node: VirtualNode, peer: VirtualPeer, sequence: number): Promise<boolean> {
  peer.send({ type: 'publish', sequence, topic: 'news', payload: jsonCodec.encode(sequence) });
  await node.clock.advance(1_200);
  return peer.end === undefined && peer.ofType('published').some((record) => record.sequence === sequence);
}

async function signalsArrive(node: VirtualNode, peer: VirtualPeer): Promise<boolean> {
  const before = peer.ofType('signaled').length;
  node.server.topic('news').signal('here');
  await node.clock.advance(10);
  return peer.ofType('signaled').length > before;
}

async function subscribed(node: VirtualNode): Promise<VirtualPeer> {
  const peer = await node.dial();
  peer.send({ type: 'subscribe', subscription: 1, topic: 'news', from: 'now', epoch: 0, offset: 0 });
  await node.clock.advance(10);
  return peer;
}

describe('a process that runs short', () => {
  it('[ADM-5] of memory: signals go first, newcomers last, and whoever is connected stays', async () => {
    const node = await VirtualNode.start();
    const peer = await subscribed(node);
    const seen: [level: string, signals: boolean, newcomers: boolean][] = [];
    for (const share of [0.5, 0.9 * 0.85, 0.95 * 0.85, 0.86, 0.5]) {
      node.shortOf('memory', share);
      await node.clock.advance(1_000);
      const arrive = await signalsArrive(node, peer);
      const newcomer = await node.dial();
      seen.push([node.server.stats().givesWay, arrive, newcomer.isWelcome]);
      newcomer.close();
      expect(await works(node, peer, seen.length), `at ${share}`).toBe(true);
    }
    expect(seen).toEqual([
      ['nothing', true, true],
      ['signals', false, true],
      ['publishers', false, true],
      ['newcomers', false, false],
      ['nothing', true, true],
    ]);
    expect(node.lines.filter((line) => line.startsWith('Holdfast: memory'))).toEqual([
      'Holdfast: memory at 77 % of the limit: signals are dropped.',
      'Holdfast: memory at 81 % of the limit: signals are dropped and publishers slowed down.',
      'Holdfast: memory at 86 % of the limit: new connections are told to come back later; those that are open are kept.',
      'Holdfast: memory at 50 % of the limit: all is well again.',
    ]);
  });

  it('[ADM-5, ADM-3] of open files: newcomers are told so, and nobody else notices', async () => {
    const node = await VirtualNode.start();
    const peer = await subscribed(node);
    node.shortOf('files', 0.91);
    await node.clock.advance(1_000);
    const refused = await node.dial();
    expect(refused.ofType('go-away')).toMatchObject([
      { reason: 'This server runs short of open files.', reconnectInMs: 10_000 },
    ]);
    expect(refused.end).toMatchObject({ code: 4006 });
    expect(await signalsArrive(node, peer)).toBe(true);
    expect(await works(node, peer, 1)).toBe(true);
    node.shortOf('files', 0.84);
    await node.clock.advance(1_000);
    expect((await node.dial()).isWelcome).toBe(true);
  });

  it('[ADM-5] what comes between two readings is reckoned: they do not let in more than fit', async () => {
    const node = await VirtualNode.start();
    node.reading = { ...node.reading, files: { used: 25, limit: 40 } };
    await node.clock.advance(1_000);
    const peers = [];
    for (let i = 0; i < 20; i++) peers.push(await node.dial());
    expect(peers.filter(({ isWelcome }) => isWelcome)).toHaveLength(11);
    expect(peers.at(-1)!.ofType('go-away')[0]!.reason).toBe('This server has no room for more connections.');
  });

  it('[ADM-5] of the event loop: it gives way likewise', async () => {
    const node = await VirtualNode.start({ watermarks: { eventLoopDelayMs: 200 } });
    node.reading = { ...node.reading, eventLoopDelayMs: 230 };
    await node.clock.advance(1_000);
    expect((await node.dial()).ofType('go-away')[0]!.reason).toMatch(/event loop/);
    expect(node.lines.at(-1)).toMatch(/the event loop’s delay at 230 ms/);
  });

  it('[ADM-5] with watermarks off nothing gives way', async () => {
    const node = await VirtualNode.start({ watermarks: false });
    node.shortOf('memory', 1);
    await node.clock.advance(2_000);
    expect((await node.dial()).isWelcome).toBe(true);
  });

  it('[ADM-3] of files for refusals, too: then upgrades are refused without a word that takes one', async () => {
    const node = await VirtualNode.start();
    node.shortOf('files', 1);
    await node.clock.advance(1_000);
    const peer = await node.dial();
    expect(peer.records).toEqual([]);
    expect(peer.end).toMatchObject({ code: 1006 });
  });
});

it('[ADM-6] `listen` says in one line how many connections fit', async () => {
  const node = await VirtualNode.start();
  expect(node.lines.filter((line) => line.includes('room for'))).toEqual([
    'Holdfast: room for 100,000 connections, bound by limits.connectionsMax (100,000); to raise that: createServer({ limits: { connectionsMax: … } }). Next comes open files (ulimit -n: 1,048,576), at 943,718.',
  ]);
});
