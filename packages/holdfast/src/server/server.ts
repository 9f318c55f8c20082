import { HoldfastError } from '../protocol/error-codes.ts';
import type { PayloadCodec } from '../protocol/payload.ts';
import type { Position } from '../protocol/position.ts';
import { Admission } from './admission/admission.ts';
import type { ClusterStats } from './cluster/cluster-stats.ts';
import { isId } from './cluster/node-messages.ts';
import type { Present } from './cluster/roster.ts';
import { cutText } from './cut-text.ts';
import { drainOnSignal, type DrainOnSignalOptions } from './drain-on-signal.ts';
import { REASON_BYTES_MAX, type Engine, type EngineHost } from './engine.ts';
import type { MessageLog } from './message-log.ts';
import { Node } from './node.ts';
import type { Machine } from './resources/machine.ts';
import type { Processes } from './resources/processes.ts';
import { readHistory } from './history.ts';
import {
  checkFunction,
  checkKeys,
  checkKnown,
  checkMethodName,
  checkPath,
  checkPort,
  checkPosition,
  checkPositive,
} from './option-checks.ts';
import type { Identity, ResolvedOptions } from './options.ts';
import type { Session } from './sessions.ts';
import { sharedHost } from './shared/shared-host.ts';
import type { ServerClock } from './system-clock.ts';
import { isThenable } from './thenable.ts';
import type {
  DrainOptions,
  HistoryMessage,
  HistoryPage,
  MethodContext,
  PublishOptions,
  ReadOptions,
  ServerEvents,
  ServerStats,
  SessionHandle,
  TopicHandle,
} from './types.ts';

export interface ServerParts<H> {
  options: ResolvedOptions;
  log: MessageLog;
  clock: ServerClock;
  random: () => number;
  engine: (host: EngineHost) => Engine<H>;
  machine?: Machine;
  processes?: Processes | undefined;
}

const READ_MAX = 1_000;
const IDEMPOTENCY_KEY_MAX = 128;

/** A server: `createServer(options)` makes one. */
export class HoldfastServer<H = unknown> {
  private readonly node: Node;
  private readonly engine: Engine<H>;
  private readonly options: ResolvedOptions;
  private readonly admission: Admission;
  private readonly opened: Promise<void>;
  private isOpen = false;
  private listening: Promise<{ port: number }> | undefined;
  private readonly listeners: { [E in keyof ServerEvents]: Set<(event: ServerEvents[E]) => void> } = {
    connect: new Set(),
    disconnect: new Set(),
    explained: new Set(),
  };

  constructor({ options, log, clock, random, engine, machine, processes }: ServerParts<H>) {
    this.options = options;
    this.node = new Node({
      options,
      log,
      clock,
      random,
      machine,
      processes,
      listener: {
        connected: (session, resumed) => this.emit('connect', { session: this.handleOf(session), resumed }),
        disconnected: (session, disconnect) =>
          this.emit('disconnect', { session: this.handleOf(session), ...disconnect }),
        explained: (session, cause) => this.emit('explained', { session: this.handleOf(session), cause }),
      },
    });
    this.admission = new Admission(this.node, options);
    this.node.cluster.statsOf = () => this.stats();
    const host: EngineHost = {
      messageBytesMax: options.limits.messageBytesMax,
      handshakeTimeoutMs: options.limits.helloTimeoutMs,
      admit: (handshake) => this.admission.admit(handshake),
      open: (socket, handshake) => this.admission.open(socket, handshake),
      answer: (path, origin) => this.admission.answer(path, origin),
    };
    this.engine = engine(sharedHost(host, clock));
    this.opened = this.node.open(random);
    const handleOpen = (): void => void (this.isOpen = true);
    // Whoever needs the log sees the failure; before that it is nobody's unhandled rejection.
    this.opened.then(handleOpen, () => {});
    if (!options.authenticate && !options.authorize) {
      options.logger.warn(
        'Holdfast: this server is open to all: anyone may connect, read and publish. ' +
          'Set `authenticate`, `authorize` and `origins` before it faces the internet.',
      );
    }
  }

  /**
   * Listens on a port of its own; 0 takes any free one. `GET /healthz` and `GET /readyz` answer there.
   * Rejects with the system's error when the port is taken or not permitted.
   */
  async listen(port: number, host?: string): Promise<{ port: number }> {
    const wanted = checkPort(port);
    await this.opened;
    this.checkOpen();
    if (this.listening) {
      const text = `listen: this server listens on port ${(await this.listening).port} already; make another for another port.`;
      throw new HoldfastError('invalid-option', text);
    }
    this.listening = this.engine.listen(wanted, host);
    // Where one port is taken, another may do.
    this.listening.catch(() => (this.listening = undefined));
    const listening = await this.listening;
    const line = this.node.guard.capacityLine();
    if (line) this.options.logger.info(line);
    return listening;
  }

