import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { requirePeer } from './peers.ts';
import type { ServerCalls } from './programs/server.ts';
import { type Child, startChild } from './support/child.ts';
import { expectEachOnce, type Numbered, openClient, patient } from './support/ledger.ts';
import { openNginx } from './support/nginx.ts';
import { RedisServer } from './support/redis.ts';
import { openHaproxy } from './support/haproxy.ts';

/** The figures in the docs are of 500; CI is content with fewer, and holds no times against a slow machine. */
const clientCount = Number(process.env['ROLLING_CLIENTS'] ?? 60);
const isTimed = process.env['ROLLING_CLIENTS'] !== undefined;
/** So many share a topic: what one publishes, they all get. */
const perTopic = 10;
const publishEveryMs = 500;
const drainMs = 10_000;
const silenceMsMax = 500;

/** A client that publishes to its topic, at a steady pace, and notes what it hears there. */
class Member {
  readonly name: string;
  readonly topic: string;
  readonly messages: Numbered[] = [];
  readonly ready: Promise<unknown>;
  published = 0;
  refused: unknown[] = [];
  longestSilenceMs = 0;
  slowestAnswerMs = 0;
  private heardAtMs = NaN;
  private readonly place: number;
  private pace: NodeJS.Timeout | undefined;
  private readonly pending = new Set<Promise<void>>();
  private readonly client: ReturnType<typeof openClient>['client'];

  constructor(url: string, index: number) {
    this.name = `client-${index}`;
    this.place = index % perTopic;
    this.topic = `topic-${Math.floor(index / perTopic)}`;
    this.client = openClient(url).client;
    this.ready = this.client.subscribe(this.topic, (message: Numbered) => this.take(message)).ready;
  }

  start(): void {
    this.heardAtMs = performance.now();
    const begin = (): void => {
      this.publish();
      this.pace = setInterval(() => this.publish(), publishEveryMs);
    };
    // Evenly one after the other, so that a topic is never silent by itself for long.
    this.pace = setTimeout(begin, (this.place * publishEveryMs) / perTopic);
  }

  async stop(): Promise<void> {
    clearInterval(this.pace);
    await Promise.all(this.pending);
  }

  private take({ publisher, n }: Numbered): void {
    this.messages.push({ publisher, n });
    const nowMs = performance.now();
    this.longestSilenceMs = Math.max(this.longestSilenceMs, nowMs - this.heardAtMs);
    this.heardAtMs = nowMs;
  }

  private publish(): void {
    const sentAtMs = performance.now();
    const message: Numbered = { publisher: this.name, n: ++this.published };
    const publish = this.client.publish(this.topic, message).then(
      () => void (this.slowestAnswerMs = Math.max(this.slowestAnswerMs, performance.now() - sentAtMs)),
      (error: unknown) => void this.refused.push(error),
    );
    this.pending.add(publish);
    void publish.then(() => this.pending.delete(publish));
  }
}

async function startNode(
  redisUrl: string,
  port: number,
): Promise<{ child: Child<ServerCalls>; port: number }> {
  const child = await startChild<ServerCalls>('server');
  const listening = await child.call('listen', port, { redis: { url: redisUrl } });
  await child.call('drainOnSignal', drainMs);
  return { child, port: listening };
}

const connectionsOf = async (child: Child<ServerCalls>): Promise<number> =>
  (await child.call('stats')).connections;

/** A proxy before two nodes that asks the other one when a node drains, which it says with 503, or is gone. */
const proxies = {
  nginx: (ports: readonly number[]) =>
    openNginx(ports, 'proxy_read_timeout 60s; proxy_next_upstream error timeout http_503;'),

  haproxy: (ports: readonly number[]) =>
    openHaproxy(
      ports.map((port) => `127.0.0.1:${port}`),
      'inter 1s',
      ['option redispatch 1', 'retry-on conn-failure empty-response response-timeout 503', 'retries 3'],
    ),
};

describe.each(['nginx', 'haproxy'] as const)('a rolling restart of two nodes behind %s', (name) => {
  const runIf = it.runIf(requirePeer(name, 'redis-server'));

  runIf(
    `[DRAIN-1, DRAIN-3] ${clientCount} clients move before their node ends: nothing is lost, nothing comes twice`,
    async () => {
      const redis = await RedisServer.start();
      onTestFinished(() => redis.stop());
      const nodes = [await startNode(redis.url, 0), await startNode(redis.url, 0)];
      const { port } = await proxies[name](nodes.map((node) => node.port));
      const members = Array.from({ length: clientCount }, (_, i) => new Member(`ws://127.0.0.1:${port}/`, i));
      await Promise.all(members.map(({ ready }) => ready));
      for (const member of members) member.start();
      for (const { child } of nodes) expect(await connectionsOf(child)).toBeGreaterThan(clientCount / 4);

      const drainsMs: number[] = [];
      for (const [index, { child, port: nodePort }] of nodes.entries()) {
        const other = nodes[1 - index]!.child;
        const startedAtMs = performance.now();
        child.signal('SIGTERM');
        await child.exited;
        drainsMs.push(performance.now() - startedAtMs);
        expect(child.exitCode).toBe(0);
        expect(await connectionsOf(other), 'all have moved').toBe(clientCount);
        nodes[index] = await startNode(redis.url, nodePort);
      }

      await Promise.all(members.map((member) => member.stop()));
      for (const member of members) {
        const topicMembers = members.filter(({ topic }) => topic === member.topic);
        const counts = Object.fromEntries(topicMembers.map(({ name, published }) => [name, published]));
        await vi.waitFor(() => expectEachOnce(member.messages, counts), patient);
        expect(member.refused).toEqual([]);
      }
      const silenceMs = Math.max(...members.map(({ longestSilenceMs }) => longestSilenceMs));
      const answerMs = Math.max(...members.map(({ slowestAnswerMs }) => slowestAnswerMs));
      console.info(
        `${name}: ${clientCount} clients, ${members.reduce((sum, { published }) => sum + published, 0)} publishes: longest silence ` +
          `${silenceMs.toFixed(0)} ms, slowest acknowledgement ${answerMs.toFixed(0)} ms, drains ${drainsMs.map((ms) => ms.toFixed(0)).join(' and ')} ms.`,
      );
      for (const ms of drainsMs) expect(ms).toBeLessThan(drainMs);
      if (isTimed) expect(silenceMs).toBeLessThan(silenceMsMax);
    },
  );
});
