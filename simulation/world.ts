import { HoldfastError } from '../packages/holdfast/src/protocol/error-codes.ts';
import type { Position } from '../packages/holdfast/src/protocol/position.ts';
import type { Client } from '../packages/holdfast/src/client/client.ts';
import type { ClientStorage } from '../packages/holdfast/src/client/options.ts';
import type { Subscription } from '../packages/holdfast/src/client/subscription.ts';
import type { Start } from '../packages/holdfast/src/client/types.ts';
import type { HoldfastServer } from '../packages/holdfast/src/server/server.ts';
import { createTestbed, type Process, type Testbed } from '../packages/holdfast/src/testing/kit.ts';
import { ReaderHistory, Violation } from './history.ts';
import { checkPresence, FenceWatch, PresenceWatch, sessionsOnTwo, subscribersOf } from './nodes.ts';
import { lmdb, memory, nats, redis } from './log-profile.ts';
import { SimLog } from './sim-log.ts';
import type { SimLogView } from './sim-log-view.ts';

/** What was published, by whom, and how it ended. */
interface Publish {
  session: string;
  topic: string;
  state: 'pending' | 'acknowledged' | 'refused' | 'unknown';
  code?: string;
}

interface SimServer {
  port: number;
  server: HoldfastServer;
  process: Process;
  view: SimLogView;
}

interface SimClient {
  name: string;
  /** Which session it goes on with: lives without storage have one each. */
  session: string;
  client: Client;
  process: Process;
  /** When it was last continued after a stop: it can't have been live before. */
  wokeAtMs: number;
  storage: Map<string, string> | undefined;
  readers: ReaderHistory[];
  watch?: PresenceWatch;
}

const topics = ['news', 'chat', 'latest/ticks'] as const;
/** The one of which it is known who is on it. */
const watched = 'chat';
/** A request that waits this long for its answer while its client is live has been forgotten by somebody. */
const ANSWER_MAX_MS = 20_000;

/** One whole system in virtual time: its servers, its clients, what they do, and what must hold of it. */
export class World {
  readonly testbed: Testbed;
  readonly random: () => number;
  readonly log: SimLog;
  readonly volatile: boolean;
  readonly servers: SimServer[] = [];
  readonly clients: SimClient[] = [];
  readonly publishes = new Map<string, Publish>();
  readonly executions = new Map<string, number>();
  private readonly ranOn = new Map<string, number>();
  /** How far the handlers of a client that has storage got, by client and subscription. */
  readonly processed = new Map<string, Position>();
  violation: Violation | undefined;
  private readonly fences = new FenceWatch();
  stats = { delivered: 0, gaps: 0, acknowledged: 0, replies: 0, failures: 0, handedOver: 0 };
  private readonly nodes: number;
  private numbers = 0;
  private lives = 0;

  constructor(seed: number) {
    this.testbed = createTestbed({ seed });
    this.random = this.testbed.random;
    this.nodes = 1 + Math.floor(this.random() * 3);
    // A node that is alone may keep its log in its own memory, which a crash takes away; several share one.
    const profile = this.pick(this.nodes === 1 ? [memory, lmdb] : [lmdb, redis, nats])!;
    this.volatile = profile.isVolatile;
    const countMax = 20 + Math.floor(this.random() * 200);
    this.log = new SimLog(this.testbed.clock, this.random, countMax, profile);
    this.testbed.network.quality = {
      latencyMs: 2 + this.random() * 80,
      jitterMs: this.random() * 60,
      bytesPerMs: 100,
    };
  }

  start(): void {
    for (let i = 0; i < this.nodes; i++) this.startServer(i + 1);
    const count = 2 + Math.floor(this.random() * 4);
    for (let i = 0; i < count; i++) this.startClient(`client-${i}`, this.chance(0.4) ? new Map() : undefined);
  }

  startServer(port: number): void {
    const view = this.log.view();
    const { server, process } = this.testbed.server(
      {
        log: view,
        heartbeat: { intervalMs: 5_000, graceMs: 5_000 },
        topics: { 'latest/*': { policy: 'latest' }, [watched]: { presence: true } },
        limits: {
          socketHighWaterBytes: 2_000,
          pageMessagesMax: 7,
          sessionTtlMs: 120_000,
          windowMax: 16,
          nodeBeatMs: 1_000,
        },
      },
      port,
    );
    // Two methods, so that answers come both at once and after a while.
    server.method('now', (id: string) => this.execute(id, port));
    server.method('later', async (id: string) => {
      await new Promise<void>((resolve) => process.clock.setTimer(resolve, this.random() * 2_000));
      return this.execute(id, port);
    });
    view.process = process.clock;
    this.servers.push({ port, server, process, view });
  }

