/** A publish or a request, while it waits for its answer. `Caller` is the driver's, who waits for it. */
export interface OutboxItem<Caller = unknown> {
  /** Its sequence, or its request number; given by the session. */
  id: number;
  /** Its topic, or its method. */
  readonly name: string;
  readonly payload: Uint8Array;
  readonly caller?: Caller;
}

/**
 * What waits for an answer, in the order in which it was given: publishes, or requests. Items stay until they
 * are answered, so after a reconnect those sent before are sent again, first and in order (SPEC PUB-2).
 */
export class Outbox<Caller = unknown> {
  /** The id of the last item given, and the highest that was ever handed to a connection. */
  lastId = 0;
  sentThrough = 0;
  bytes = 0;
  readonly #items = new Map<number, OutboxItem<Caller>>();
  /**
   * What went out on the present connection and was not answered: it fills the server's window, also when nobody
   * waits for it any more (SPEC FLOW-4).
   */
  readonly #sent = new Set<number>();
  /** Up to this id all has gone out on it. */
  #through = 0;

  add(item: OutboxItem<Caller>): void {
    this.#items.set(item.id, item);
    this.lastId = Math.max(this.lastId, item.id);
    this.bytes += item.payload.length;
  }

  /**
   * Takes out an item because its answer came, or its caller gave up; undefined when it had gone before.
   * `answered`: the server has answered, which makes room in its window.
   */
  remove(id: number, answered = false): OutboxItem<Caller> | undefined {
    const item = this.#items.get(id);
    if (answered) this.#sent.delete(id);
    if (this.#items.delete(id)) this.bytes -= item!.payload.length;
    return item;
  }

  /**
   * The next items to send, up to the id `through`, at most so many that `window` are unanswered on this connection;
   * one that is removed at once takes no place.
   */
  *takeSendable(window: number, through: number): Generator<OutboxItem<Caller>, void> {
    if (this.#through === this.lastId) return;
    for (const item of this.#items.values()) {
      if (this.#sent.size >= window || item.id > through) break;
      if (item.id <= this.#through) continue;
      this.#sent.add(item.id);
      this.#through = item.id;
      this.sentThrough = Math.max(this.sentThrough, item.id);
      yield item;
    }
  }

  /** A new connection: nothing has been sent on it yet. */
  restart(): void {
    this.#sent.clear();
    this.#through = 0;
  }

  /** Requests and publishes below this have all been answered. */
  get answeredBelow(): number {
    return this.#items.keys().next().value ?? this.lastId + 1;
  }

  get size(): number {
    return this.#items.size;
  }

  get unanswered(): number {
    return [...this.#sent].filter((id) => this.#items.has(id)).length;
  }

  values(): Iterable<OutboxItem<Caller>> {
    return this.#items.values();
  }
}
