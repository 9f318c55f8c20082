/**
 * What waits for an answer, in the order in which it was given: publishes, or requests. Items stay until they
 * are answered, so after a reconnect those sent before are sent again, first and in order (SPEC PUB-2).
 */
export class Outbox<Item extends { id: number }> {
  /** The highest id that was ever handed to a connection. */
  sentThrough = 0;
  private readonly items = new Map<number, Item>();
  /** Those of them that went out on the present connection. */
  private readonly sent = new Set<number>();

  add(item: Item): void {
    this.items.set(item.id, item);
  }

  has(id: number): boolean {
    return this.items.has(id);
  }

  /** Removes an item because its answer came, or because its caller gave up. False when it had gone before. */
  remove(id: number): boolean {
    this.sent.delete(id);
    return this.items.delete(id);
  }

  /** The next items to send, at most so many that `window` are unanswered on this connection. */
  takeSendable(window: number): Item[] {
    const sendable: Item[] = [];
    if (this.sent.size >= window || this.sent.size === this.items.size) return sendable;
    for (const item of this.items.values()) {
      if (this.sent.size >= window) break;
      if (this.sent.has(item.id)) continue;
      this.sent.add(item.id);
      this.sentThrough = Math.max(this.sentThrough, item.id);
      sendable.push(item);
    }
    return sendable;
  }

  /** A new connection: nothing has been sent on it yet. */
  restart(): void {
    this.sent.clear();
  }

  /** The lowest id that is still waiting, or undefined when none is. */
  get oldest(): number | undefined {
    return this.items.keys().next().value;
  }

  get size(): number {
    return this.items.size;
  }

  get unanswered(): number {
    return this.sent.size;
  }

  values(): Iterable<Item> {
    return this.items.values();
  }
}
