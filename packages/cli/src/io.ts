import { readFileSync } from 'node:fs';

/** What a command may touch of the world around it; a test hands in its own. */
export interface Io {
  /** Writes text as it is to standard output. */
  out(text: string): void;
  /** Writes text as it is to standard error. */
  err(text: string): void;
  /** The whole of standard input. */
  input(): Buffer;
  /** Standard output is a terminal that understands colours. */
  readonly colours: boolean;
  /** Standard error is a terminal, so a line of progress can be rewritten. */
  readonly interactive: boolean;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborted when the user asks to stop. */
  readonly signal: AbortSignal;
}

/** The exit codes of every command. */
export const EXIT_OK = 0;
export const EXIT_PROBLEM = 1;
export const EXIT_NOT_TESTED = 2;

export function processIo(signal: AbortSignal): Io {
  const { env, stdout, stderr } = process;
  // Nobody reads on, as behind "| head": other programs are ended by SIGPIPE then, which Node ignores.
  for (const stream of [stdout, stderr]) stream.on('error', () => process.exit(EXIT_NOT_TESTED));
  return {
    out: (text) => void stdout.write(text),
    err: (text) => void stderr.write(text),
    input: () => readFileSync(process.stdin.fd),
    colours: stdout.isTTY && env['NO_COLOR'] === undefined,
    interactive: stderr.isTTY && env['CI'] === undefined,
    cwd: process.cwd(),
    env,
    signal,
  };
}
