/**
 * What a contract suite needs of a test runner: vitest, `node:test` and Bun all have it. A test may take up to
 * 30 seconds on a busy machine, so wrap an `it` that allows less.
 */
export interface Runner {
  describe(title: string, body: () => void): unknown;
  it(title: string, body: () => Promise<void>): unknown;
}

/** Far beyond what anything here takes, and short enough for its message to come before the runner’s own. */
const PATIENCE_MS = 10_000;

/** Waits for a promise, and fails with what was waited for when it does not settle. */
export async function within<T>(what: string, promise: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Waited in vain for ${what}.`)), PATIENCE_MS);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
