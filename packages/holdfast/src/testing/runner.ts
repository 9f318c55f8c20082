/** What a contract suite needs of a test runner: vitest, `node:test` and Bun all have it. */
export interface Runner {
  describe(title: string, body: () => void): unknown;
  it(title: string, body: () => Promise<void>): unknown;
}

/** Far beyond what anything here takes; below the usual time limit of a test, so that this message is seen. */
const PATIENCE_MS = 4_500;

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
