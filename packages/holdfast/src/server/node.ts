import type { CloseName } from '../protocol/close-codes.ts';
import { HoldfastError } from '../protocol/error-codes.ts';
import { RECORD_OVERHEAD_BYTES, RETURN_PLACES, type Limits } from '../protocol/limits.ts';
import type { Position } from '../protocol/position.ts';
import type { ServerSessionConfig } from '../session/server-session.ts';
import { Cluster } from './cluster/cluster.ts';
import { CutOff } from './cluster/cut-off.ts';
import { Causes } from './causes/causes.ts';
import type { ServerFlight, Verdict } from './causes/verdict.ts';
import { Connection } from './connection.ts';
import type { EngineSocket, Handshake } from './engine.ts';
import { Greeter } from './greeter.ts';
import { Heartbeats } from './heartbeats.ts';
import { Hub } from './hub.ts';
import { Pacer } from './admission/pacer.ts';
import type { MessageLog } from './message-log.ts';
import { checkTopicName, isInbox, Operations } from './operations.ts';
import type { ResolvedOptions } from './options.ts';
import { Guard } from './resources/guard.ts';
import { Intake } from './resources/intake.ts';
import type { Machine } from './resources/machine.ts';
import { defaultWatermarks, levels, type Level } from './resources/pressure.ts';
import type { Processes } from './resources/processes.ts';
import { newSessionId } from './resume-token.ts';
import { Sessions, type Session } from './sessions.ts';
import type { ServerClock } from './system-clock.ts';
import { topicPolicies, type TopicPolicy } from './topic-options.ts';
import { Turn } from './turn.ts';
import { Wheel } from './wheel.ts';

/** How a connection ended. */
export interface Disconnect {
  /** A name of the closed list (SPEC CLOSE-2), or the WebSocket close code when nobody of ours closed it. */
  readonly reason: CloseName | number;
  readonly text: string;
  /** What the node knows of its end. */
  readonly record: ServerFlight;
}

/** What the node tells the application. */
export interface NodeListener {
  connected(session: Session, resumed: boolean): void;
  disconnected(session: Session, disconnect: Disconnect): void;
  explained(session: Session, verdict: Verdict): void;
}

export interface NodeParts {
  options: ResolvedOptions;
  log: MessageLog;
  clock: ServerClock;
  random: () => number;
  listener: NodeListener;
  /** The process's resources; without it none are watched. */
  machine?: Machine | undefined;
  /** Other processes of the machine; without it nodes know of each other by their beats alone. */
  processes?: Processes | undefined;
}

const UPKEEP_INTERVAL_MS = 10_000;
const GOLDEN_RATIO = (Math.sqrt(5) - 1) / 2;
/** Of the budget, for those who return after an outage; the rest is for newcomers and for chance. */
const RETURN_SHARE = 0.7;
/** Clients that move wait for nothing meanwhile, so the nodes that take them are given more time than after a crash. */
const DRAIN_PATIENCE = 4;
const DRAIN_TEXT = 'The server is being drained.';

/**
 * One server process: its connections, sessions and topics, between the engine's sockets and the log.
 * It takes its time from a clock and its messages from a log port, so a simulation runs it as it is.
 */
export class Node {
  /** New with every start: a request's fate is known to the process that it was sent to, and to no other. */
  readonly id = newSessionId();
  readonly options: ResolvedOptions;
  readonly limits: Limits;
  readonly log: MessageLog;
  readonly clock: ServerClock;
  readonly listener: NodeListener;
  readonly hub: Hub;
  readonly sessions: Sessions;
  readonly wheel: Wheel;
  readonly turn: Turn;
  readonly greeter: Greeter;
  readonly operations: Operations;
  readonly cluster: Cluster;
  readonly cutOff: CutOff;
  readonly policyOf: (topic: string) => TopicPolicy;
  readonly pacer: Pacer;
  readonly guard: Guard;
  readonly intake: Intake;
  readonly connections = new Set<Connection>();
  readonly sessionConfig: ServerSessionConfig;
  readonly counters = { welcomed: 0, resumed: 0, published: 0, requests: 0, messagesOut: 0 };
  readonly causes: Causes;
  readonly heartbeats = new Heartbeats();
  /** How many connections ended for each reason. */
  readonly closes: Record<string, number> = {};
  state: 'open' | 'draining' | 'closed' = 'open';
  private cancelUpkeep = (): void => {};
  private readonly whenEmpty = new Set<() => void>();
  private returnPlace: number;
  private logState: 'unopened' | 'open' | 'closed' = 'unopened';

