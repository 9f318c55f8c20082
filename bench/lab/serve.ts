import { monotonicMs } from './clock.ts';

/** What a worker offers to the bench: each command takes one input and answers with one value. */
export type Commands = Record<string, (input: never) => unknown>;

export interface Usage {
  readonly atMs: number;
  readonly cpuMs: number;
  readonly rssBytes: number;
}

export interface CommandRequest {
  readonly id: number;
  readonly command: string;
  readonly input: unknown;
}

export type CommandReply =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: string };

const builtin = {
  usage: (): Usage => {
    const { user, system } = process.cpuUsage();
    return { atMs: monotonicMs(), cpuMs: (user + system) / 1000, rssBytes: process.memoryUsage.rss() };
  },
  collectGarbage: (): void => globalThis.gc?.(),
};

export type Builtin = typeof builtin;

/** Answers the commands of the process that forked this one, and ends with it. */
export function serve(commands: Commands): void {
  const all: Commands = { ...builtin, ...commands };
  process.on('message', (message) => void answer(all, message as CommandRequest));
  process.on('disconnect', () => process.exit(0));
}

async function answer(commands: Commands, { id, command, input }: CommandRequest): Promise<void> {
  let reply: CommandReply;
  try {
    const run = commands[command];
    if (!run) throw new Error(`this worker has no command ${command}`);
    reply = { id, value: await run(input as never) };
  } catch (error) {
    reply = { id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
  process.send?.(reply);
}
