import type { Position } from '../protocol/position.ts';
import type { RestoredSession } from '../session/client-session.ts';
import type { Learned } from '../session/heartbeat-interval.ts';
import type { OutboxItem } from '../session/outbox.ts';
import type { ClientStorage } from './options.ts';

/** What is kept for the next life: the session and processed positions in one item, the outbox in another. */
interface Stored {
  life: number;
  token: string;
  node: string;
  sequence: number;
  sent: number;
  positions: Record<string, Position>;
  /** The endpoint that was used last, and the heartbeats that paths bear. */
  endpoint: string;
  intervals: Record<string, Learned>;
}

/** Each life numbers from a region of its own, so that a reply kept for the last one is never taken for this one's. */
const NUMBERS_PER_LIFE = 2 ** 32;

/** An application may read a topic per document that is opened, and never the same again. */
const POSITIONS_MAX = 1_000;

export class Store {
  readonly positions: Record<string, Position>;
  readonly restored: RestoredSession | undefined;
  readonly endpoint: string | undefined;
  readonly intervals: Readonly<Record<string, Learned>> | undefined;
  readonly #life: number;
  readonly #storage: ClientStorage;
  readonly #key: string;
  /**
   * The session as it was written; empty when it has to be written anew. So it is at first, before anything is sent:
   * a number must never be given in two lives.
   */
  #written = '';
  #outboxChanged = false;

  constructor(storage: ClientStorage, key: string) {
    this.#storage = storage;
    this.#key = key;
    const stored = this.#load(key, {}, (kept: Partial<Stored>) => kept);
    this.#life = (stored.life ?? 0) + 1;
    // Without a prototype, so that a topic may be called "constructor".
    this.positions = { __proto__: null!, ...stored.positions };
    this.endpoint = stored.endpoint;
    this.intervals = stored.intervals;
    if (typeof stored.token !== 'string') return;
    this.restored = {
      resumeToken: stored.token,
      node: stored.node ?? '',
      sequence: stored.sequence ?? 0,
      sequenceSent: stored.sent ?? 0,
      firstNumber: this.#life * NUMBERS_PER_LIFE,
      publishes: this.#load(`${key}:outbox`, [], (outbox: [number, string, string][]) =>
        outbox.map(([id, name, payload]) => ({ id, name, payload: fromBase64(payload) })),
      ),
    };
  }

  /** A subscription's handlers have succeeded up to here. */
  keep(key: string, position: Position): void {
    // The oldest makes way; one that is still read comes back with its next message.
    const keys = key in this.positions ? [] : Object.keys(this.positions);
    if (keys.length >= POSITIONS_MAX) delete this.positions[keys[0]!];
    this.positions[key] = position;
    this.#written = '';
  }

  /** The outbox is another. */
  touch(): void {
    this.#outboxChanged = true;
  }

  /** Writes what has changed; throws what the storage throws, such as a quota. */
  flush(session: Omit<Stored, 'life' | 'positions'>, outbox: Iterable<OutboxItem>): void {
    const outboxChanged = this.#outboxChanged;
    const before = this.#written;
    this.#outboxChanged = false;
    this.#written = JSON.stringify(session);
    try {
      if (outboxChanged) {
        const items = Array.from(outbox, ({ id, name, payload }) => [id, name, toBase64(payload)]);
        this.#storage.setItem(`${this.#key}:outbox`, JSON.stringify(items));
      }
    } finally {
      // Positions may find room where the outbox finds none.
      if (this.#written !== before) {
        const { positions } = this;
        this.#storage.setItem(this.#key, JSON.stringify({ ...session, life: this.#life, positions }));
      }
    }
  }

  /** What can't be read is as good as not there: the client begins anew. */
  #load<T, R>(key: string, fallback: R, read: (kept: T) => R): R {
    try {
      const kept = JSON.parse(this.#storage.getItem(key) ?? 'null') as T | null;
      return kept ? read(kept) : fallback;
    } catch {
      return fallback;
    }
  }
}

function toBase64(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}

function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
}