  constructor({ options, log, clock, random, listener, machine, processes }: NodeParts) {
    this.options = options;
    this.returnPlace = random();
    this.limits = options.limits;
    this.log = log;
    this.clock = clock;
    this.listener = listener;
    this.sessions = new Sessions(options.limits);
    this.wheel = new Wheel(clock);
    this.turn = new Turn(clock, () => this.hub.flush());
    const { pageMessagesMax: messagesMax, pageBytesMax: bytesMax } = options.limits;
    this.causes = new Causes(this);
    this.greeter = new Greeter(this);
    this.operations = new Operations(this);
    const { limits, heartbeatMs, graceMs } = options;
    this.pacer = new Pacer(options.handshakesPerSecond, clock.nowMs(), random);
    this.intake = new Intake(limits.recordsPerSecond, limits.bytesPerSecond, clock);
    this.guard = new Guard({
      machine: options.watermarks && machine,
      marks: options.watermarks ?? defaultWatermarks,
      limits,
      clock,
      logger: options.logger,
      connections: () => this.connections.size,
      apply: (level) => this.giveWay(level),
    });
    this.sessionConfig = { limits, heartbeatMs, graceMs, node: this.id, random };
    this.policyOf = topicPolicies(options.topics ?? {});
    this.cluster = new Cluster(this, processes);
    this.cutOff = new CutOff({
      trouble: () => log.health?.(),
      hasOthers: () => this.cluster.hasOthers,
      patienceMs: limits.logPatienceMs,
      // They wait for something, so they are given no more time than after a crash.
      askToMove: () => this.askToMove(limits.logPatienceMs, 1, 'This node can’t reach its log.'),
    });
    const { presenceTopics } = this.cluster;
    this.hub = new Hub(presenceTopics, this.policyOf, { messagesMax, bytesMax }, () => this.turn.wake());
  }

  /** Opens the log; nothing else may be called before. */
  async open(random: () => number): Promise<void> {
    await this.log.open({
      retentionOf: (topic) => {
        const { retention } = this.policyOf(topic);
        return isInbox(topic) ? { ...retention, isTransient: true } : retention;
      },
      nowMs: () => this.clock.wallMs(),
      random,
      dedupTtlMs: this.limits.sessionTtlMs * 2,
      dedupWindow: this.limits.windowMax,
      heard: (message) => this.cluster.heard(message),
    });
    await this.greeter.open(this.log);
    this.logState = 'open';
    this.cluster.open();
    this.wheel.schedule(this.cutOff);
    this.scheduleUpkeep();
    this.guard.start();
  }

  /** Time as connections experience it: the node's own stalls left out. */
  nowMs(): number {
    return this.wheel.nowMs();
  }

  // ── Connections ──────────────────────────────────────────────────────────────────────────────────────────

  accept(socket: EngineSocket, handshake: Handshake): Connection {
    const connection = new Connection(this, socket, handshake);
    this.connections.add(connection);
    this.wheel.schedule(connection);
    // It was admitted before the drain began, or is a new channel of a shared connection that was.
    if (this.state === 'draining') connection.machine.goAway(0, DRAIN_TEXT);
    return connection;
  }

  closed(connection: Connection, reason: CloseName | number, text: string): void {
    this.connections.delete(connection);
    this.wheel.remove(connection);
    this.intake.forget(connection);
    connection.whenClosed?.();
    this.closes[reason] = (this.closes[reason] ?? 0) + 1;
    const { session } = connection;
    if (session) {
      const ended = reason === 'closed' || reason === 'ended-by-server';
      this.sessions.leave(session, connection, ended, this.clock.nowMs());
      const record = connection.flight(reason);
      this.listener.disconnected(session, { reason, text, record });
      if (!connection.isNoted) this.causes.handleEnd(session, record);
    }
    if (this.connections.size === 0) for (const done of this.whenEmpty) done();
  }

  // ── For the application ──────────────────────────────────────────────────────────────────────────────────

  async publish(topic: string, payload: Uint8Array, idempotencyKey?: string): Promise<Position> {
    this.checkName(topic);
    return this.append(topic, payload, idempotencyKey);
  }

  private checkName(topic: string): void {
    const wrong = checkTopicName(topic);
    if (wrong) throw new HoldfastError(wrong.code, wrong.text);
  }

  private checkSize({ length }: Uint8Array): void {
    const { messageBytesMax } = this.limits;
    if (length + RECORD_OVERHEAD_BYTES <= messageBytesMax) return;
    const text = `The payload has ${length} bytes, and limits.messageBytesMax is ${messageBytesMax}. Split it, or raise the limit.`;
    throw new HoldfastError('too-big', text);
  }

