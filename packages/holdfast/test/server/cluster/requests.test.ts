import { describe, expect, it } from 'vitest';
import { deferred, aSentence } from '../fixture.ts';
import { RawClient } from '../raw-client.ts';
import { startNodes, until, type TestNode } from './nodes.ts';

/** Each node counts what it ran. */
function countRuns(nodes: readonly TestNode[], answer: (node: number) => unknown = (node) => `by ${node}`) {
  const runs: number[] = [];
  nodes.forEach(({ server }, node) =>
    server.method('count', () => {
      runs.push(node);
      return answer(node);
    }),
  );
  return runs;
}

/** Goes on with a client's session on another node, as a client does that has no answer for its requests. */
async function move(from: RawClient, to: TestNode, requestSent: number, connection = 2): Promise<RawClient> {
  const { resumeToken, node } = from.welcome;
  return RawClient.connect(to.port, { resumeToken, node, connection, requestSent });
}

const call = { type: 'request', finished: 0, method: 'count', payload: new Uint8Array(0) } as const;

async function replyOf(client: RawClient): Promise<unknown> {
  return JSON.parse(Buffer.from((await client.next('reply')).payload).toString());
}

describe('a request that was sent to another node', () => {
  it('[CLUSTER-5, REQ-1] is not run again: its kept reply is handed over', async () => {
    const { nodes } = await startNodes(2);
    const runs = countRuns(nodes);
    const old = await RawClient.connect(nodes[0]!.port);
    old.request(1, 'count', null);
    await old.next('reply');
    const fresh = await move(old, nodes[1]!, 1);
    fresh.request(1, 'count', null);
    expect(await replyOf(fresh)).toBe('by 0');
    expect(runs).toEqual([0]);
    // A further retry is answered from the second node's own book.
    fresh.request(1, 'count', null);
    expect(await replyOf(fresh)).toBe('by 0');
  });

  it('[CLUSTER-5] has an unknown outcome when its reply is too large to be handed over', async () => {
    const { nodes } = await startNodes(2);
    const runs = countRuns(nodes, () => 'x'.repeat(262_143));
    const old = await RawClient.connect(nodes[0]!.port);
    old.request(1, 'count', null);
    await old.next('reply');
    const fresh = await move(old, nodes[1]!, 1);
    fresh.request(1, 'count', null);
    expect(await fresh.next('failed')).toMatchObject({ id: 1, code: 'outcome-unknown' });
    expect(runs).toEqual([0]);
  });

  it('[CLUSTER-5] and still runs there is answered when it is done', async () => {
    const { nodes, wire } = await startNodes(2);
    const gate = deferred<string>();
    const runs = countRuns(nodes, () => gate.promise);
    const old = await RawClient.connect(nodes[0]!.port);
    old.request(1, 'count', null);
    await old.settled();
    const fresh = await move(old, nodes[1]!, 1);
    fresh.request(1, 'count', null);
    await wire.heard((said) =>
      said.find((message) => message.kind === 'answer' && message.fate === 'running'),
    );
    gate.resolve('at last');
    expect(await replyOf(fresh)).toBe('at last');
    expect(runs).toEqual([0]);
  });

  it('[CLUSTER-5] and failed there fails with the same code', async () => {
    const { nodes } = await startNodes(2);
    const old = await RawClient.connect(nodes[0]!.port);
    old.request(1, 'none', null);
    const { text } = await old.next('failed');
    const fresh = await move(old, nodes[1]!, 1);
    fresh.request(1, 'none', null);
    expect(await fresh.next('failed')).toMatchObject({ id: 1, code: 'unknown-method', text });
  });

  it('[CLUSTER-5] is answered though question and answer were lost once each', async () => {
    const { nodes, wire } = await startNodes(2, { limits: { askTimeoutMs: 20_000 } });
    const runs = countRuns(nodes);
    const old = await RawClient.connect(nodes[0]!.port);
    old.request(1, 'count', null);
    await old.next('reply');
    const lost = new Set<string>();
    wire.loses = ({ kind }) => /ask|answer/.test(kind) && !lost.has(kind) && Boolean(lost.add(kind));
    const fresh = await move(old, nodes[1]!, 1);
    fresh.request(1, 'count', null);
    expect(await replyOf(fresh)).toBe('by 0');
    expect([...lost]).toEqual(['ask', 'answer']);
    expect(runs).toEqual([0]);
  });

  it('[CLUSTER-5, RES-4] has an unknown outcome when that node says nothing in time', async () => {
    const { nodes, wire } = await startNodes(2, { limits: { askTimeoutMs: 100 } });
    const runs = countRuns(nodes);
    const old = await RawClient.connect(nodes[0]!.port);
    wire.loses = ({ kind }) => kind === 'ask';
    const fresh = await move(old, nodes[1]!, 1);
    fresh.request(1, 'count', null);
    const unknown = { operation: 'request', id: 1, code: 'outcome-unknown', text: aSentence };
    expect(await fresh.next('failed')).toMatchObject(unknown);
    expect(runs).toEqual([]);
  });

  it('[CLUSTER-5, CLUSTER-1] has an unknown outcome once that node is dead, however long it was said to run', async () => {
    const { nodes, wire } = await startNodes(2);
    const runs = countRuns(nodes, () => deferred().promise);
    const old = await RawClient.connect(nodes[0]!.port);
    old.request(1, 'count', null);
    await old.settled();
    const fresh = await move(old, nodes[1]!, 1);
    fresh.request(1, 'count', null);
    await wire.heard((said) => said.find((message) => message.kind === 'answer'));
    nodes[0]!.die();
    expect(await fresh.next('failed')).toMatchObject({ id: 1, code: 'outcome-unknown' });
    expect(runs).toEqual([0]);
    // Of a node that is known to be dead nobody is asked.
    const asked = wire.said.filter(({ kind }) => kind === 'ask').length;
    const hello = {
      resumeToken: fresh.welcome.resumeToken,
      connection: 3,
      node: old.welcome.node,
      requestSent: 2,
    };
    const third = await RawClient.connect(nodes[1]!.port, hello);
    third.request(2, 'count', null);
    expect(await third.next('failed')).toMatchObject({ id: 2, code: 'outcome-unknown' });
    expect(wire.said.filter(({ kind }) => kind === 'ask')).toHaveLength(asked);
  });

  it('[CLUSTER-6] and never came there runs where it is retried', async () => {
    const { nodes } = await startNodes(2);
    const runs = countRuns(nodes);
    const old = await RawClient.connect(nodes[0]!.port);
    const fresh = await move(old, nodes[1]!, 1);
    fresh.request(1, 'count', null);
    expect(await replyOf(fresh)).toBe('by 1');
    expect(runs).toEqual([1]);
  });

  it('[CLUSTER-5] many are asked about, and answered, together', async () => {
    const { nodes, wire } = await startNodes(2);
    const runs = countRuns(nodes);
    const old = await RawClient.connect(nodes[0]!.port);
    const requests = Array.from({ length: 100 }, (_, at) => at + 1);
    const fresh = await move(old, nodes[1]!, 100);
    fresh.send(...requests.map((request) => ({ ...call, request })));
    for (const _ of requests) await fresh.next('reply');
    expect(runs).toEqual(requests.map(() => 1));
    for (const kind of ['ask', 'answer'])
      expect(wire.said.filter((message) => message.kind === kind).length).toBeLessThan(5);
  });

  it('[CLUSTER-6] is not run by the first node any more, when it comes there late', async () => {
    const { nodes } = await startNodes(2);
    const runs = countRuns(nodes);
    const old = await RawClient.connect(nodes[0]!.port);
    const fresh = await move(old, nodes[1]!, 1);
    fresh.request(1, 'count', null);
    await fresh.next('reply');
    // Back at the first node, without having heard from the second.
    const back = await move(old, nodes[0]!, 1, 3);
    back.request(1, 'count', null);
    expect(await replyOf(back)).toBe('by 1');
    expect(runs).toEqual([1]);
  });

  it('[CLUSTER-6] is handed over to one node only', async () => {
    const { nodes } = await startNodes(3);
    const runs = countRuns(nodes);
    const old = await RawClient.connect(nodes[0]!.port);
    const fresh = await move(old, nodes[1]!, 1);
    fresh.request(1, 'count', null);
    await fresh.next('reply');
    // The client never heard of the second node, and names the first again.
    const third = await move(old, nodes[2]!, 1, 3);
    third.request(1, 'count', null);
    expect(await third.next('failed')).toMatchObject({ id: 1, code: 'outcome-unknown' });
    expect(runs).toEqual([1]);
  });

  it('[CLUSTER-6] and did not arrive at the second is not run by a third that asks the second', async () => {
    const { nodes } = await startNodes(3);
    const runs = countRuns(nodes);
    const old = await RawClient.connect(nodes[0]!.port);
    old.request(1, 'count', null);
    await old.next('reply');
    const second = await move(old, nodes[1]!, 1);
    const third = await move(second, nodes[2]!, 1, 3);
    third.request(1, 'count', null);
    expect(await third.next('failed')).toMatchObject({ id: 1, code: 'outcome-unknown' });
    // Nor by the second itself, on a further connection.
    const again = await move(second, nodes[1]!, 1, 4);
    again.request(1, 'count', null);
    expect(await replyOf(again)).toBe('by 0');
    expect(runs).toEqual([0]);
  });

  it('[CLUSTER-6] is not run for a connection that was overtaken', async () => {
    const { nodes } = await startNodes(2);
    const runs = countRuns(nodes);
    const first = await RawClient.connect(nodes[0]!.port);
    const third = await move(first, nodes[0]!, 0, 3);
    const second = await move(first, nodes[1]!, 1, 2);
    second.request(1, 'count', null);
    expect((await second.end()).code).toBe(4004);
    await third.settled();
    expect(runs).toEqual([]);
  });

  it('[CLUSTER-5] is forgotten with the client’s confirmation, on both nodes', async () => {
    const { nodes, wire } = await startNodes(2);
    countRuns(nodes);
    const old = await RawClient.connect(nodes[0]!.port);
    old.request(1, 'count', null);
    const fresh = await move(old, nodes[1]!, 1);
    fresh.request(1, 'count', null);
    await fresh.next('reply');
    fresh.request(2, 'count', null, 2);
    expect(await replyOf(fresh)).toBe('by 1');
    const asked = () => wire.said.filter(({ kind }) => kind === 'ask').length;
    expect(asked()).toBe(1);
    fresh.request(1, 'count', null);
    expect(await fresh.next('failed')).toMatchObject({ id: 1, code: 'outcome-unknown' });
    expect(asked()).toBe(1);
  });

  it('[DRAIN-4, CLUSTER-5] is finished by a node that drains, and answered where its client went', async () => {
    const { nodes, wire } = await startNodes(2);
    const gate = deferred<string>();
    countRuns(nodes, () => gate.promise);
    const old = await RawClient.connect(nodes[0]!.port);
    old.request(1, 'count', null);
    await old.settled();
    let isDrained = false;
    const { server } = nodes[0]!;
    const closed = server
      .drain({ deadlineMs: 20_000 })
      .then(() => (isDrained = true))
      .then(() => server.close());
    await old.next('go-away');
    const fresh = await move(old, nodes[1]!, 1);
    fresh.request(1, 'count', null);
    await until(wire, () => wire.said.some(({ kind }) => kind === 'answer'));
    await old.end();
    await fresh.settled();
    expect(isDrained).toBe(false);
    gate.resolve('done');
    expect(await replyOf(fresh)).toBe('done');
    await closed;
  });

  it('[DRAIN-4] is not waited for beyond the deadline, nor by a node that is alone', async () => {
    const { nodes, wire } = await startNodes(2);
    countRuns(nodes, () => deferred().promise);
    for (const { port, server } of nodes) {
      const client = await RawClient.connect(port);
      client.request(1, 'count', null);
      await client.settled();
      client.webSocket.terminate();
      await server.drain({ deadlineMs: server === nodes[0]!.server ? 100 : 60_000 });
      await server.close();
      await until(wire, () => nodes.at(-1)!.server.clusterStats().nodes.length === 1);
    }
  });
});
