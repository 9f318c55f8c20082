// How a test calls functions in a child process: JSON over Node's IPC channel.

// `any` on purpose: the types of the parameters are each program's own.
// oxlint-disable-next-line typescript/no-explicit-any
export type Calls = Record<string, (...args: any[]) => unknown>;

export interface CallMessage {
  id: number;
  name: string;
  args: readonly unknown[];
}

export interface CallResult {
  id: number;
  value?: unknown;
  error?: string;
}

/** In the child: answers calls, until the parent is gone. */
export function answerCalls(calls: Calls): void {
  process.on('message', async ({ id, name, args }: CallMessage) => {
    try {
      const call = calls[name];
      if (!call) throw new Error(`There is no call "${name}".`);
      process.send!({ id, value: await call(...args) } satisfies CallResult);
    } catch (error) {
      process.send!({ id, error: String(error) } satisfies CallResult);
    }
  });
  process.on('disconnect', () => process.exit(0));
}
