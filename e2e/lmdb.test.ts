import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Client, Position } from 'holdfast/client';
import { lmdbLog } from 'holdfast/logs/lmdb';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { requirePeer } from './peers.ts';
import type { ServerCalls } from './programs/server.ts';
import { type Child, startChild } from './support/child.ts';
import { becomes, expectEachOnce, Ledger, openClient, patient } from './support/ledger.ts';
import { openChaos, openServer } from './support/servers.ts';

const LIVES = 50;
const IN_FLIGHT = 64;

function freshFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-e2e-lmdb-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A publisher that never rests: its messages are numbered, and each one's acknowledgement is kept. */
class Publisher {
  readonly positions = new Map<number, Position>();
  readonly failures: unknown[] = [];
  private readonly client: Client;
  private readonly topic: string;
  private readonly loops: Promise<void>[];
  private n = 0;
  private isOver = false;

  constructor(client: Client, topic: string) {
    this.client = client;
    this.topic = topic;
    this.loops = Array.from({ length: IN_FLIGHT }, () => this.loop());
  }

  /** Stops, when everything that was published is acknowledged, and gives how many that were. */
  async end(): Promise<number> {
    this.isOver = true;
    await Promise.all(this.loops);
    return this.n;
  }

  private async loop(): Promise<void> {
    while (!this.isOver) {
      const n = ++this.n;
      try {
        this.positions.set(n, await this.client.publish(this.topic, { publisher: this.topic, n }));
      } catch (error) {
        this.failures.push(error);
        return;
      }
    }
  }
}

it('[PUB-1, PUB-3, RES-2] kill -9 at 50 random instants under load: nothing acknowledged is lost, nothing comes twice', async () => {
  const folder = freshFolder();
  let port = 0;
  const path = await openChaos(() => port);
  const options = { backoff: { baseMs: 20, capMs: 100 } };
  const [one, two] = [openClient(path.url('ws'), options).client, openClient(path.url('ws'), options).client];
  const live = new Ledger(openClient(path.url('ws'), options).client, 'one', 'start');
  const publishers = [new Publisher(one, 'one'), new Publisher(two, 'two')];

  // Starting takes longer than living: the next ones are started while this one lives.
  const start = (): Promise<Child<ServerCalls>> => startChild<ServerCalls>('server', { compiled: true });
  const spares = [start(), start()];
  let child: Child<ServerCalls> | undefined;
  for (let life = 1; life <= LIVES; life++) {
    child = await spares.shift()!;
    port = await child.call('listen', 0, { lmdb: folder, topics: { '*': { retention: { countMax: 1e6 } } } });
    if (life === LIVES) break;
    if (life + spares.length < LIVES) spares.push(start());
    const before = publishers.map(({ positions }) => positions.size);
    await vi.waitFor(() => {
      for (const [i, { positions }] of publishers.entries())
        expect(positions.size).toBeGreaterThan(before[i]!);
    }, patient);
    await delay(Math.random() * 150);
    await child.kill();
  }
  await Promise.all([one, two].map((client) => becomes(client, 'live')));
  const counts = await Promise.all(publishers.map((publisher) => publisher.end()));

  for (const [index, { positions, failures }] of publishers.entries()) {
    const topic = index === 0 ? 'one' : 'two';
    expect(failures, 'publishes that failed').toEqual([]);
    expect(positions.size).toBe(counts[index]);
    expect(new Set([...positions.values()].map(({ epoch }) => epoch)).size, 'one epoch').toBe(1);
    const kept = new Ledger(openClient(path.url('ws')).client, topic, 'start');
    await kept.reaches(await child!.call('publish', topic, 1));
    kept.messages.pop();
    expect(kept.gaps).toEqual([]);
    expectEachOnce(kept.messages, { [topic]: counts[index]! });
    for (const [offset, { n }] of kept.messages.entries()) {
      expect(positions.get(n)!.offset, `where ${n} was acknowledged`).toBe(offset + 1);
    }
  }
  expect(live.gaps, 'who was subscribed all the time has no gap').toEqual([]);
  live.messages.pop();
  expectEachOnce(live.messages, { one: counts[0]! });
}, 180_000);

