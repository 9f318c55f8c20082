import { decode, encode, PROTOCOL_VERSION, type WireRecord } from 'holdfast/protocol';
import type { ProbeConnection } from '../doctor/probe/connection.ts';
import { withoutControls } from '../doctor/probe/response-head.ts';
import type { LoadSettings } from './options.ts';

/** What a peer does with a connection. */
export type PeerSettings = Pick<LoadSettings, 'send' | 'timeoutMs' | 'token' | 'topic' | 'subscribe'>;

/** A connection that is open, as the run sees it. */
export interface Peer {
  readonly connection: ProbeConnection;
  /** Milliseconds until the answer to one message; null when none came, `refused` when it was no (`onRefused`). */
  roundTrip(): Promise<number | 'refused' | null>;
}

/** What a place keeps from one connection to the next. */
export interface Memory {
  resumeToken: string;
  connections: number;
  sequence: number;
}

export const emptyMemory = (): Memory => ({ resumeToken: '', connections: 0, sequence: 0 });

/** A plain server: pings, or a text that it answers. */
export function plainPeer(connection: ProbeConnection, { send, timeoutMs }: PeerSettings): Peer {
  return {
    connection,
    async roundTrip() {
      if (send === null) return connection.ping(timeoutMs);
      const sentAtMs = performance.now();
      const answer = await connection.exchange(send, timeoutMs);
      return answer === null ? null : performance.now() - sentAtMs;
    },
  };
}

export const HOLDFAST_SUBPROTOCOL = PROTOCOL_VERSION;

/** A server of Holdfast: says hello, keeps the session over connections, and publishes to a topic. */
export class HoldfastPeer implements Peer {
  readonly connection: ProbeConnection;
  /** Resolves when the server has said welcome; false when it did not. */
  readonly welcomed: Promise<boolean>;
  deliveries = 0;
  resumed = false;
  /** Told of each operation that the server refuses, and why. */
  onRefused: (what: string) => void = () => {};
  readonly #memory: Memory;
  readonly #settings: PeerSettings;
  readonly #unanswered = new Map<number, (answer: { readonly atMs: number } | 'refused') => void>();
  #welcome: () => void = () => {};

  constructor(connection: ProbeConnection, settings: PeerSettings, memory: Memory) {
    this.connection = connection;
    this.#settings = settings;
    this.#memory = memory;
    memory.connections += 1;
    const welcome = new Promise<true>((resolve) => (this.#welcome = () => resolve(true)));
    this.welcomed = connection.within(settings.timeoutMs, welcome).then((came) => came === true);
    connection.onMessage = (bytes) => this.#handle(bytes);
    const hello: WireRecord = {
      type: 'hello',
      connection: memory.connections,
      resumeToken: memory.resumeToken,
      token: settings.token,
      node: '',
      sequenceSent: memory.sequence,
      requestSent: 0,
    };
    const { topic, subscribe } = settings;
    const from = { from: 'now', epoch: 0, offset: 0 } as const;
    const subscription: readonly WireRecord[] = subscribe
      ? [{ type: 'subscribe', subscription: 1, topic, ...from }]
      : [];
    connection.sendBinary(encode([hello, ...subscription]));
  }

  async roundTrip(): Promise<number | 'refused' | null> {
    const { connection } = this;
    this.#memory.sequence += 1;
    const sequence = this.#memory.sequence;
    const { topic, send, timeoutMs } = this.#settings;
    const payload = Buffer.from(JSON.stringify(send ?? 'load'));
    const sentAtMs = performance.now();
    const answered = new Promise<{ readonly atMs: number } | 'refused'>((resolve) =>
      this.#unanswered.set(sequence, resolve),
    );
    connection.sendBinary(encode([{ type: 'publish', sequence, topic, payload }]));
    const answer = await connection.within(timeoutMs, answered);
    this.#unanswered.delete(sequence);
    return answer === null || answer === 'refused' ? answer : answer.atMs - sentAtMs;
  }

  #handle(bytes: Buffer): void {
    const records = decode(bytes);
    if (typeof records === 'string') return;
    for (const record of records) this.#handleRecord(record);
  }

  #handleRecord(record: WireRecord): void {
    switch (record.type) {
      case 'welcome':
        this.resumed = record.resumed;
        this.#memory.resumeToken = record.resumeToken;
        // A session of its own begins its sequences anew (SPEC RES-4).
        if (!record.resumed) this.#memory.sequence = 0;
        return this.#welcome();
      case 'resume-token':
        this.#memory.resumeToken = record.resumeToken;
        return;
      case 'ping':
        return this.connection.sendBinary(encode([{ type: 'pong', id: record.id, finished: 0 }]));
      case 'published':
        return this.#unanswered.get(record.sequence)?.({ atMs: performance.now() });
      case 'failed':
        this.onRefused(`${record.operation} refused: ${record.code}, ${withoutControls(record.text)}`);
        if (record.operation === 'publish') this.#unanswered.get(record.id)?.('refused');
        return;
      case 'messages':
        this.deliveries += record.entries.length;
    }
  }
}
