import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it, vi } from 'vitest';
import type { ClientCalls } from './programs/client.ts';
import type { ServerCalls } from './programs/server.ts';
import { startChild } from './support/child.ts';
import { expectEachOnce, Ledger, openClient, patient } from './support/ledger.ts';

const MESSAGE_BYTES = 65_536;
/** One MiB in each round. */
const MESSAGES_PER_ROUND = 16;
/** With everybody reading, until retention (16 MiB) is full: what comes on top is the stopped one's, and garbage. */
const WARM_UP_ROUNDS = 20;

/** Memory in use, and its highest since it was last asked (proc(5): clear_refs, VmHWM). Linux only. */
function takeMemory(pid: number): { nowBytes: number; peakBytes: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const bytesOf = (name: string): number =>
    1_024 * Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)![1]);
  writeFileSync(`/proc/${pid}/clear_refs`, '5');
  return { nowBytes: bytesOf('VmRSS'), peakBytes: bytesOf('VmHWM') };
}

async function openBroadcast(options: Parameters<ServerCalls['listen']>[1]) {
  const server = await startChild<ServerCalls>('server');
  const url = `ws://127.0.0.1:${await server.call('listen', 0, options)}/`;
  const reader = await startChild<ClientCalls>('client');
  await reader.call('connect', url);
  await reader.call('subscribe', 'news', 'start');
  const others = [1, 2, 3].map(() => new Ledger(openClient(url).client, 'news', 'start'));
  await Promise.all(others.map(({ ready }) => ready));
  let sent = 0;
  /** Sends on when the others have what was sent before: they show that a stopped one does not hold them back. */
  const broadcast = async (rounds: number): Promise<void> => {
    for (let round = 0; round < rounds; round++) {
      const top = await server.call('publish', 'news', MESSAGES_PER_ROUND, MESSAGE_BYTES);
      sent = top.offset;
      await Promise.all(others.map((other) => other.reaches(top)));
    }
  };
  return { server, reader, others, broadcast, sent: () => sent };
}

/** Everything from 1 to `through`, in order: each message as itself, or within a gap that says so. */
function expectCovered(received: ReturnType<ClientCalls['received']>, through: number): void {
  let cursor = 0;
  for (const item of received) {
    if ('gap' in item) expect(item.gap.from.offset, 'a gap begins where delivery stood').toBe(cursor);
    else expect(item.n, 'the next message').toBe(cursor + 1);
    cursor = 'gap' in item ? item.gap.to.offset : item.n;
  }
  expect(cursor).toBe(through);
}

async function endsWith(reader: Awaited<ReturnType<typeof openBroadcast>>['reader'], n: number) {
  await vi.waitFor(async () => expect(await reader.call('lastN')).toBe(n), patient);
  return reader.call('received');
}

describe.runIf(process.platform === 'linux')('a client process that is stopped (SIGSTOP)', () => {
  it('[FLOW-1, FLOW-2] costs the server nothing under 300 MB, and afterwards gets what is retained, behind a gap', async () => {
    const { server, reader, others, broadcast, sent } = await openBroadcast({});
    await broadcast(WARM_UP_ROUNDS);
    await endsWith(reader, sent());
    const before = takeMemory(server.pid);

    reader.signal('SIGSTOP');
    await broadcast(300);
    const { peakBytes } = takeMemory(server.pid);
    const grownBytes = peakBytes - before.nowBytes;
    expect(grownBytes, `${grownBytes} bytes grown`).toBeLessThan(64 * 1_048_576);
    for (const { messages, gaps } of others) {
      expectEachOnce(messages, { server: sent() });
      expect(gaps).toEqual([]);
    }
    expect((await server.call('stats')).connections, 'nobody is disconnected for being slow').toBe(4);

    reader.signal('SIGCONT');
    const received = await endsWith(reader, sent());
    expectCovered(received, sent());
    const gaps = received.flatMap((item) => ('gap' in item ? [item.gap.reason] : []));
    expect(gaps).toContain('retention');
    const last = received.findLastIndex((item) => 'gap' in item);
    expect(received.length - last, 'a topic keeps 16 MiB').toBeGreaterThan(200);
    expect((await server.call('stats')).closes).toEqual({});
  });

  it('[LIVE-2, SUB-4] that the server has given up comes back, with a gap where something is gone and nothing twice', async () => {
    const heartbeat = { intervalMs: 1_000, graceMs: 2_000 };
    const { server, reader, broadcast, sent } = await openBroadcast({ heartbeat });
    await broadcast(2);
    reader.signal('SIGSTOP');
    await broadcast(64);
    await vi.waitFor(
      async () => expect((await server.call('stats')).closes).toEqual({ 'heartbeat-timeout': 1 }),
      patient,
    );
    reader.signal('SIGCONT');
    expectCovered(await endsWith(reader, sent()), sent());
    expect((await server.call('stats')).resumed).toBeGreaterThanOrEqual(1);
  });
});
