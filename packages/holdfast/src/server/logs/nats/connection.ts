import {
  jetstream,
  jetstreamManager,
  type JetStreamClient,
  type JetStreamManager,
  type PubAck,
} from '@nats-io/jetstream';
import {
  connect,
  credsAuthenticator,
  headers,
  type NatsConnection,
  type NodeConnectionOptions,
} from '@nats-io/transport-node';
import { setTimeout as wait } from 'node:timers/promises';
import { HoldfastError } from '../../../protocol/error-codes.ts';
import { explain, isRefusal, unavailable } from './failures.ts';
import type { ResolvedNatsOptions } from './options.ts';
import { Repeating } from './repeating.ts';

/** A server that is silent for two of these is given up for a new connection. */
const PING_INTERVAL_MS = 3_000;
const RETRY_MS = 100;
/** About as much may have been sent so and not be taken by the server, which it may never do; more is not said. */
const SENT_BYTES_MAX = 8 * 1_048_576;

/**
 *         connect ok            lost                    reconnected, and `revive` done
 *   new ───────────▶ up ─────────────────▶ away ──────────────────────────────────▶ up
 *                     └──────────── close ──┴──▶ closed
 */
type State = { type: 'up' } | { type: 'away'; reason: string } | { type: 'closed' };

export interface PublishSettings {
  /** A message with an id that the stream has seen within its window is not added again. */
  id: string;
  /** The sequence of the subject's newest message, 0 for none; with another the message is refused. */
  last?: number;
  /** Headers by name. */
  headers?: Readonly<Record<string, string>>;
}

/**
 * The connection to NATS. It comes back by itself; what was under way when it was lost fails at once, so that who
 * asked can do it again, in order.
 */
export class Connection {
  nats!: NatsConnection;
  manager!: JetStreamManager;
  private client!: JetStreamClient;
  private state: State = { type: 'away', reason: 'It was not connected yet.' };
  /** Why the last request got no answer, though the connection stands: the stream has no leader, perhaps. */
  private failing: string | undefined;
  /** Who waits for the connection, and who for an answer; each is told once. */
  private readonly waiting = new Set<() => void>();
  private readonly asking = new Set<(error: Error) => void>();
  /** What was sent without an answer since the server was last known to have taken all. */
  private sentBytes = 0;
  private flushing: Promise<void> | undefined;
  private readonly options: ResolvedNatsOptions;
  private readonly revive: () => Promise<void>;

  /** `revive` is called after each return, before anybody else uses the connection. */
  constructor(options: ResolvedNatsOptions, revive: () => Promise<void>) {
    this.options = options;
    this.revive = revive;
  }

  /** Rejects with what is wrong and what to do. */
  async open(): Promise<void> {
    try {
      this.nats = await connect(connectionOptions(this.options));
      const timeout = this.options.deadlineMs;
      const repeating = repeatingRequests(this.nats, (ask) => this.repeat(ask));
      this.client = jetstream(repeating, { timeout });
      this.manager = await jetstreamManager(repeating, { timeout });
    } catch (error) {
      await this.nats?.close();
      const where = this.options.addresses.join(', ');
      throw new HoldfastError('log-unavailable', `NATS at ${where} can’t be used: ${explain(error)}`);
    }
    this.state = { type: 'up' };
    void this.watch();
  }

  /** What keeps the log from working, in a sentence; undefined when nothing does. */
  get trouble(): string | undefined {
    if (this.state.type === 'up') return this.failing;
    return this.state.type === 'away' ? this.state.reason : 'The connection was closed.';
  }

  get deadlineMs(): number {
    return performance.now() + this.options.deadlineMs;
  }

  /** Resolves once the connection can be used; rejects when it can't be by then. */
  async ready(deadlineMs: number): Promise<void> {
    while (this.state.type === 'away') {
      const leftMs = deadlineMs - performance.now();
      if (leftMs <= 0) throw unavailable(this.state.reason);
      await new Promise<void>((resolve) => {
        const done = (): void => {
          clearTimeout(timer);
          this.waiting.delete(done);
          resolve();
        };
        const timer = setTimeout(done, leftMs);
        this.waiting.add(done);
      });
    }
    if (this.state.type === 'closed') throw new HoldfastError('closed', 'The log was closed.');
  }

  /** One attempt to append to the stream; order is that of the calls. */
  publish(subject: string, payload: Uint8Array, settings: PublishSettings): Promise<PubAck> {
    const fields = headers();
    for (const [name, value] of Object.entries(settings.headers ?? {})) fields.set(name, value);
    const expect = settings.last === undefined ? {} : { lastSubjectSequence: settings.last };
    return this.unlessLost(
      this.client.publish(subject, payload, { headers: fields, msgID: settings.id, expect }),
    );
  }