  startClient(name: string, storage: Map<string, string> | undefined): void {
    const { client, process } = this.testbed.client(
      () => `ws://virtual:${1 + Math.floor(this.random() * this.nodes)}/`,
      {
        name,
        connectTimeoutMs: 4_000,
        backoff: { capMs: 5_000 },
        outbox: { countMax: 100 },
        ...(storage ? { storage: storageOf(storage), storageKey: name } : {}),
      },
    );
    const session = storage ? name : `${name}, life ${++this.lives}`;
    const simClient: SimClient = { name, session, client, process, wokeAtMs: 0, storage, readers: [] };
    this.clients.push(simClient);
    for (const topic of topics) if (this.chance(0.7)) this.subscribe(simClient, topic);
    // A life that goes on where the last one was has its list from there.
    if (!storage && this.chance(0.3)) simClient.watch = new PresenceWatch(name, client, watched);
  }

  subscribe({ client, name, readers, process, storage }: SimClient, topic: string): void {
    const starts: Start[] = ['now', 'start', { last: 5 }];
    const from = starts[Math.floor(this.random() * starts.length)]!;
    const reader = new ReaderHistory(this.log, name, topic, {
      conflates: topic.startsWith('latest/'),
      volatile: this.volatile,
    });
    const subscriptionName = `${topic} ${readers.filter((other) => other.topic === topic).length}`;
    const key = `${name}: ${subscriptionName}`;
    const resumesAfter = this.processed.get(key);
    const begin = (position: Position): void => {
      this.check(() => reader.begin(position, resumesAfter));
    };
    const done = (position: Position): void => {
      if (storage) this.processed.set(key, position);
    };
    const slow = this.chance(0.15);
    const subscription: Subscription = client.subscribe(
      topic,
      (text: string, { position }) => {
        this.stats.delivered++;
        // Messages that came along with the answer are here before `ready` has been heard.
        if (subscription.position) begin(subscription.position);
        this.check(() => reader.message(text, position));
        if (!slow) return done(position);
        return new Promise<void>((resolve) => {
          process.clock.setTimer(() => {
            done(position);
            resolve();
          }, this.random() * 300);
        });
      },
      { from, name: subscriptionName },
    );
    subscription.on('gap', (gap) => {
      this.stats.gaps++;
      if (subscription.position) begin(subscription.position);
      this.check(() => reader.gap(gap));
      done(gap.to);
    });
    subscription.on('error', (error) => {
      if (!(error instanceof HoldfastError))
        this.check(() => fail(`${name}: a handler failed: ${String(error)}`));
    });
    subscription.ready.then(begin).catch(() => {});
    readers.push(reader);
  }

  publish({ client, session }: SimClient): void {
    const topic = topics[Math.floor(this.random() * topics.length)]!;
    const text = `m${++this.numbers}${this.chance(0.05) ? ' '.repeat(1_500) : ''}`;
    const publish: Publish = { session, topic, state: 'pending' };
    this.publishes.set(text, publish);
    client.publish(topic, text).then(
      (position) => {
        publish.state = 'acknowledged';
        this.stats.acknowledged++;
        const found = this.log.truth.some(
          (entry) => entry.text === text && entry.position.offset === position.offset,
        );
        this.check(
          () =>
            found || fail(`"${text}" was acknowledged at ${position.offset}, where the log does not have it`),
        );
      },
      (error: HoldfastError) => {
        this.stats.failures++;
        publish.state = error.code === 'outcome-unknown' || error.code === 'closed' ? 'unknown' : 'refused';
        publish.code = error.code;
        this.check(() => this.checkRefusal(text, error.code));
      },
    );
  }

  request(simClient: SimClient): void {
    const { client } = simClient;
    const id = `r${++this.numbers}`;
    client.request(this.chance(0.5) ? 'now' : 'later', id).then(
      (answer) => {
        this.stats.replies++;
        // By a node that its client is not connected to any more.
        if (!client.status.endpoint?.endsWith(`:${this.ranOn.get(id)}/`)) this.stats.handedOver++;
        this.check(() => answer === `done ${id}` || fail(`request ${id} was answered "${String(answer)}"`));
        this.check(
          () =>
            this.executions.get(id) === 1 ||
            fail(`request ${id} was answered, and ran ${this.executions.get(id) ?? 0} times`),
        );
      },
      (error: HoldfastError) => {
        this.stats.failures++;
        const { phase, since } = client.status;
        const liveMs =
          phase === 'live' ? this.testbed.clock.nowMs() - Math.max(since, simClient.wokeAtMs) : 0;
        this.check(
          () =>
            error.code !== 'timed-out' ||
            liveMs < ANSWER_MAX_MS ||
            fail(`request ${id} was not answered, though its client was live for ${liveMs} ms`),
        );
        this.check(() => this.checkRefusal(id, error.code));
      },
    );
  }

  chance(share: number): boolean {
    return this.random() < share;
  }

  pick<T>(list: readonly T[]): T | undefined {
    return list[Math.floor(this.random() * list.length)];
  }

