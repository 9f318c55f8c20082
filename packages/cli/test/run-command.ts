import type { Io } from '../src/io.ts';

export interface Said {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs a command as `main.ts` does, and keeps what it said. */
export async function runCommand(
  run: (args: readonly string[], io: Io) => Promise<number>,
  args: readonly string[],
  change: Partial<Io> = {},
): Promise<Said> {
  let out = '';
  let err = '';
  const code = await run(args, {
    out: (text) => void (out += text),
    err: (text) => void (err += text),
    input: () => Buffer.alloc(0),
    colours: false,
    interactive: false,
    cwd: process.cwd(),
    env: {},
    signal: new AbortController().signal,
    ...change,
  });
  return { code, out, err };
}