  /**
   * Serves the upgrades at `path` (default `/holdfast`) of an HTTP server that is the application's, beside Express,
   * Fastify, Hono or Next. It leaves all others to the server's other `upgrade` listeners, and expects them to do the
   * same: one that also ends upgrades at `path` cuts each connection as soon as it is made. Next does that where one
   * of its pages matches the path; docs/next.md has the two lines against it. Health is not answered here.
   */
  async attach(httpServer: H, options: { path?: string } = {}): Promise<void> {
    const { path = '/holdfast' } = checkKeys('options', options, ['path'], 'attach');
    checkPath(path, 'attach');
    await this.opened;
    this.checkOpen();
    this.engine.attach(httpServer, path);
  }

  private checkOpen(): void {
    if (this.node.state === 'closed')
      throw new HoldfastError('closed', 'The server was closed; make another with createServer().');
  }

  /**
   * Appends to a topic; resolves with its position once the log has it. Rejects with `too-big`, `invalid-name` or `reserved-topic`.
   * With an `idempotencyKey`, a repeat within twice `limits.sessionTtlMs` adds nothing, on whichever node, and gives
   * the position of the first.
   */
  async publish(topic: string, data: unknown, options?: PublishOptions): Promise<Position> {
    const idempotencyKey = options && idempotencyKeyOf(options);
    // Whoever waits keeps its data meanwhile, and in a burst that is the whole burst.
    if (!this.isOpen) await this.opened;
    return this.node.publish(topic, this.options.codec.encode(data), idempotencyKey);
  }

  /** One topic of the server's: to publish to it, send signals to who is live on it, and read what it keeps. */
  topic(name: string): TopicHandle {
    return {
      publish: (data, options) => this.publish(name, data, options),
      signal: (data) => this.node.announce(name, this.options.codec.encode(data)),
      top: () => this.opened.then(() => this.node.log.top(name)),
      read: (options) => this.read(name, options),
    };
  }

  /**
   * Answers `client.request(name, arguments)`. Each request runs at most once, however often it is retried.
   * A HoldfastError that the handler throws reaches the caller; of any other only that it failed.
   */
  method<A, R>(name: string, handler: (data: A, context: MethodContext) => R | PromiseLike<R>): this {
    const { codec } = this.options;
    checkMethodName(name);
    checkFunction(name, handler, 'method');
    this.node.operations.methods.set(name, (payload, session) => {
      const result = handler(codec.decode(payload) as A, { session: this.handleOf(session) });
      return isThenable(result)
        ? Promise.resolve(result).then((value) => encodeResult(codec, value))
        : encodeResult(codec, result);
    });
    return this;
  }

  /**
   * A session that is connected to this node, or that has replies waiting here. One that may be on another node is
   * reached by `sendToSession`, `closeSession` and `reauthorizeSession`.
   */
  session(id: string): SessionHandle | undefined {
    const session = this.node.sessions.get(id);
    return session && this.handleOf(session);
  }

  /** Sends to a session, on whichever node it is, or away: the topic `$inbox` of its client. */
  async sendToSession(id: string, data: unknown): Promise<Position> {
    if (!isId(id)) throw new HoldfastError('invalid-name', `"${id}" is no session’s id.`);
    await this.opened;
    return this.node.append(`$inbox:${id}`, this.options.codec.encode(data));
  }

  /** Ends a session on whichever node it is connected to; false when none has it. */
  async closeSession(id: string, text?: string): Promise<boolean> {
    await this.opened;
    return this.node.cluster.order(id, 'close', reasonOf(text));
  }

  /** Asks `authorize` again about all that a session reads, on whichever node it is; false when none has it. */
  async reauthorizeSession(id: string): Promise<boolean> {
    await this.opened;
    return this.node.cluster.order(id, 'reauthorize', '');
  }

  /** Sends to every session of one user, also to those that are away: the topic `$user` of their clients. */
  async sendToUser(identity: string, data: unknown): Promise<Position> {
    if (typeof identity !== 'string' || identity === '')
      throw new HoldfastError('invalid-name', 'sendToUser: the user is the `id` that authenticate returned.');
    await this.opened;
    return this.node.append(`$user:${identity}`, this.options.codec.encode(data));
  }

  /** Calls the listener at each event; the result removes it. */
  on<E extends keyof ServerEvents>(event: E, listener: (event: ServerEvents[E]) => void): () => void {
    checkKnown('on', event, Object.keys(this.listeners));
    checkFunction(event, listener, 'on');
    this.listeners[event].add(listener);
    return () => this.listeners[event].delete(listener);
  }

  /**
   * Stops admitting, turns `/readyz` to 503, lets every client move in its own time, then closes what is left.
   * `stopListening` gives up the port first, where another process shares it and takes those who come.
   */
  async drain(options: DrainOptions = {}): Promise<void> {
    const given = checkKeys('options', options, ['deadlineMs', 'stopListening'], 'drain');
    const deadlineMs = checkPositive('deadlineMs', given.deadlineMs ?? 30_000, 'drain');
    const { stopListening = false } = given;
    // The port is free at once, and closed only when its last connection has left.
    const closed = stopListening ? this.engine.close() : undefined;
    await this.node.drain(deadlineMs);
    await closed;
  }

