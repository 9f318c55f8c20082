import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { connect } from '../../../src/client/node.ts';
import type { PresenceMessage, Present } from '../../../src/server/create-server.ts';
import { jsonCodec } from '../../../src/protocol/payload.ts';
import { aSentence, startServer } from '../fixture.ts';
import { RawClient } from '../raw-client.ts';
import { nodeStarter, startNodes, until, Wire } from './nodes.ts';

/** Waiting for what a client is told; long, for machines that have much else to do. */
const patient = { timeout: 20_000, interval: 10 };
const topics = { 'room/*': { presence: true } };
const byToken = { authenticate: ({ token }: { token: string }) => ({ id: token }) };

const usersOf = ({ present }: { present: readonly Present[] }): string[] =>
  present.map(({ user }) => user).sort();

/** A client's own list, as it hears of it. */
function listOf(client: RawClient): string[] {
  const list = new Map<string, string>();
  for (const message of client.data as PresenceMessage[]) {
    if (message.present) list.clear();
    for (const { session, user } of [...(message.present ?? []), ...(message.joined ?? [])])
      list.set(session, user);
    for (const { session } of message.left ?? []) list.delete(session);
  }
  return [...list.values()].sort();
}

async function sees(client: RawClient, ...users: string[]): Promise<void> {
  while (listOf(client).join() !== users.join()) await client.next('messages');
}

async function join(port: number, token: string, topic = 'room/1'): Promise<RawClient> {
  const client = await RawClient.connect(port, { token });
  await client.subscribed(1, topic);
  return client;
}

describe('presence', () => {
  it('[CLUSTER-10] lists who subscribes, on every node', async () => {
    const { nodes, wire } = await startNodes(3, { ...byToken, topics, authorize: () => true });
    const ann = await join(nodes[0]!.port, 'ann');
    const bob = await join(nodes[1]!.port, 'bob');
    await bob.subscribed(2, 'room/1');
    await bob.subscribed(3, 'room/2');
    for (const { server } of nodes) {
      await until(wire, () => usersOf(server.presence('room/1')).join() === 'ann,bob');
      await until(wire, () => usersOf(server.presence('room/2')).join() === 'bob');
      expect(server.presence('room/1').count).toBe(2);
    }
    // One of two subscriptions less, and the session is still there; with the other it has left at once.
    bob.send({ type: 'unsubscribe', subscription: 2 });
    await bob.settled();
    expect(usersOf(nodes[1]!.server.presence('room/1'))).toEqual(['ann', 'bob']);
    bob.send({ type: 'unsubscribe', subscription: 1 });
    await bob.settled();
    expect(usersOf(nodes[1]!.server.presence('room/1'))).toEqual(['ann']);
    await ann.close(1000);
    for (const { server } of nodes) await until(wire, () => server.presence('room/1').count === 0);
  });

  it('[CLUSTER-10] who lost the connection and came back on another node never left', async () => {
    const { nodes, wire } = await startNodes(2, { ...byToken, topics });
    const watcher = await RawClient.connect(nodes[0]!.port, { token: 'eve' });
    await watcher.subscribed(1, '$presence:room/1');
    const ann = await join(nodes[0]!.port, 'ann');
    await sees(watcher, 'ann');
    const { resumeToken } = ann.welcome;
    const again = await RawClient.connect(nodes[1]!.port, { token: 'ann', resumeToken, connection: 2 });
    await again.subscribed(1, 'room/1');
    expect((await ann.end()).code).toBe(4004);
    // Several beats later the old node has taken its own off, and the session is there by the new one.
    const beats = () => wire.said.filter(({ kind }) => kind === 'beat').length;
    const afterwards = beats() + 8;
    await until(wire, () => beats() > afterwards);
    expect(usersOf(nodes[0]!.server.presence('room/1'))).toEqual(['ann']);
    expect(watcher.data).toHaveLength(1);
    again.webSocket.terminate();
    await sees(watcher);
  });

  it('[CLUSTER-10] the sessions of a dead node have left when it is dead, and are back when it is heard again', async () => {
    const { nodes, wire } = await startNodes(2, { ...byToken, topics });
    await join(nodes[1]!.port, 'bob');
    const { server } = nodes[0]!;
    await until(wire, () => server.presence('room/1').count === 1);
    const watcher = await RawClient.connect(nodes[0]!.port, { token: 'eve' });
    await watcher.subscribed(1, '$presence:room/1', 'start');
    await sees(watcher, 'bob');
    wire.loses = () => true;
    await sees(watcher);
    wire.loses = () => false;
    await sees(watcher, 'bob');
    await nodes[1]!.server.close();
    await sees(watcher);
  });

  it('[CLUSTER-10] a node that starts later learns who is there, and one that missed something catches up', async () => {
    const wire = new Wire();
    const start = nodeStarter(wire, { ...byToken, topics });
    const first = await start();
    const clients = await Promise.all(['ann', 'bob', 'cat'].map((token) => join(first.port, token)));
    const second = await start();
    await until(wire, () => second.server.presence('room/1').count === 3);
    wire.loses = ({ kind }) => kind === 'presence';
    await clients[0]!.close();
    await join(first.port, 'dan');
    const beats = wire.said.length + 10;
    await until(wire, () => wire.said.length > beats);
    expect(usersOf(second.server.presence('room/1'))).toEqual(['ann', 'bob', 'cat']);
    wire.loses = () => false;
    await until(wire, () => usersOf(second.server.presence('room/1')).join() === 'bob,cat,dan');
  });

  it('[CLUSTER-10] who left while a node was taken for dead has left there, too, once it is heard again', async () => {
    const { nodes, wire } = await startNodes(2, { ...byToken, topics });
    const [teller, listener] = [nodes[0]!.server, nodes[1]!.server];
    const ann = await join(nodes[0]!.port, 'ann');
    await join(nodes[0]!.port, 'bob');
    await until(wire, () => listener.presence('room/1').count === 2);
    wire.loses = ({ from, kind }) => from === listener.stats().node || kind === 'presence';
    await until(wire, () => teller.clusterStats().nodes.length === 1);
    await ann.close(1000);
    const said = wire.said.length + 10;
    await until(wire, () => wire.said.length > said);
    expect(usersOf(listener.presence('room/1'))).toEqual(['ann', 'bob']);
    wire.loses = () => false;
    await until(wire, () => usersOf(listener.presence('room/1')).join() === 'bob');
  });

  it('[CLUSTER-10] names up to presentMax, and counts all', async () => {
    const { port, server } = await startServer({ ...byToken, topics, limits: { presentMax: 2 } });
    for (const token of ['ann', 'bob', 'cat']) await join(port, token);
    expect(server.presence('room/1')).toMatchObject({
      count: 3,
      present: [{ user: 'ann' }, { user: 'bob' }],
    });
    expect(server.presence('room/2')).toEqual({ count: 0, present: [] });
    expect(() => server.presence('elsewhere')).toThrow(/no presence/);
  });
});