  /** Runs a check; the first violation is kept, and ends the run. */
  check(action: () => unknown): void {
    try {
      action();
    } catch (error) {
      this.violation ??= error instanceof Violation ? error : new Violation(String(error));
    }
  }

  /** What must hold at any time: a session has one connection on a node, whatever the network does. */
  checkFences(): void {
    for (const { server } of this.servers) {
      const owners = new Set<string>();
      for (const { session, isClosed } of server['node'].connections) {
        if (!session || isClosed) continue;
        this.check(() => !owners.has(session.id) || fail(`session ${session.id} has two open connections`));
        owners.add(session.id);
      }
    }
    this.check(() => this.fences.check(this.servers, this.testbed.clock.nowMs()));
  }

  /** Something keeps nodes from hearing each other for so long, and they need a while after it. */
  excuse(durationMs: number): void {
    const untilMs = this.testbed.clock.nowMs() + durationMs + 2_000;
    this.fences.excusedUntilMs = Math.max(this.fences.excusedUntilMs, untilMs);
  }

  /** What must hold once the faults are over and everybody had time. */
  checkEnd(): void {
    this.checkOrder();
    for (const { client, name, readers } of this.clients) {
      this.check(() => {
        const { phase, queued, unacknowledged } = client.status;
        if (phase !== 'live') fail(`${name} is still ${phase}`);
        if (queued + unacknowledged > 0) fail(`${name} still waits for ${queued + unacknowledged} answers`);
      });
      for (const reader of readers) this.check(() => reader.checkConverged());
    }
    for (const [text, publish] of this.publishes) this.check(() => this.checkPublish(text, publish));
    this.check(() => {
      const held = this.servers.reduce((sum, { server }) => sum + server.stats().connections, 0);
      if (held > this.clients.length) fail(`${held} connections are held for ${this.clients.length} clients`);
      const [twice] = sessionsOnTwo(this.servers);
      if (twice !== undefined) fail(`session ${twice} is still connected to two nodes`);
    });
    const present = subscribersOf(this.servers, watched);
    for (const { server } of this.servers) {
      this.check(() => this.checkBounds(server));
      this.check(() => checkPresence(server, watched, present));
    }
    for (const { watch } of this.clients) this.check(() => watch?.checkConverged(present));
  }

  /** Errors that an application never sees of a client that keeps the protocol. */
  private checkRefusal(what: string, code: string): void {
    if (code === 'window-exceeded') fail(`${what.trim()} was sent beyond the window`);
    // A log that fails takes a publish and not, or no more, the one before it; else none is passed over.
    if (code === 'sequence-stale' && this.log.failures === 0) fail(`${what.trim()} was passed over`);
  }

  /**
   * What one session published stands in the log in the order in which it did so. A publish that was told to be
   * of unknown outcome may come later: it travels with a session that its client was never welcomed to.
   */
  private checkOrder(): void {
    const newest = new Map<string, number>();
    for (const { text, lostIn } of this.log.truth) {
      const { session, state } = this.publishes.get(text) ?? {};
      if (session === undefined || state === 'unknown' || lostIn < Infinity) continue;
      const number = Number(text.trim().slice(1));
      const before = newest.get(session) ?? 0;
      this.check(
        () => number > before || fail(`"m${number}" of ${session} is in the log behind "m${before}"`),
      );
      newest.set(session, number);
    }
  }

  private checkPublish(text: string, { state, code }: Publish): void {
    const copies = this.log.truth.filter((entry) => entry.text === text);
    const count = copies.length;
    // A failover takes the dedup away together with the message, so the retry is the only copy that stays.
    const rolledBack = this.volatile ? 0 : copies.filter(({ lostIn }) => lostIn < Infinity).length;
    if (count - rolledBack > 1) fail(`"${text}" is in the log ${count} times`);
    if (state === 'acknowledged' && count === 0) fail(`"${text}" was acknowledged and is not in the log`);
    if (state === 'refused' && count > rolledBack) fail(`"${text}" was refused (${code}) and is in the log`);
  }

  private checkBounds(server: HoldfastServer): void {
    const { topics: topicCount } = server.stats();
    if (topicCount > topics.length + 2 * this.clients.length) fail(`a server follows ${topicCount} topics`);
    for (const { down, name } of this.testbed.network.connections) {
      if (down.bufferedBytes > 20_000) fail(`${down.bufferedBytes} bytes are buffered towards ${name}`);
    }
  }

  private execute(id: string, port: number): string {
    this.ranOn.set(id, port);
    const count = (this.executions.get(id) ?? 0) + 1;
    this.executions.set(id, count);
    this.check(() => count === 1 || fail(`request ${id} ran ${count} times`));
    return `done ${id}`;
  }
}

function fail(text: string): never {
  throw new Violation(text);
}

function storageOf(items: Map<string, string>): ClientStorage {
  return {
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => void items.set(key, value),
  };
}