  /** Appends to any topic, inboxes too. A key is a session of its own to the log, of one publish. */
  async append(topic: string, payload: Uint8Array, idempotencyKey?: string): Promise<Position> {
    if (this.logState === 'closed')
      throw new HoldfastError('closed', 'The server was closed; nothing is kept any more.');
    this.checkSize(payload);
    const session = idempotencyKey === undefined ? undefined : `$key:${idempotencyKey}`;
    const appended = await this.log.append(topic, session, session === undefined ? 0 : 1, payload);
    if (appended.status === 'stale')
      throw new Error('A log must not call the first append of a session stale.');
    if (appended.status === 'appended') this.counters.published++;
    return appended.position;
  }

  /** A signal of the application's own. */
  announce(topic: string, payload: Uint8Array): void {
    this.checkName(topic);
    this.checkSize(payload);
    this.signal(topic, payload);
  }

  /** Offers a signal to whoever is live on the topic, on every node. */
  signal(topic: string, payload: Uint8Array): void {
    this.hub.offerSignal(topic, payload);
    this.cluster.signal(topic, payload);
  }

  /**
   * The next client's place in the return window, in parts of `RETURN_PLACES`. Places are dealt, not drawn: multiples
   * of the golden ratio, modulo 1, lie more evenly than any that chance gives, however many of them are wanted
   * (Knuth, TAOCP 6.4), so fewer clients come back at once. Each node begins elsewhere.
   */
  nextReturnPlace(): number {
    this.returnPlace = (this.returnPlace + GOLDEN_RATIO) % 1;
    return Math.floor(this.returnPlace * RETURN_PLACES);
  }

  /** How long returning clients are asked to spread their return (SPEC RET-1). */
  get returnWindowMs(): number {
    const perSecond = this.options.handshakesPerSecond * RETURN_SHARE;
    return Math.round((this.connections.size / perSecond) * 1_000);
  }

  /** Resources run short, or no longer do (SPEC ADM-5). */
  private giveWay(level: Level): void {
    this.hub.takesSignals = level === 'nothing';
    this.intake.adapt(levels.indexOf(level) >= levels.indexOf('publishers'));
  }

  /**
   * Asks every client to move, each at its own time within the deadline, and waits until they have; those that
   * are left are closed with what was queued for them flushed (SPEC DRAIN-1, DRAIN-2).
   */
  async drain(deadlineMs: number): Promise<void> {
    if (this.state === 'closed') return;
    this.state = 'draining';
    const endMs = this.clock.nowMs() + deadlineMs;
    this.wheel.remove(this.cutOff);
    this.askToMove(deadlineMs / 2, DRAIN_PATIENCE, DRAIN_TEXT);
    await this.emptied(deadlineMs);
    for (const connection of this.connections) {
      connection.close('going-away', DRAIN_TEXT);
    }
    await this.emptied(2_000);
    // Whoever has moved to another node is answered there by what still runs here (SPEC DRAIN-4).
    if (this.cluster.members.size > 0) await this.operations.idle(endMs - this.clock.nowMs());
  }

  /** Gives every client a slot of its own to move to another node: within so many return windows, and the time. */
  private askToMove(withinMs: number, windows: number, reason: string): void {
    const spreadMs = Math.min(withinMs, this.returnWindowMs * windows);
    let index = 0;
    for (const connection of this.connections) {
      const reconnectInMs = Math.round((spreadMs * index++) / this.connections.size);
      connection.machine.goAway(reconnectInMs, reason);
    }
  }

  async close(): Promise<void> {
    if (this.state === 'closed') return;
    this.state = 'closed';
    // Of a log that could not be opened, as much is let go of as there is.
    if (this.logState === 'unopened') return this.log.close().catch(() => {});
    for (const connection of this.connections) {
      connection.close('gone', 'The server is shutting down.');
    }
    await this.emptied(2_000);
    for (const connection of this.connections) connection.terminate();
    await this.emptied(2_000);
    this.causes.close();
    this.cancelUpkeep();
    this.guard.stop();
    this.intake.stop();
    this.wheel.stop();
    this.cluster.close();
    this.logState = 'closed';
    await this.log.close();
  }

  /** Waits until no connection is left, or the time is up. */
  private async emptied(timeoutMs: number): Promise<void> {
    if (this.connections.size === 0) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        cancel();
        this.whenEmpty.delete(done);
        resolve();
      };
      const cancel = this.clock.setTimer(done, timeoutMs);
      this.whenEmpty.add(done);
    });
  }

  private scheduleUpkeep(): void {
    this.cancelUpkeep = this.clock.setTimer(() => {
      this.sessions.expire(this.clock.nowMs());
      this.causes.expire(this.clock.nowMs());
      this.cluster.expire(this.nowMs());
      Promise.all([this.log.trim(), this.hub.check()]).catch((error: unknown) => {
        this.options.logger.warn(`Holdfast: the log failed: ${String(error)}`);
      });
      this.scheduleUpkeep();
    }, UPKEEP_INTERVAL_MS);
  }
}
