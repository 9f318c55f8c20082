/** Listeners of a few named events; `emit` says whether anybody heard. */
export class Emitter<Events extends object> {
  readonly #listeners = new Map<keyof Events, Set<(event: never) => void>>();

  on<E extends keyof Events>(event: E, listener: (event: Events[E]) => void): () => void {
    const set = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, set.add(listener));
    return () => void set.delete(listener);
  }

  emit<E extends keyof Events>(event: E, value: Events[E]): boolean {
    const set = this.#listeners.get(event);
    for (const listener of set ?? []) (listener as (event: Events[E]) => void)(value);
    return Boolean(set?.size);
  }
}
