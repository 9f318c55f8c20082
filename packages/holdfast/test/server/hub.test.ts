import { expect, it, vi } from 'vitest';
import { decode } from '../../src/protocol/codec.ts';
import type { Position } from '../../src/protocol/position.ts';
import type { WireRecord } from '../../src/protocol/schema.ts';
import { Hub, type HubTopic } from '../../src/server/hub.ts';
import { memoryLog } from '../../src/server/logs/memory.ts';
import type { FollowedMessage, MessageLog } from '../../src/server/message-log.ts';
import { Cursor } from '../../src/session/cursor.ts';
import { deferred } from './fixture.ts';

const policyOf = () => ({
  policy: 'replay' as const,
  presence: false,
  retention: { countMax: 10, bytesMax: 1_000, ageMaxMs: 1_000_000 },
});

/** A memory log whose followers miss messages while `isDeaf`. */
async function lossyLog(): Promise<{ log: MessageLog; deafen(isDeaf: boolean): void }> {
  const inner = memoryLog();
  await inner.open({
    retentionOf: () => policyOf().retention,
    nowMs: () => 0,
    random: () => 0.5,
    dedupTtlMs: 1_000,
    dedupWindow: 16,
    heard: () => {},
  });
  let deaf = false;
  const follow = (topic: string, listener: (message: FollowedMessage) => void) =>
    inner.follow(topic, (message) => deaf || listener(message));
  const log = new Proxy(inner, {
    get: (target, name) => (name === 'follow' ? follow : Reflect.get(target, name).bind(target)),
  });
  return { log, deafen: (isDeaf) => (deaf = isDeaf) };
}

async function openHub() {
  const { log, deafen } = await lossyLog();
  const hub = new Hub(log, policyOf, { messagesMax: 10, bytesMax: 1_000 }, () => {});
  const topic = await hub.use('news');
  const lagged: Position[] = [];
  const sent: Uint8Array[] = [];
  const cursor = new Cursor<HubTopic>(1, 'topic');
  const subscriber = {
    // A run is lent for the time of the call.
    offer: (bytes: Uint8Array) => sent.push(bytes.slice()) > 0,
    lag: (_: Cursor<HubTopic>, position: Position) => void lagged.push(position),
  };
  topic.live.set(cursor, subscriber);
  const append = (bytes = 1, name = 'news') => log.append(name, undefined, 0, new Uint8Array(bytes));
  return { log, hub, topic, cursor, subscriber, lagged, sent, append, deafen };
}

function offsetsOf(message: Uint8Array): number[] {
  const [run] = decode(message) as WireRecord<'messages'>[];
  return run!.entries.map(({ offset }) => offset);
}

it('[HUB-4] the loss of the last message on its way sends live cursors back to the log', async () => {
  const { hub, topic, lagged, append, deafen } = await openHub();
  await append();
  hub.flush();
  const { sent: last } = topic;
  deafen(true);
  await append();
  await hub.check();
  expect(lagged, 'the topic was not quiet before').toEqual([]);
  await hub.check();
  expect(lagged).toEqual([last]);
  expect(topic.live.size).toBe(0);
});

it('[HUB-4] nothing happens while nothing was lost', async () => {
  const { hub, topic, lagged, append } = await openHub();
  await append();
  hub.flush();
  for (let i = 0; i < 3; i++) await hub.check();
  expect(lagged).toEqual([]);
  expect(topic.live.size).toBe(1);
});

it('[HUB-2] a message that does not continue the chain sends live cursors back to the log', async () => {
  const { hub, topic, lagged, sent, append, deafen } = await openHub();
  await append();
  hub.flush();
  const { sent: last } = topic;
  deafen(true);
  await append();
  deafen(false);
  await append();
  expect(lagged).toEqual([last]);
  expect(sent).toHaveLength(1);
});

it('[HUB-1] a run that fills a page leaves at once, and what is left at the end of the turn', async () => {
  const { hub, lagged, sent, append } = await openHub();
  for (let i = 0; i < 5; i++) await append(400);
  expect(sent.map(offsetsOf)).toEqual([
    [1, 2],
    [3, 4],
  ]);
  hub.flush();
  expect(sent.map(offsetsOf)).toEqual([[1, 2], [3, 4], [5]]);
  expect(lagged).toEqual([]);
});

it('[HUB-4] topics of which the log tells nothing, or not yet, keep no other from being compared', async () => {
  const { hub, lagged, append, deafen, log } = await openHub();
  const top = log.top.bind(log);
  const held = deferred();
  for (const name of ['slow', 'broken']) {
    const other = await hub.use(name);
    other.live.set(new Cursor<HubTopic>(2, 'topic'), { offer: () => true, lag: () => {} });
  }
  // The one that is asked about last.
  const quiet = await hub.use('quiet');
  quiet.live.set(new Cursor<HubTopic>(3, 'topic'), {
    offer: () => true,
    lag: (_, position) => void lagged.push(position),
  });
  await hub.check();
  deafen(true);
  await append(1, 'quiet');
  log.top = async (name) => {
    if (name === 'slow') await held.promise;
    if (name === 'broken') throw new Error('no answer');
    return top(name);
  };
  const checked = hub.check();
  expect(hub.check(), 'one check at a time').toBe(checked);
  await vi.waitFor(() => expect(lagged).toEqual([{ epoch: quiet.sent.epoch, offset: 0 }]));
  held.resolve();
  await expect(checked).rejects.toThrow('no answer');
});

it('[HUB-9] a page is read once for all who want it in one turn, and anew in the next', async () => {
  const { hub, log, topic, append } = await openHub();
  const start = topic.sent;
  await append();
  const read = vi.spyOn(log, 'read');
  const page = await hub.pageAfter(topic, start);
  expect(page.entries).toHaveLength(1);
  expect(await hub.pageAfter(topic, start)).toBe(page);
  expect((await hub.pageAfter(topic, { ...start, offset: 1 })).entries, 'from elsewhere').toEqual([]);
  hub.flush();
  await append();
  expect((await hub.pageAfter(topic, start)).entries).toHaveLength(2);
  expect(read).toHaveBeenCalledTimes(3);
});

it('[HUB-9] an empty page is only for those who wait for it: a cursor that asks again gets what is there by then', async () => {
  const { hub, topic, append } = await openHub();
  const [first, second] = [hub.pageAfter(topic, topic.sent), hub.pageAfter(topic, topic.sent)];
  expect(await first).toBe(await second);
  await append();
  expect((await hub.pageAfter(topic, topic.sent)).entries).toHaveLength(1);
});

it('[HUB-9] a page that could not be read is read again', async () => {
  const { hub, log, topic } = await openHub();
  vi.spyOn(log, 'read').mockRejectedValueOnce(new Error('no answer'));
  await expect(hub.pageAfter(topic, topic.sent)).rejects.toThrow('no answer');
  expect((await hub.pageAfter(topic, topic.sent)).entries).toEqual([]);
});
