/** Whether it is to be waited for. Not every promise is one of JavaScript's own: a query of Prisma, Drizzle or Knex is none. */
export function isThenable<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return typeof (value as PromiseLike<T> | undefined | null)?.then === 'function';
}
