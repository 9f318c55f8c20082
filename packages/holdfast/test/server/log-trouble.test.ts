import { expect, it, onTestFinished } from 'vitest';
import { connect } from '../../src/client/node.ts';
import { HoldfastError, memoryLog } from '../../src/server/create-server.ts';
import { jsonCodec } from '../../src/protocol/payload.ts';
import { aSentence, deferred, startServer } from './fixture.ts';
import { RawClient } from './raw-client.ts';

it('[HUB-6] while the log says that it can’t be used, /readyz is 503 with the reason, and connections stay', async () => {
  let trouble: string | undefined = 'The disk is full.';
  const log = Object.assign(memoryLog(), { health: () => trouble });
  const { port } = await startServer({ log });
  const client = await RawClient.connect(port);
  const refused = await fetch(`http://127.0.0.1:${port}/readyz`);
  expect([refused.status, await refused.json()]).toEqual([
    503,
    { state: 'open', reason: 'The disk is full.' },
  ]);
  expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200);
  trouble = undefined;
  expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(200);
  await client.published(1, 't', 'still here');
});

it('[PUB-2] what was still being authorized when an earlier publish failed is not applied before it comes again', async () => {
  const log = memoryLog();
  const append = log.append.bind(log);
  const sequences: number[] = [];
  log.append = (topic, session, sequence, payload) => {
    sequences.push(sequence);
    if (sequences.length === 1) return Promise.reject(new Error('no answer'));
    return append(topic, session, sequence, payload);
  };
  const answer = deferred<boolean>();
  const asked = deferred();
  const authorize = (_identity: unknown, _action: string, topic: string): boolean | Promise<boolean> => {
    if (topic !== 'slow') return true;
    asked.resolve();
    return answer.promise;
  };
  const { port } = await startServer({ log, authorize });
  const client = await RawClient.connect(port);
  const payload = jsonCodec.encode(1);
  client.send(
    { type: 'publish', sequence: 1, topic: 'fast', payload },
    { type: 'publish', sequence: 2, topic: 'slow', payload },
  );
  await asked.promise;
  expect(await client.end()).toEqual({ code: 4009, reason: aSentence });
  answer.resolve(true);
  // Whoever publishes after it comes after it.
  const other = await RawClient.connect(port);
  await other.published(1, 'slow', 'later');
  expect(sequences).toEqual([1, 1]);
});

it('[ERR-1] what the log takes never fails for good, and leaves the connection alone', async () => {
  const log = memoryLog();
  const append = log.append.bind(log);
  log.append = (topic, ...rest) =>
    topic === 'heavy'
      ? Promise.reject(new HoldfastError('too-big', 'The log takes at most 1 KiB.'))
      : append(topic, ...rest);
  const { port } = await startServer({ log });
  const client = await RawClient.connect(port);
  client.send({ type: 'publish', sequence: 1, topic: 'heavy', payload: jsonCodec.encode(1) });
  expect(await client.next('failed')).toMatchObject({
    id: 1,
    code: 'too-big',
    text: 'The log takes at most 1 KiB.',
  });
  await client.published(2, 't', 'still here');
});

it('[HUB-6] a subscription whose start the log can’t tell ends its connection, and leaves no topic behind', async () => {
  const before = (): Promise<never> => Promise.reject(new Error('no answer'));
  const { server, port } = await startServer({ log: Object.assign(memoryLog(), { before }) });
  const client = await RawClient.connect(port);
  client.send({ type: 'subscribe', subscription: 1, topic: 't', from: 'start', epoch: 0, offset: 0 });
  expect(await client.end()).toEqual({ code: 4009, reason: aSentence });
  expect(server.stats().topics).toBe(0);
});

it('[SUB-8] a log is told that inboxes end with their sessions, and no other topic does', async () => {
  const log = memoryLog();
  const open = log.open.bind(log);
  let isTransient = (_topic: string): boolean | undefined => undefined;
  log.open = (config) => {
    isTransient = (topic) => config.retentionOf(topic).isTransient;
    return open(config);
  };
  await startServer({ log });
  expect(isTransient('$inbox:session')).toBe(true);
  for (const topic of ['news', '$user:somebody']) expect(isTransient(topic)).toBeUndefined();
});

it('[ERR-1] a log without room fails the publish and nothing else; where it is, its operator alone is told, once', async () => {
  const log = memoryLog();
  const append = log.append.bind(log);
  let hasRoom = false;
  log.append = (...publish) =>
    hasRoom ? append(...publish) : Promise.reject(new HoldfastError('log-full', 'The disk at /srv is full.'));
  const { port, lines } = await startServer({ log });
  const client = connect(`ws://127.0.0.1:${port}/`);
  onTestFinished(() => client.close());
  for (let n = 0; n < 3; n++) {
    const refused = await client.publish('t', n).catch((error: unknown) => error as HoldfastError);
    expect(refused).toMatchObject({ code: 'log-full', message: aSentence });
    expect((refused as HoldfastError).message).not.toContain('/srv');
  }
  expect(lines.filter((line) => line.includes('/srv'))).toHaveLength(1);
  hasRoom = true;
  expect(await client.publish('t', 3)).toMatchObject({ offset: 1 });
  expect(client.status.cause).toBeUndefined();
});