it('[HUB-2, HUB-5] processes on one folder: what one takes the others deliver, also when a third is killed', async () => {
  const folder = freshFolder();
  const children = await Promise.all([1, 2, 3].map(() => startChild<ServerCalls>('server')));
  const ports = await Promise.all(children.map((child) => child.call('listen', 0, { lmdb: folder })));
  const [a, b, c] = ports.map((port) => openClient(`ws://127.0.0.1:${port}`).client);
  const ledgers = [a!, b!].map((client) => new Ledger(client, 'news', 'now'));
  await Promise.all(ledgers.map(({ ready }) => ready));
  const publishers = [a!, b!, c!].map(async (client, index) => {
    for (let n = 1; n <= 100; n++) {
      if (index === 2 && n === 50) await children[2]!.kill();
      // The third has nowhere to go once its server is gone.
      const publish = client.publish('news', { publisher: `node ${index}`, n });
      if (index === 2 && n === 50) return void publish.catch(() => {});
      await publish;
    }
  });
  await Promise.all(publishers);
  const position = await a!.publish('news', { publisher: 'end', n: 1 });
  for (const ledger of ledgers) {
    await ledger.reaches(position);
    expect(ledger.gaps).toEqual([]);
    expectEachOnce(ledger.messages, { 'node 0': 100, 'node 1': 100, 'node 2': 49, end: 1 });
  }
  expect(ledgers[0]!.messages).toEqual(ledgers[1]!.messages);
});

describe.runIf(requirePeer('mount'))('on a full disk', () => {
  it('[PUB-1, ERR-1] a publish fails, the server and its connections stay, and go on once there is room', async () => {
    const folder = freshFolder();
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', folder]);
    onTestFinished(() => void execFileSync('umount', ['--lazy', folder]));
    const ballast = join(folder, 'ballast');
    writeFileSync(ballast, Buffer.alloc(1_048_576));
    const { server, port } = await openServer({
      log: lmdbLog(join(folder, 'log')),
      topics: { '*': { retention: { countMax: 1e6 } } },
    });
    const { client } = openClient(`ws://127.0.0.1:${port}`);
    const ledger = new Ledger(client, 'news', 'start');
    await ledger.ready;

    const text = 'x'.repeat(10_000);
    let n = 0;
    const fill = async (): Promise<void> => {
      for (;;) await server.publish('news', { publisher: 'server', n: ++n, text });
    };
    await expect(fill()).rejects.toThrow(/the disk is full.*Free some space/);
    const kept = n - 1;
    for (let i = 0; i < 3; i++) {
      await expect(client.publish('news', { publisher: 'client', n: 0, text })).rejects.toMatchObject({
        code: 'log-full',
        message: expect.not.stringContaining(folder) as string,
      });
    }

    const ready = async (): Promise<number> => (await fetch(`http://127.0.0.1:${port}/readyz`)).status;
    expect(await ready()).toBe(503);
    rmSync(ballast);
    await vi.waitFor(async () => expect(await ready()).toBe(200), patient);
    const position = await client.publish('news', { publisher: 'client', n: 1, text });
    expect(server.stats()).toMatchObject({ connections: 1, welcomed: 1 });
    await ledger.reaches(position);
    expectEachOnce(ledger.messages, { server: kept, client: 1 });
    expect(ledger.gaps).toEqual([]);
  });

  it('a new log does not end the process, but is refused', async () => {
    const folder = freshFolder();
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder]);
    onTestFinished(() => void execFileSync('umount', ['--lazy', folder]));
    writeFileSync(join(folder, 'ballast'), Buffer.alloc(1_048_576 - 65_536));
    await expect(openServer({ log: lmdbLog(join(folder, 'log')) })).rejects.toThrow(
      /is on a full disk\. Free some space/,
    );
  });
});