describe('who is on a topic, as clients see it', () => {
  it('[CLUSTER-11] is a list, then comings and goings', async () => {
    const { port } = await startServer({ ...byToken, topics });
    const ann = await join(port, 'ann');
    const watcher = await RawClient.connect(port, { token: 'eve' });
    await watcher.subscribed(1, '$presence:room/1', 'start');
    const here = (client: RawClient, user: string): Present => ({ session: client.welcome.session, user });
    await watcher.dataOf(1);
    const bob = await join(port, 'bob');
    await watcher.dataOf(2);
    await bob.close(1000);
    expect(await watcher.dataOf(3)).toEqual([
      { count: 1, present: [here(ann, 'ann')] },
      { count: 2, joined: [here(bob, 'bob')], left: [] },
      { count: 1, joined: [], left: [here(bob, 'bob')] },
    ]);
  });

  it('[CLUSTER-11] is a gap and the list as it is now, where a watcher comes from another node', async () => {
    const { nodes } = await startNodes(2, { ...byToken, topics });
    await join(nodes[1]!.port, 'ann');
    const first = await RawClient.connect(nodes[0]!.port, { token: 'eve' });
    await first.subscribed(1, '$presence:room/1', 'start');
    await sees(first, 'ann');
    const { epoch, previous, entries } = first.ofType('messages').at(-1)!;
    const position = { epoch, offset: entries.at(-1)?.offset ?? previous };
    const second = await RawClient.connect(nodes[1]!.port, { token: 'eve' });
    await second.subscribed(1, '$presence:room/1', position);
    expect(await second.next('gap')).toMatchObject({ reason: 'epoch', fromEpoch: epoch });
    await sees(second, 'ann');
    expect(second.data).toMatchObject([{ present: [{ user: 'ann' }] }]);
  });

  it('[CLUSTER-11] needs a handler of three lines, also when its client moves between nodes', async () => {
    const { nodes, wire } = await startNodes(2, { ...byToken, topics });
    const ann = await join(nodes[0]!.port, 'ann');
    let { port } = nodes[0]!;
    const client = connect(async () => `ws://127.0.0.1:${port}`, { token: 'eve' });
    onTestFinished(() => client.close());
    const here = new Map<string, Present>();
    // As docs/presence.md has it.
    client.subscribe(
      '$presence:room/1',
      ({ present, joined = [], left = [] }: PresenceMessage) => {
        if (present) here.clear();
        for (const who of [...(present ?? []), ...joined]) here.set(who.session, who);
        for (const { session } of left) here.delete(session);
      },
      { from: 'start' },
    );
    const users = () => [...here.values()].map(({ user }) => user).sort();
    await vi.waitFor(() => expect(users()).toEqual(['ann']), patient);
    await join(nodes[1]!.port, 'bob');
    await vi.waitFor(() => expect(users()).toEqual(['ann', 'bob']), patient);
    port = nodes[1]!.port;
    client.reconnect();
    await vi.waitFor(() => expect(nodes[0]!.server.stats().connections).toBe(1), patient);
    await ann.close(1000);
    await until(wire, () => nodes[1]!.server.presence('room/1').count === 1);
    await vi.waitFor(() => expect(users()).toEqual(['bob']), patient);
    expect(await client.request('$presence', 'room/1')).toMatchObject({
      count: 1,
      present: [{ user: 'bob' }],
    });
  });

  it('[CLUSTER-11, FLOW-2] a watcher that fell behind is given the list, not what it missed', async () => {
    const { port } = await startServer({ ...byToken, topics });
    const watcher = await RawClient.connect(port, { token: 'eve' });
    const { epoch, offset } = await watcher.subscribed(1, '$presence:room/1');
    await join(port, 'ann');
    await join(port, 'bob');
    await sees(watcher, 'ann', 'bob');
    const told = watcher.data.length;
    await watcher.subscribed(2, '$presence:room/1', { epoch, offset });
    await watcher.dataOf(told + 1);
    expect(watcher.data.at(-1)).toMatchObject({ count: 2, present: [{ user: 'ann' }, { user: 'bob' }] });
    expect(watcher.ofType('gap')).toEqual([]);
  });

  it('[CLUSTER-12, AUTH-5] is for those who may read the topic, and only of topics that have it', async () => {
    const may = new Set(['room/1', 'plain']);
    const { port, server } = await startServer({
      topics,
      authorize: (_, action, name) => action !== 'subscribe' || may.has(name),
    });
    const client = await RawClient.connect(port);
    await client.subscribed(1, '$presence:room/1');
    client.subscribe(2, '$presence:room/2');
    expect(await client.next('failed')).toMatchObject({ id: 2, code: 'not-authorized' });
    for (const [subscription, name] of [
      '$presence:plain',
      '$presence:$inbox',
      '$presence:',
      '$presence:$presence:room/1',
    ].entries()) {
      client.subscribe(10 + subscription, name);
      expect(await client.next('failed')).toMatchObject({ id: 10 + subscription, code: 'reserved-topic' });
    }
    client.publish(1, '$presence:room/1', 'forged');
    expect(await client.next('failed')).toMatchObject({ id: 1, code: 'reserved-topic' });
    // A right that is withdrawn takes the presence with it.
    may.delete('room/1');
    await server.session(client.welcome.session)!.reauthorize();
    expect(await client.next('gap')).toMatchObject({ subscription: 1, reason: 'not-authorized' });
  });

  it('[CLUSTER-12] can be asked for', async () => {
    const { port } = await startServer({
      ...byToken,
      topics,
      authorize: (_, action, name) => name === 'room/1' || action === 'request',
    });
    const client = await join(port, 'ann');
    client.request(1, '$presence', 'room/1');
    const { payload } = await client.next('reply');
    expect(jsonCodec.decode(payload)).toMatchObject({ count: 1, present: [{ user: 'ann' }] });
    const failures = { 'room/2': 'not-authorized', plain: 'invalid-payload', $inbox: 'invalid-payload' };
    let request = 1;
    for (const [topic, code] of Object.entries(failures)) {
      client.request(++request, '$presence', topic);
      expect(await client.next('failed')).toMatchObject({ id: request, code, text: aSentence });
    }
    client.request(++request, '$presence', { topic: 'room/1' });
    expect(await client.next('failed')).toMatchObject({ id: request, code: 'invalid-payload' });
  });

  it('[CLUSTER-12] the names under which it is asked for and read are nobody else’s', async () => {
    const { port } = await startServer({ ...byToken, topics: { '*': { presence: true } } });
    const client = await join(port, 'ann', 'anything');
    await client.subscribed(2, '$inbox');
    await client.subscribed(3, '$presence:anything', 'start');
    expect(await client.dataOf(1)).toMatchObject([{ count: 1 }]);
    client.subscribe(4, '$presence:$presence:anything');
    expect(await client.next('failed')).toMatchObject({ id: 4, code: 'reserved-topic' });
  });
});
