import { HoldfastError } from '../protocol/error-codes.ts';
import type { PayloadCodec } from '../protocol/payload.ts';
import type { Position } from '../protocol/position.ts';
import type { Entry } from '../protocol/schema.ts';
import type { ClientCursor, Reader, ReaderEvent } from '../session/subscriptions.ts';
import type { WireStart } from '../session/cursors.ts';
import type { Tell } from './driver.ts';
import { Emitter } from './emitter.ts';
import { failure } from './failure.ts';
import type { Gap, Handler } from './types.ts';

/** What `subscription.on(event, listener)` hears. */
export interface SubscriptionEvents {
  /** Messages that can't be delivered. Delivery goes on after them. */
  gap: Gap;
  /** A handler failed, a payload could not be decoded, or the server ended the subscription. Default: the console. */
  error: unknown;
  /** An ephemeral signal on the topic. */
  signal: unknown;
}

/** What the subscription asks of its client. */
export interface SubscriptionHost {
  readonly codec: PayloadCodec;
  readonly tell: Tell;
  processed(key: string, position: Position): void;
}

/** A subscriber this far behind its topic is taken off the wire until it has caught up (SPEC FLOW-5). */
const BACKLOG_MAX = 1_000;
const BACKLOG_BYTES_MAX = 4_194_304;

/** A cursor in a topic and the handler that it feeds, one message at a time. `client.subscribe` makes one. */
export class Subscription<T = unknown> implements Reader {
  readonly topic: string;
  /** Resolves with the position at which the subscription begins; rejects when the server refuses it. */
  readonly ready: Promise<Position>;
  /** Everything up to here was processed: its handlers have succeeded. */
  position: Position | undefined;
  /** @internal */
  readonly cursor: ClientCursor;
  readonly #key: string;
  readonly #host: SubscriptionHost;
  readonly #handler: Handler<T>;
  readonly #emitter = new Emitter<SubscriptionEvents>();
  #backlog: ((Entry & { epoch: number }) | Gap)[] = [];
  #backlogBytes = 0;
  #state: 'idle' | 'delivering' | 'ended' = 'idle';
  #failed = false;
  #settle!: { resolve(position: Position): void; reject(error: unknown): void };

  constructor(host: SubscriptionHost, topic: string, start: WireStart, key: string, handler: Handler<T>) {
    this.#host = host;
    this.cursor = { id: 0, topic, start, held: false, reader: this as Reader };
    this.topic = topic;
    this.#key = key;
    this.#handler = handler;
    this.ready = new Promise((resolve, reject) => (this.#settle = { resolve, reject }));
    // Whoever does not wait for `ready` hears of a refusal by the event.
    this.ready.catch(() => {});
  }

  /** Calls the listener at each event; the result removes it. */
  on<E extends keyof SubscriptionEvents>(
    event: E,
    listener: (event: SubscriptionEvents[E]) => void,
  ): () => void {
    return this.#emitter.on(event, listener);
  }

  /** Ends it: no handler is called any more, and `ready` rejects with `unsubscribed` if it was still open. */
  unsubscribe(): void {
    if (this.#state === 'ended') return;
    this.#host.tell(({ subscriptions }) => subscriptions.unsubscribe(this.cursor));
    this.#end(new HoldfastError('unsubscribed', 'It ended before the server had answered.'));
  }

  /** @internal What the session tells. */
  take(event: ReaderEvent): void {
    if (this.#state === 'ended') return;
    switch (event.type) {
      case 'messages':
        return this.#takeMessages(event);
      case 'gap':
        this.#backlog.push(event);
        return this.#deliver();
      case 'signaled':
        return this.#attempt(() => this.#emitter.emit('signal', this.#host.codec.decode(event.payload)));
      case 'subscribed':
        this.position ??= event.position;
        return this.#settle.resolve(event.position);
      case 'refused':
      case 'ended': {
        const error = failure(event);
        // A client that gave up may be asked to go on; then so do its subscriptions.
        if (event.type === 'ended' && event.code !== 'closed') return this.#settle.reject(error);
        this.#end(error);
        if (event.type === 'refused') this.#report(error);
      }
    }
  }

  #end(reason: HoldfastError): void {
    this.#state = 'ended';
    this.#backlog = [];
    this.#settle.reject(reason);
  }

  #takeMessages({ epoch, entries }: ReaderEvent & { type: 'messages' }): void {
    for (const { offset, payload } of entries) {
      this.#backlog.push({ epoch, offset, payload });
      this.#backlogBytes += payload.length;
    }
    this.#deliver();
    if (this.#backlog.length <= BACKLOG_MAX && this.#backlogBytes <= BACKLOG_BYTES_MAX) return;
    this.#hold(true);
  }

  /** Runs through the backlog until it is empty or a handler takes its time. */
  #deliver(): void {
    if (this.#state !== 'idle') return;
    this.#state = 'delivering';
    // By index, because shifting a long array costs its length each time.
    let index = 0;
    for (; index < this.#backlog.length; index++) {
      const done = this.#deliverOne(this.#backlog[index]!);
      if (!(done instanceof Promise)) continue;
      this.#backlog.splice(0, index + 1);
      void done.then(() => {
        if (this.#state === 'ended') return;
        this.#state = 'idle';
        this.#deliver();
      });
      return;
    }
    // A handler may have called `unsubscribe`.
    if ((this.#state as string) === 'ended') return;
    this.#backlog = [];
    this.#state = 'idle';
    this.#hold(false);
  }

  #hold(held: boolean): void {
    if (this.cursor.held !== held)
      this.#host.tell(({ subscriptions }) => subscriptions.hold(this.cursor, held));
  }

  #deliverOne(item: (Entry & { epoch: number }) | Gap): void | Promise<void> {
    if ('reason' in item) {
      this.#attempt(() => this.#emitter.emit('gap', item));
      return this.#succeed(item.to);
    }
    this.#backlogBytes -= item.payload.length;
    const position = { epoch: item.epoch, offset: item.offset };
    try {
      const result = this.#handler(this.#host.codec.decode(item.payload) as T, {
        topic: this.topic,
        position,
      });
      if (typeof (result as PromiseLike<unknown> | undefined)?.then !== 'function')
        return this.#succeed(position);
      return Promise.resolve(result).then(
        () => this.#succeed(position),
        (error: unknown) => this.#fail(error),
      );
    } catch (error) {
      this.#fail(error);
    }
  }

  #succeed(position: Position): void {
    // After a failure the position stays before it, so that the next life begins with what failed (SPEC SUB-6).
    if (this.#failed || this.#state === 'ended') return;
    this.position = position;
    this.#host.processed(this.#key, position);
  }

  #fail(error: unknown): void {
    this.#failed = true;
    this.#report(error);
  }

  #attempt(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.#report(error);
    }
  }

  #report(error: unknown): void {
    try {
      if (this.#emitter.emit('error', error)) return;
    } catch (thrown) {
      // Nobody's business but its listener's: the other subscriptions go on.
      error = thrown;
    }
    console.error(`Holdfast: subscription to "${this.topic}":`, error);
  }
}
