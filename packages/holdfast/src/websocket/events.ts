/** Node before 23 has no CloseEvent of its own. */
class OwnCloseEvent extends Event {
  readonly code: number;
  readonly reason: string;
  readonly wasClean: boolean;

  constructor(type: string, { code = 0, reason = '', wasClean = false }: CloseEventInit = {}) {
    super(type);
    this.code = code;
    this.reason = reason;
    this.wasClean = wasClean;
  }
}

export function closeEvent(init: CloseEventInit): CloseEvent {
  return new (globalThis.CloseEvent ?? OwnCloseEvent)('close', init);
}

/** An `error` event that says more than a browser's does. */
export class SocketErrorEvent extends Event {
  readonly message: string;
  readonly error: unknown;

  constructor(message: string, error: unknown) {
    super('error');
    this.message = message;
    this.error = error;
  }
}

type Listener = ((event: Event) => unknown) | null;

/** Gives a class its event handler attributes, such as `onopen` (HTML §8.1.8.1): at most one listener each. */
export function defineHandlers(prototype: EventTarget, types: readonly string[]): void {
  const handlers = new WeakMap<object, Record<string, Listener>>();
  for (const type of types) {
    Object.defineProperty(prototype, `on${type}`, {
      configurable: true,
      enumerable: true,
      get(this: EventTarget) {
        return handlers.get(this)?.[type] ?? null;
      },
      set(this: EventTarget, listener: unknown) {
        let own = handlers.get(this);
        if (!own) handlers.set(this, (own = {}));
        if (!(type in own)) this.addEventListener(type, (event) => void own[type]?.call(this, event));
        own[type] = typeof listener === 'function' ? (listener as Listener) : null;
      },
    });
  }
}
