import { createClient } from '@redis/client';
import { connect, type Client } from 'holdfast/client';
import { redisLog } from 'holdfast/logs/redis';
import type { MessageLog } from 'holdfast/server';
import { monotonicMs } from '../lab/clock.ts';
import { serve } from '../lab/serve.ts';

/** Sends one after the other, and takes the time until each has come out at the other end. */
async function timeEach(
  count: number,
  send: (n: number) => unknown,
  arrivals: { next: (n: number) => void },
): Promise<number[]> {
  const elapsedMs: number[] = [];
  for (let n = 1; n <= count; n++) {
    const startedAtMs = monotonicMs();
    await new Promise<void>((resolve, reject) => {
      arrivals.next = (arrived) => {
        if (arrived === n) resolve();
      };
      Promise.resolve(send(n)).catch(reject);
    });
    elapsedMs.push(monotonicMs() - startedAtMs);
  }
  return elapsedMs;
}

async function openLog(url: string): Promise<MessageLog> {
  const log = redisLog({ url, prefix: 'crossing' });
  await log.open({
    retentionOf: () => ({ countMax: 10_000, bytesMax: 16 * 2 ** 20, ageMaxMs: 3_600_000 }),
    nowMs: Date.now,
    random: Math.random,
    dedupTtlMs: 1_200_000,
    dedupWindow: 256,
    heard: () => {},
  });
  return log;
}

let appending: MessageLog;
let publisher: Client;
let subscriber: Client;
let bare: { publish(n: number): unknown };
const crossed = { next: (_n: number): void => {} };
const heard = { next: (_n: number): void => {} };
const followed = { next: (_n: number): void => {} };

let sequence = 0;

function textOf(n: number): string {
  return JSON.stringify({ n, text: 'x'.repeat(32) });
}

const commands = {
  /** A client on each of two nodes, two logs as nodes have them, and two bare connections to their Redis. */
  open: async ({ ports, url }: { ports: readonly [number, number]; url: string }): Promise<void> => {
    [publisher, subscriber] = ports.map((port) => connect(`ws://127.0.0.1:${port}/`)) as [Client, Client];
    await subscriber.subscribe('crossing', ({ n }: { n: number }) => crossed.next(n), { from: 'now' }).ready;
    await publisher.publish('crossing', { n: 0, text: '' });
    const [first, second] = [await openLog(url), await openLog(url)];
    appending = first;
    const read = (bytes: Uint8Array): { n: number } =>
      JSON.parse(new TextDecoder().decode(bytes)) as { n: number };
    await second.follow('t', ({ payload }) => followed.next(read(payload).n));
    const [from, to] = await Promise.all([createClient({ url }).connect(), createClient({ url }).connect()]);
    await to.subscribe('bare', (message) => heard.next((JSON.parse(message) as { n: number }).n));
    bare = { publish: (n) => from.publish('bare', textOf(n)) };
  },

  /** From a client of one node to a client of the other. */
  cross: (count: number): Promise<number[]> =>
    timeEach(count, (n) => publisher.publish('crossing', JSON.parse(textOf(n))), crossed),

  /** From one node's log to the other's. */
  nodes: (count: number): Promise<number[]> =>
    timeEach(
      count,
      (n) => appending.append('t', 'session', ++sequence, new TextEncoder().encode(textOf(n))),
      followed,
    ),

  /** What Redis itself takes: PUBLISH on one connection, heard on another. */
  bare: (count: number): Promise<number[]> => timeEach(count, (n) => bare.publish(n), heard),
};

export type CrossingCommands = typeof commands;
serve(commands);
