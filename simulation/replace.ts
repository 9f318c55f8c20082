type ParametersOf<M> = M extends (...parameters: infer P) => unknown ? P : never;
type ResultOf<M> = M extends (...parameters: never[]) => infer R ? R : never;

/** What a replacement is called with: its object, and the method that it replaces, bound to it. */
interface Call<T, M> {
  self: T;
  original: (...parameters: ParametersOf<M>) => ResultOf<M>;
}

/** Puts another method in the place of a class's own, for all its objects; the result puts the first one back. */
export function replace<T extends object, K extends keyof T>(
  prototype: T,
  name: K,
  replacement: (call: Call<T, T[K]>, ...parameters: ParametersOf<T[K]>) => ResultOf<T[K]>,
): () => void {
  const method = prototype[name];
  if (typeof method !== 'function') throw new Error(`There is no method "${String(name)}" to replace.`);
  function replaced(this: T, ...parameters: ParametersOf<T[K]>): ResultOf<T[K]> {
    const original = method as unknown as Call<T, T[K]>['original'];
    return replacement({ self: this, original: original.bind(this) }, ...parameters);
  }
  prototype[name] = replaced as T[K];
  return () => void (prototype[name] = method);
}
