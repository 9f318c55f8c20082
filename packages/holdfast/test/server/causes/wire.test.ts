import { expect, it } from 'vitest';
import { endings, type WireRecord } from '../../../src/protocol/schema.ts';
import type { ServerEvents } from '../../../src/server/types.ts';
import { startServer, type Server } from '../fixture.ts';
import { startNodes } from '../cluster/nodes.ts';
import { helloRecord, RawClient, type Hello } from '../raw-client.ts';
import { hints } from './scene.ts';

type Flight = WireRecord<'flight'>;

function flightRecord(of: Partial<Flight> = {}): Flight {
  return {
    type: 'flight',
    connection: 1,
    openMs: 50,
    silentInMs: 10,
    silentOutMs: 10,
    endedBy: 'peer',
    code: 1006,
    hints: 0,
    sleptMs: 0,
    attempts: 0,
    agoMs: 0,
    ...of,
  };
}

/** Comes back to a session with a flight. */
async function comeBack(
  port: number,
  { welcome }: RawClient,
  flight: Partial<Flight>,
  hello: Hello = {},
): Promise<RawClient> {
  const client = await RawClient.dial(port);
  const { resumeToken, node } = welcome;
  client.send(helloRecord({ connection: 2, resumeToken, node, ...hello }), flightRecord(flight));
  await client.next('welcome');
  return client;
}

function explainedBy(server: Server): ServerEvents['explained'][] {
  const events: ServerEvents['explained'][] = [];
  server.on('explained', (event) => events.push(event));
  return events;
}

it('[CAUSE-2] the cause comes in the welcome’s message, and the server’s application hears it, too', async () => {
  const { server, port } = await startServer();
  const events = explainedBy(server);
  const first = await RawClient.connect(port);
  const second = await comeBack(port, first, { endedBy: 'timeout', code: 0, agoMs: 40 });
  const cause = await second.next('cause');
  expect(second.records.slice(0, 2).map(({ type }) => type)).toEqual(['welcome', 'cause']);
  expect(cause).toMatchObject({ id: 'half-open', confidence: 85 });
  expect(events).toMatchObject([
    { session: { id: first.welcome.session }, cause: { id: 'half-open', confidence: 0.85 } },
  ]);
  expect(cause.text).toBe(events[0]!.cause.evidence.join(' '));
  expect(server.stats().causes).toEqual({ 'half-open': 1 });
  await first.end();
  await expect.poll(() => server.stats().closes).toEqual({ superseded: 1 });
  expect(server.stats().causes, 'the old connection, once it is closed, is not another').toEqual({
    'half-open': 1,
  });
});

it('[CAUSE-2] what is known at the end comes with the disconnect', async () => {
  const { server, port } = await startServer();
  const records: unknown[] = [];
  server.on('disconnect', ({ reason, record }) => records.push({ reason, record }));
  const client = await RawClient.connect(port, { connection: 7 });
  await client.settled();
  client.webSocket.terminate();
  await expect.poll(() => records).toHaveLength(1);
  expect(records[0]).toEqual({
    reason: 1006,
    record: {
      connection: 7,
      openMs: expect.any(Number),
      silentInMs: expect.any(Number),
      silentOutMs: expect.any(Number),
      endedBy: 'peer',
      reason: 1006,
      endedAtMs: expect.any(Number),
      wasToldToGo: false,
      address: expect.any(Number),
    },
  });
  expect(server.stats().causes, 'its client may still come back and say more').toEqual({});
});

it('[CAUSE-1] a flight that is late, or comes again, is ignored', async () => {
  const { server, port } = await startServer();
  const first = await RawClient.connect(port);
  const second = await comeBack(port, first, { endedBy: 'timeout', code: 0, agoMs: 40 });
  second.send(flightRecord({ code: 4003 }), flightRecord({ connection: 2, code: 4003 }));
  await second.settled();
  expect(second.ofType('cause')).toHaveLength(1);
  expect(server.stats().causes).toEqual({ 'half-open': 1 });
});

it('[CAUSE-1, HELLO-2] a flight waits with the rest until its client is authenticated', async () => {
  const { port } = await startServer({
    authenticate: async ({ token }) => ({ id: token }),
    authorize: () => true,
  });
  const first = await RawClient.connect(port, { token: 'ann' });
  const second = await comeBack(port, first, { endedBy: 'timeout', code: 0, agoMs: 40 }, { token: 'ann' });
  expect(await second.next('cause')).toMatchObject({ id: 'half-open' });
});

it('[CAUSE-2] a client that tells nothing is told nothing', async () => {
  const { server, port } = await startServer();
  const first = await RawClient.connect(port);
  const { resumeToken } = first.welcome;
  const second = await RawClient.connect(port, { resumeToken, connection: 2 });
  await second.settled();
  expect(second.ofType('cause')).toEqual([]);
  expect(server.stats().causes, 'it took over what was in use').toEqual({ superseded: 1 });
});