  /**
   * Drains, closes and ends the process with code 0 when it gets SIGTERM. The result takes the listener away.
   *
   * ```ts
   * server.drainOnSignal({ deadlineMs: 25_000 });
   * ```
   */
  drainOnSignal(options: DrainOnSignalOptions = {}): () => void {
    return drainOnSignal(this, this.options.logger, options);
  }

  /** Closes every connection and the port. Clients will try to come back: another server may take them. */
  async close(): Promise<void> {
    await this.opened.catch(() => {});
    // A port that is only being opened could not be closed yet.
    await this.listening?.catch(() => {});
    await Promise.all([this.engine.close(), this.node.close()]);
  }

  /**
   * Who is on a topic whose option `presence` is true, on all nodes: how many, and `limits.presentMax` of them by
   * name. A lost connection is missed after one to two beats of the node, 5 to 10 s, and a dead node after a few.
   */
  presence(topic: string): { count: number; present: Present[] } {
    if (!this.node.cluster.hasPresence(topic)) {
      const text = `"${topic}" has no presence; set it in createServer({ topics: { ${JSON.stringify(topic)}: { presence: true } } }).`;
      throw new HoldfastError('invalid-option', text);
    }
    return this.node.cluster.present(topic);
  }

  /** The figures of this node and of all others on its log, as of their last beats, and what they add up to. */
  clusterStats(): ClusterStats {
    return this.node.cluster.stats();
  }

  /** The figures of this node now; counts are since it was made. */
  stats(): ServerStats {
    const { node } = this;
    return {
      node: node.id,
      state: node.state,
      connections: node.connections.size,
      topics: node.hub.topicCount,
      ...node.counters,
      refused: this.admission.refused,
      givesWay: node.guard.level,
      closes: { ...node.closes },
      causes: { ...node.causes.counts },
    };
  }

  private async read(topic: string, options: ReadOptions = {}): Promise<HistoryPage> {
    const { after, limit = 100 } = checkKeys('options', options, ['after', 'limit'], 'read');
    if (!Number.isSafeInteger(limit) || limit < 1 || limit > READ_MAX)
      throw new HoldfastError('invalid-option', `read: "limit" is ${limit}; it must be 1 to ${READ_MAX}.`);
    if (after !== undefined) checkPosition('after', after, 'read');
    await this.opened;
    const { entries, gap } = await readHistory(this.node.log, topic, limit, after);
    return { messages: entries.map(({ position, payload }) => this.decoded(position, payload)), gap };
  }

  /** What a client published with another codec must not cost its readers the rest (SPEC SUB-10). */
  private decoded(position: Position, payload: Uint8Array): HistoryMessage {
    try {
      return { position, data: this.options.codec.decode(payload) };
    } catch (error) {
      return { position, data: undefined, error: error as HoldfastError };
    }
  }

  private emit<E extends keyof ServerEvents>(event: E, value: ServerEvents[E]): void {
    const note = (error: unknown): void =>
      this.options.logger.warn(`Holdfast: a listener for "${event}" threw: ${String(error)}`);
    for (const listener of this.listeners[event] as Set<(event: ServerEvents[E]) => unknown>) {
      try {
        const result = listener(value);
        // Of an asynchronous one, too: a rejection that nobody hears would end the process.
        if (isThenable(result)) Promise.resolve(result).catch(note);
      } catch (error) {
        note(error);
      }
    }
  }

  private handleOf(session: Session): SessionHandle {
    return (session.handle ??= new BoundSession(this.node, session));
  }
}

class BoundSession implements SessionHandle {
  private readonly node: Node;
  private readonly session: Session;

  constructor(node: Node, session: Session) {
    this.node = node;
    this.session = session;
  }

  get id(): string {
    return this.session.id;
  }

  get identity(): Identity {
    return this.session.identity;
  }

  async send(data: unknown): Promise<Position> {
    return this.node.append(`$inbox:${this.id}`, this.node.options.codec.encode(data));
  }

  close(text?: string): void {
    this.session.connection?.close('ended-by-server', reasonOf(text));
  }

  async reauthorize(): Promise<void> {
    const { connection } = this.session;
    if (connection) await this.node.operations.reauthorize(connection);
  }
}

/** A name that is mistyped would be a repeat that nobody knows. */
function idempotencyKeyOf(options: PublishOptions): string | undefined {
  const { idempotencyKey: key } = checkKeys('options', options, ['idempotencyKey'], 'publish');
  if (key === undefined) return undefined;
  if (typeof key === 'string' && key.length > 0 && key.length <= IDEMPOTENCY_KEY_MAX) return key;
  const text = `publish: "idempotencyKey" must be a text of 1 to ${IDEMPOTENCY_KEY_MAX} characters.`;
  throw new HoldfastError('invalid-option', text);
}

/** Why a session was ended, as far as a Close frame takes it. */
function reasonOf(text = 'The application ended the session.'): string {
  return cutText(String(text), REASON_BYTES_MAX);
}

/** What a method gives. That it can't be written is the method's own failure, and its server's to know (SPEC REQ-4). */
function encodeResult(codec: PayloadCodec, result: unknown): Uint8Array {
  try {
    return codec.encode(result);
  } catch (error) {
    throw new Error(`its result can’t be encoded: ${(error as Error).message}`, { cause: error });
  }
}