  /** Asks until there is an answer; rejects with a refusal at once, and with `log-unavailable` at the deadline. */
  async persist<T>(ask: () => Promise<T>): Promise<T> {
    const { deadlineMs } = this;
    for (;;) {
      await this.ready(deadlineMs);
      try {
        return await this.unlessLost(ask());
      } catch (error) {
        if (isRefusal(error)) throw error;
        if (performance.now() > deadlineMs) throw unavailable(error);
        await wait(RETRY_MS);
      }
    }
  }

  /** Whatever is asked of JetStream may be asked twice: publishes by their ids, all else by its nature. */
  private repeat<T>(ask: () => Promise<T>): Promise<T> {
    let asked = 0;
    const repeating = new Repeating(() => {
      if (asked++ > 0) this.failing = 'NATS takes long to answer.';
      return ask();
    });
    const answer = this.unlessLost(repeating.answer);
    const stop = (): void => repeating.stop();
    answer.then(stop, stop);
    return answer;
  }

  /** Rejects at once when the connection is lost; without this, each request would wait for its own timeout. */
  unlessLost<T>(answer: Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.asking.add(reject);
      answer.then(
        (value) => {
          this.asking.delete(reject);
          this.failing = undefined;
          resolve(value);
        },
        (error: unknown) => {
          this.asking.delete(reject);
          if (!isRefusal(error)) this.failing = explain(error);
          reject(error as Error);
        },
      );
    });
  }

  /** Without an answer, and not at all while NATS is away: what is sent so is worth nothing later. */
  send(subject: string, message: Uint8Array): void {
    if (this.state.type !== 'up' || message.length > (this.nats.info?.max_payload ?? Infinity)) return;
    if (this.sentBytes > SENT_BYTES_MAX) return;
    this.sentBytes += message.length;
    this.nats.publish(subject, message);
    const taken = (): void => {
      this.flushing = undefined;
      this.sentBytes = 0;
    };
    this.flushing ??= this.nats.flush().then(taken, taken);
  }

  async close(): Promise<void> {
    this.state = { type: 'closed' };
    this.tellAll(new Error('The log was closed'));
    await this.nats.close();
  }

  private async watch(): Promise<void> {
    let returns = 0;
    for await (const status of this.nats.status()) {
      if (this.isClosed) return;
      if (status.type === 'disconnect') {
        returns++;
        this.state = { type: 'away', reason: `The connection to NATS at ${status.server} was lost` };
        for (const fail of this.asking) fail(new Error(this.state.reason));
      } else if (status.type === 'reconnect') {
        void this.comeBack(++returns, () => returns);
      }
    }
    // For good, as after credentials that can't be read.
    if (!this.isClosed) this.state = { type: 'away', reason: 'The connection to NATS was given up.' };
  }

  private get isClosed(): boolean {
    return this.state.type === 'closed';
  }

  /** A server that has just started may take its time until the stream has a leader. */
  private async comeBack(own: number, latest: () => number): Promise<void> {
    while (own === latest() && this.state.type === 'away') {
      try {
        await this.unlessLost(this.revive());
        if (own !== latest() || this.state.type !== 'away') return;
        this.state = { type: 'up' };
        for (const done of this.waiting) done();
      } catch (error) {
        if (this.state.type === 'away') this.state = { type: 'away', reason: explain(error) };
        await wait(RETRY_MS);
      }
    }
  }

  private tellAll(error: Error): void {
    for (const fail of this.asking) fail(error);
    for (const done of this.waiting) done();
  }
}

/** The same connection, with requests that are repeated. */
function repeatingRequests(
  nats: NatsConnection,
  repeat: <T>(ask: () => Promise<T>) => Promise<T>,
): NatsConnection {
  const request: NatsConnection['request'] = (...args) => repeat(() => nats.request(...args));
  return Object.assign(Object.create(nats) as NatsConnection, { request });
}

function connectionOptions(options: ResolvedNatsOptions): NodeConnectionOptions {
  const { username, password, token, credentials, tls } = options;
  return {
    servers: [...options.addresses],
    name: 'holdfast',
    // What a node broadcasts is for the others.
    noEcho: true,
    timeout: 5_000,
    pingInterval: PING_INTERVAL_MS,
    maxPingOut: 2,
    maxReconnectAttempts: -1,
    reconnectDelayHandler: () => 200 + Math.random() * 200,
    ignoreAuthErrorAbort: true,
    noAsyncTraces: true,
    ...(username !== undefined && { user: username }),
    ...(password !== undefined && { pass: password }),
    ...(token !== undefined && { token }),
    ...(credentials !== undefined && {
      authenticator: credsAuthenticator(new TextEncoder().encode(credentials)),
    }),
    ...(tls && { tls }),
  };
}
