import { describe, expect, it } from 'vitest';
import { eventOf } from '../fixture.ts';
import { RawClient } from '../raw-client.ts';
import { startNodes, until } from './nodes.ts';

async function connect(port: number, token = '', connection = 1): Promise<RawClient> {
  return RawClient.connect(port, { resumeToken: token, connection });
}

describe('a session on two nodes', () => {
  it('[CLUSTER-3] the older connection is closed with superseded, though its node knows of nothing', async () => {
    const { nodes } = await startNodes(2);
    const old = await connect(nodes[0]!.port);
    const { resumeToken, session } = old.welcome;
    const fresh = await connect(nodes[1]!.port, resumeToken, 2);
    expect(fresh.welcome).toMatchObject({ resumed: true, session });
    expect((await old.end()).code).toBe(4004);
    await fresh.settled();
  });

  it('[CLUSTER-3] a hello that was overtaken on another node is closed there, and the later one stays', async () => {
    const { nodes } = await startNodes(2);
    const first = await connect(nodes[0]!.port);
    const { resumeToken } = first.welcome;
    const third = await connect(nodes[0]!.port, resumeToken, 3);
    const second = await connect(nodes[1]!.port, resumeToken, 2);
    expect((await second.end()).code).toBe(4004);
    await third.settled();
  });

  it('[CLUSTER-3] of two with one number, one stays', async () => {
    const { nodes } = await startNodes(2);
    const first = await connect(nodes[0]!.port);
    const { resumeToken } = first.welcome;
    const twins = [
      await connect(nodes[0]!.port, resumeToken, 2),
      await connect(nodes[1]!.port, resumeToken, 2),
    ];
    const ended = await Promise.race(twins.map((twin) => twin.end().then(() => twin)));
    await twins.find((twin) => twin !== ended)!.settled();
  });

  it('[CLUSTER-3] a takeover that was lost on its way is told again with a beat', async () => {
    const { nodes, wire } = await startNodes(2);
    const old = await connect(nodes[0]!.port);
    let lost = 0;
    wire.loses = ({ kind }) => kind === 'takeovers' && lost++ < 3;
    const fresh = await connect(nodes[1]!.port, old.welcome.resumeToken, 2);
    expect((await old.end()).code).toBe(4004);
    expect(lost).toBeGreaterThan(3);
    await fresh.settled();
  });

  it('[CLUSTER-3] a node that was cut off hears of all takeovers once it is back', async () => {
    const { nodes, wire } = await startNodes(2);
    const [a, b] = nodes.map(({ server }) => server);
    const old = await Promise.all(Array.from({ length: 5 }, () => connect(nodes[0]!.port)));
    wire.loses = () => true;
    await until(wire, () => [a, b].every((server) => server!.clusterStats().nodes.length === 1));
    for (const { welcome } of old) await connect(nodes[1]!.port, welcome.resumeToken, 2);
    for (const client of old) await client.settled();
    wire.loses = () => false;
    for (const client of old) expect((await client.end()).code).toBe(4004);
  });

  it('[CLUSTER-3] what all have heard is not told again', async () => {
    const { nodes, wire } = await startNodes(2);
    const old = await connect(nodes[0]!.port);
    await connect(nodes[1]!.port, old.welcome.resumeToken, 2);
    await old.end();
    const saidOften = () => wire.said.filter(({ kind }) => kind === 'takeovers').length;
    const beats = () => wire.said.filter(({ kind }) => kind === 'beat').length;
    const heardAt = beats() + 4;
    await until(wire, () => beats() > heardAt);
    const before = saidOften();
    await until(wire, () => beats() > heardAt + 10);
    expect(saidOften()).toBe(before);
  });

  it('[CLUSTER-4] the welcome does not wait for other nodes', async () => {
    const { nodes, wire } = await startNodes(2);
    const old = await connect(nodes[0]!.port);
    wire.loses = () => true;
    const hello = {
      resumeToken: old.welcome.resumeToken,
      connection: 2,
      node: old.welcome.node,
      requestSent: 1,
    };
    const fresh = await RawClient.connect(nodes[1]!.port, hello);
    fresh.request(1, 'any', null);
    fresh.request(2, 'none', null);
    // What was never sent elsewhere is answered, while the other request still waits.
    expect(await fresh.next('failed')).toMatchObject({ id: 2, code: 'unknown-method' });
    expect((await fresh.published(1, 't', 1)).sequence).toBe(1);
  });
});

