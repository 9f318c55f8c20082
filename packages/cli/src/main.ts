#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { EXIT_NOT_TESTED, EXIT_OK, processIo, type Io } from './io.ts';

interface Command {
  readonly summary: string;
  /** Loaded only when it is called, so that `holdfast lint` does not pay for the doctor. */
  readonly load: () => Promise<{ run(args: readonly string[], io: Io): Promise<number> }>;
}

const commands: Readonly<Record<string, Command>> = {
  doctor: {
    summary: 'says which hop kills a WebSocket, and the setting that stops it',
    load: () => import('./doctor/command.ts'),
  },
  lint: {
    summary: 'finds what in a proxy configuration breaks WebSockets, and the line that mends it',
    load: () => import('./lint/command.ts'),
  },
  config: {
    summary: 'prints a complete configuration of a proxy for WebSockets',
    load: () => import('./config/command.ts'),
  },
  serve: {
    summary: 'a server for those whose backend is not TypeScript, from one file',
    load: () => import('./standalone/command.ts'),
  },
  preflight: {
    summary: 'says how many connections this machine holds, what binds first, and how to lift it',
    load: () => import('./preflight/command.ts'),
  },
  load: {
    summary: 'holds many connections to a server of yours, breaks them, and lets them return',
    load: () => import('./load/command.ts'),
  },
  chaos: {
    summary: 'a proxy that breaks connections the way networks do, with a page to control it',
    load: () => import('./chaos/command.ts'),
  },
};

const help = `holdfast: WebSocket connections that hold

Usage: holdfast COMMAND [ARGUMENT …]

${Object.entries(commands)
  .map(([name, { summary }]) => `  ${name.padEnd(10)} ${summary}`)
  .join('\n')}

holdfast COMMAND --help shows the arguments of a command, holdfast --version which one this is.
Exit codes: 0 all is well, 1 a problem was found, 2 it could not be tested.
`;

async function main(args: readonly string[], io: Io): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    io.out(help);
    return name === undefined ? EXIT_NOT_TESTED : EXIT_OK;
  }
  if (name === '--version' || name === '-v') {
    const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
      version: string;
    };
    io.out(`${version}\n`);
    return EXIT_OK;
  }
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (!command) {
    io.err(`holdfast: there is no command "${name}".\n\n${help}`);
    return EXIT_NOT_TESTED;
  }
  return (await command.load()).run(rest, io);
}

const stop = new AbortController();
process.once('SIGINT', () => stop.abort());
process.once('SIGTERM', () => stop.abort());
const io = processIo(stop.signal);
try {
  process.exitCode = await main(process.argv.slice(2), io);
} catch (error) {
  // Whatever happens, a user reads a sentence; the trace is there for who asks for it.
  io.err(`holdfast: ${error instanceof Error ? error.message : String(error)}\n`);
  if (process.env['HOLDFAST_TRACE'] && error instanceof Error) io.err(`${error.stack}\n`);
  process.exitCode = EXIT_NOT_TESTED;
}
