import { checkFunction } from './arguments.ts';

/** Listeners of a few named events; `emit` says whether anybody heard, and throws, once all have, what one threw. */
export class Emitter<Events extends object> {
  readonly #listeners = new Map<keyof Events, Set<(event: never) => void>>();

  on<E extends keyof Events>(event: E, listener: (event: Events[E]) => void): () => void {
    checkFunction(listener);
    const set = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, set.add(listener));
    return () => void set.delete(listener);
  }

  emit<E extends keyof Events>(event: E, value: Events[E]): boolean {
    const set = this.#listeners.get(event);
    const thrown: unknown[] = [];
    for (const listener of set ?? []) {
      try {
        (listener as (event: Events[E]) => void)(value);
      } catch (error) {
        thrown.push(error);
      }
    }
    if (thrown.length > 0) throw thrown[0];
    return Boolean(set?.size);
  }
}