describe('what the application wants of a session', () => {
  it('[CLUSTER-8] is done by the node that has it', async () => {
    let allowed = true;
    const authorize = () => allowed;
    const { nodes } = await startNodes(3, { authenticate: ({ token }) => ({ id: token }), authorize });
    const client = await RawClient.connect(nodes[0]!.port, { token: 'ann' });
    const { session } = client.welcome;
    const { server } = nodes[2]!;
    await client.subscribed(1, '$inbox');
    await client.subscribed(2, '$user');
    await client.subscribed(3, 'news');
    await server.sendToSession(session, 'to the session');
    expect(await client.dataOf(1)).toEqual(['to the session']);
    await server.sendToUser('ann', 'to the user');
    expect(await client.dataOf(2)).toEqual(['to the session', 'to the user']);
    allowed = false;
    expect(await server.reauthorizeSession(session)).toBe(true);
    expect(await client.next('failed')).toMatchObject({ id: 3, code: 'not-authorized' });
    const left = eventOf(nodes[0]!.server, 'disconnect');
    expect(await server.closeSession(session, 'Enough.')).toBe(true);
    expect(await client.end()).toEqual({ code: 4005, reason: 'Enough.' });
    expect(await left).toMatchObject({ reason: 'ended-by-server' });
  });

  it('[CLUSTER-8] is done though the order was lost once, and said to be undone when nobody has the session', async () => {
    const { nodes, wire } = await startNodes(2, { limits: { askTimeoutMs: 1_500 } });
    const client = await connect(nodes[0]!.port);
    let lost = 0;
    wire.loses = ({ kind }) => kind === 'order' && lost++ === 0;
    expect(await nodes[1]!.server.closeSession(client.welcome.session, 'Enough.')).toBe(true);
    expect((await client.end()).code).toBe(4005);
    expect(await nodes[1]!.server.closeSession(client.welcome.session, 'Again.')).toBe(false);
  });

  it('[CLUSTER-7] a signal reaches the live subscribers of every node, once', async () => {
    const { nodes } = await startNodes(3);
    const clients = await Promise.all(nodes.map(({ port }) => connect(port)));
    for (const client of clients) await client.subscribed(1, 'cursors');
    clients[0]!.signal('cursors', { x: 1 });
    nodes[1]!.server.topic('others').signal('nobody');
    for (const client of clients) {
      const { payload } = await client.next('signaled');
      expect(JSON.parse(Buffer.from(payload).toString())).toEqual({ x: 1 });
    }
    nodes[2]!.server.topic('cursors').signal({ x: 2 });
    for (const client of clients) {
      await client.next('signaled');
      expect(client.ofType('signaled')).toHaveLength(2);
    }
  });

  it('[CLUSTER-7] one that is too large for a message between nodes reaches its own node’s', async () => {
    const { nodes } = await startNodes(2);
    const [own, other] = await Promise.all(nodes.map(({ port }) => connect(port)));
    for (const client of [own!, other!]) await client.subscribed(1, 'cursors');
    for (const data of ['x'.repeat(525_000), 'small']) {
      nodes[0]!.server.topic('cursors').signal(data);
      await own!.next('signaled');
    }
    const { payload } = await other!.next('signaled');
    expect(JSON.parse(Buffer.from(payload).toString())).toBe('small');
  });
});
