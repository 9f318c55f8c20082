import { describe, expect, it } from 'vitest';
import { encodeNodeMessage, type NodeMessage } from '../../../src/server/cluster/node-messages.ts';
import { sumOf } from '../../../src/server/cluster/cluster-stats.ts';
import type { ServerStats } from '../../../src/server/create-server.ts';
import { Honest, startServer } from '../fixture.ts';
import { RawClient } from '../raw-client.ts';
import { startNodes, until, type TestNode } from './nodes.ts';

const idsOf = ({ server }: TestNode): string[] =>
  server
    .clusterStats()
    .nodes.map(({ node }) => node)
    .sort();

describe('who the nodes are', () => {
  it('[CLUSTER-1] each knows all that live, and when one ends or dies', async () => {
    const { nodes, wire } = await startNodes(4);
    const all = nodes.map(({ server }) => server.stats().node).sort();
    for (const node of nodes) expect(idsOf(node)).toEqual(all);
    const [first, second, third, fourth] = nodes as [TestNode, TestNode, TestNode, TestNode];
    await third.server.close();
    await until(wire, () => [first, second, fourth].every((node) => idsOf(node).length === 3));
    fourth.die();
    await until(wire, () => [first, second].every((node) => idsOf(node).length === 2));
    expect(idsOf(first)).toEqual([first, second].map(({ server }) => server.stats().node).sort());
  });

  it('[CLUSTER-1] one that was not heard for a while is back with its next beat', async () => {
    const { nodes, wire } = await startNodes(2);
    wire.loses = () => true;
    await until(wire, () => nodes.every((node) => idsOf(node).length === 1));
    wire.loses = () => false;
    await until(wire, () => nodes.every((node) => idsOf(node).length === 2));
  });

  it('[CLUSTER-1] a beat that comes after the good-bye brings nobody back', async () => {
    const { nodes, wire } = await startNodes(2);
    const { node } = nodes[1]!.server.stats();
    await nodes[1]!.server.close();
    await until(wire, () => idsOf(nodes[0]!).length === 1);
    const beat = wire.said.findLast(({ kind, from }) => kind === 'beat' && from === node)!;
    wire.inject(encodeNodeMessage(beat));
    expect(idsOf(nodes[0]!)).toHaveLength(1);
  });

  it('[CLUSTER-1] knows nodesMax at most', async () => {
    const { nodes, wire } = await startNodes(2, { limits: { nodesMax: 3 } });
    const beat = wire.said.find(({ kind }) => kind === 'beat')!;
    for (let i = 0; i < 10; i++)
      wire.inject(encodeNodeMessage({ ...beat, from: `node-${String(i).padStart(17, '0')}` }));
    expect(idsOf(nodes[0]!)).toHaveLength(3);
  });

  it('[CLUSTER-9] adds up what each counts', async () => {
    const { nodes, wire } = await startNodes(3);
    const clients = await Promise.all(nodes.map(({ port }) => RawClient.connect(port)));
    await (await RawClient.connect(nodes[0]!.port)).close(1000);
    await clients[1]!.close(1000);
    const { server } = nodes[2]!;
    const causesOf = ({ causes }: { causes?: unknown }) =>
      Object.values((causes ?? {}) as Record<string, number>);
    await until(wire, () => {
      const { total } = server.clusterStats();
      return total.welcomed === 4 && total.connections === 2 && causesOf(total).join() === '2';
    });
    const { nodes: each } = server.clusterStats();
    expect(each).toHaveLength(3);
    expect(each[0]).toEqual(server.stats());
    expect(each.flatMap(causesOf)).toEqual([1, 1]);
  });

  it('[CLUSTER-9] sums hold whatever another node counts', () => {
    const own = { node: 'a', connections: 2, causes: { closed: 1 } } as unknown as ServerStats;
    const hostile = JSON.parse(
      `{"node":"b","connections":1,"causes":{"__proto__":5,"closed":2},"__proto__":{"x":1},"welcomed":{"x":1},"deep":{"a":{"b":1}},"nodes":"many"}`,
    ) as ServerStats;
    const { total } = sumOf([own, hostile]);
    expect(total).toMatchObject({ connections: 3, causes: { closed: 3 } });
    expect(({} as { x?: number }).x).toBeUndefined();
    const many = Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`n${i}`, 1]));
    expect(Object.keys(sumOf([many as unknown as ServerStats]).total).length).toBeLessThan(300);
  });
});

describe('what comes over the broadcast', () => {
  it('[CLUSTER-2] harms nobody, whatever it is', async () => {
    const { nodes, wire } = await startNodes(2);
    const honest = await Honest.join(nodes[0]!.port);
    const { session } = honest.client.welcome;
    const from = 'AAAAAAAAAAAAAAAAAAAAAA';
    const to = nodes[0]!.server.stats().node;
    const facts = { after: 0, through: 2 ** 50, top: 2 ** 50 };
    const strange: NodeMessage[] = [
      {
        kind: 'takeovers',
        from,
        ...facts,
        facts: [
          [session, 0],
          ['BBBBBBBBBBBBBBBBBBBBBB', 9],
        ],
      },
      {
        kind: 'presence',
        from,
        ...facts,
        pruned: 0,
        facts: [
          ['__proto__', session, 'x'],
          ['honest', session, null],
        ],
      },
      { kind: 'ask', from, to, session, connection: 0, through: 0, requests: [0, 1, 2 ** 50] },
      { kind: 'answer', from, to, session, requests: [1], fate: 'done', code: '', text: '' },
      { kind: 'signal', from, topic: 'nobody' },
      { kind: 'order', from, id: 1, session: from, order: 'close', text: 'no such session' },
      { kind: 'obeyed', from, to, id: 1 },
      { kind: 'bye', from },
    ];
    for (const message of strange) wire.inject(encodeNodeMessage(message));
    for (const bytes of [new Uint8Array(0), new Uint8Array([1]), new Uint8Array(100).fill(255)])
      wire.inject(bytes);
    await honest.works();
    expect(idsOf(nodes[0]!)).toHaveLength(2);
  });

  it('[CLUSTER-2] a server without other nodes keeps none of it', async () => {
    const { server, port } = await startServer();
    const honest = await Honest.join(port);
    await honest.works();
    expect(server.clusterStats()).toMatchObject({ nodes: [server.stats()], total: { connections: 1 } });
    expect(await server.closeSession('AAAAAAAAAAAAAAAAAAAAAA', 'nobody')).toBe(false);
  });
});