it('[CAUSE-3] a goodbye is explained at once, a drain too', async () => {
  const { server, port } = await startServer();
  const events = explainedBy(server);
  await (await RawClient.connect(port)).close(1000);
  await expect.poll(() => server.stats().causes).toEqual({ 'client-closed': 1 });
  const client = await RawClient.connect(port);
  const drained = server.drain({ deadlineMs: 5_000 });
  await client.next('go-away');
  await client.close(1001);
  await drained;
  expect(server.stats().causes).toEqual({ 'client-closed': 1, 'server-drain': 1 });
  expect(events.map(({ cause }) => cause.id)).toEqual(['client-closed', 'server-drain']);
});

it('[CAUSE-3] a process that was killed and came back is told by the client’s record alone', async () => {
  const [old, next] = [await startServer(), await startServer()];
  const first = await RawClient.connect(old.port);
  const back = await comeBack(next.port, first, { attempts: 2, agoMs: 5_000 });
  expect(back.welcome.resumed).toBe(false);
  expect(await back.next('cause')).toMatchObject({ id: 'server-crash', confidence: 90 });
});

it('[CAUSE-3] a device that slept longer than the server waits', async () => {
  const { server, port } = await startServer({ heartbeat: { intervalMs: 1_000, graceMs: 2_000 } });
  const first = await RawClient.connect(port);
  await first.end();
  const slept = { hints: hints('slept'), sleptMs: 60_000, openMs: 60_100, silentInMs: 60_050 };
  const back = await comeBack(port, first, slept);
  expect(await back.next('cause')).toMatchObject({ id: 'device-slept' });
  expect(server.stats().closes).toEqual({ 'heartbeat-timeout': 1 });
});

it('[CAUSE-5] a session that goes on on another node is explained there alone', async () => {
  const { nodes } = await startNodes(2);
  const [here, there] = nodes as [(typeof nodes)[0], (typeof nodes)[0]];
  const standing = await RawClient.connect(here.port);
  const ended = await RawClient.connect(here.port);
  ended.webSocket.terminate();
  await expect.poll(() => here.server.stats().closes).toEqual({ 1006: 1 });
  // What nodes tell each other comes in order.
  for (const client of [ended, standing]) await comeBack(there.port, client, { code: 4010 });
  expect((await standing.end()).code).toBe(4004);
  await expect.poll(() => here.server.stats().closes).toEqual({ 1006: 1, superseded: 1 });
  expect(there.server.stats().causes).toEqual({ 'server-drain': 2 });
  await here.server.close();
  expect(here.server.stats().causes).toEqual({});
});

it('[CAUSE-6] a node that was killed is told as soon as nobody hears it any more', async () => {
  const { nodes } = await startNodes(2);
  const [here, there] = nodes as [(typeof nodes)[0], (typeof nodes)[0]];
  const first = await RawClient.connect(here.port);
  here.die();
  const back = await comeBack(there.port, first, {});
  await back.settled();
  expect(back.ofType('cause'), 'it may live').toEqual([]);
  expect(await back.next('cause')).toMatchObject({ id: 'server-crash', confidence: 75 });
  expect(there.server.stats().causes).toEqual({ 'server-crash': 1 });
});

it('[CAUSE-6] a node that lives has not crashed, and one that said goodbye has not, either', async () => {
  const { nodes, wire } = await startNodes(2);
  const [here, there] = nodes as [(typeof nodes)[0], (typeof nodes)[0]];
  const [first, second] = [await RawClient.connect(here.port), await RawClient.connect(here.port)];
  const back = await comeBack(there.port, first, {});
  expect(await back.next('cause')).toMatchObject({
    id: 'unknown',
    text: expect.stringContaining('still there'),
  });
  await here.server.close();
  await wire.heard((said) => said.some(({ kind }) => kind === 'bye'));
  const next = await comeBack(there.port, second, { code: 1001 });
  expect(await next.next('cause')).toMatchObject({ id: 'server-closed', confidence: 85 });
});

it.each(endings)('[CAUSE-4, WIRE-5] the largest numbers, ended by %s, do no harm', async (endedBy) => {
  const { port } = await startServer();
  const first = await RawClient.connect(port);
  const max = Number.MAX_SAFE_INTEGER;
  const flight = flightRecord({ endedBy });
  for (const [name, value] of Object.entries(flight)) {
    if (typeof value === 'number' && name !== 'connection') Object.assign(flight, { [name]: max });
  }
  const back = await comeBack(port, first, flight);
  expect((await back.next('cause')).confidence).toBeLessThanOrEqual(100);
  await back.settled();
});
