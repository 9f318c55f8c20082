import { flag, help, parseArguments, text, wholeNumber } from '../arguments.ts';
import { BadInput } from '../bad-input.ts';
import { parseDurationMs } from '../lint/durations.ts';
import type { Wanted } from './limits.ts';
import type { ServerKind } from './measured.ts';

export const preflightHelp = `holdfast preflight: how many connections this machine holds, what binds first, and how to lift it

Usage: holdfast preflight --connections N [OPTION …]

  --connections N         connections to be held at the same time
  --pid P                 the process of the server, for its own limits (without it: those of this shell)
  --server ws|holdfast    what is measured: a plain server on ws (the default), or Holdfast's
  --sample 1000           connections that are opened for the measurement
  --state 10KiB           what your application keeps for each connection
  --heartbeat 25s         the interval of your heartbeat (25s)
  --proxy-here            a proxy on this machine passes the connections on
  --json                  prints everything as JSON
  -h, --help

Exit codes: 0 all connections have room, 1 a limit is below, 2 it could not be measured.
`;

export interface PreflightArguments {
  readonly wanted: Wanted;
  readonly pid: number | null;
  readonly server: ServerKind;
  readonly sample: number;
  readonly json: boolean;
}

const CONNECTIONS_MAX = 100_000_000;
const SAMPLE_MIN = 100;
const SAMPLE_MAX = 20_000;

const options = {
  connections: text,
  pid: text,
  server: text,
  sample: text,
  state: text,
  heartbeat: text,
  'proxy-here': flag,
  json: flag,
  help,
};

/** Throws `BadInput` with a sentence for whatever is wrong; null asks for the help. */
export function parsePreflightArguments(args: readonly string[]): PreflightArguments | null {
  const { values, positionals } = parseArguments(args, options);
  if (values.help) return null;
  if (positionals.length > 0) throw new BadInput(`"${positionals[0]}" is one argument too many.`);
  if (values.connections === undefined) {
    throw new BadInput('Say how many connections there will be, as in --connections 20000.');
  }
  const server = values.server ?? 'ws';
  if (server !== 'ws' && server !== 'holdfast') {
    throw new BadInput(`--server is ws or holdfast, not "${server}".`);
  }
  const heartbeatMs = parseDurationMs(values.heartbeat ?? '25s', Number.NaN);
  if (!(heartbeatMs && heartbeatMs >= 100)) {
    throw new BadInput(`--heartbeat is a time such as 25s, not "${values.heartbeat}".`);
  }
  return {
    wanted: {
      connections: wholeNumber('connections', values.connections, 1, CONNECTIONS_MAX),
      stateBytes: bytes(values.state ?? '0'),
      heartbeatMs,
      proxyHere: values['proxy-here'] ?? false,
    },
    pid: values.pid === undefined ? null : wholeNumber('pid', values.pid, 1, 2 ** 22),
    server,
    sample: wholeNumber('sample', values.sample ?? '1000', SAMPLE_MIN, SAMPLE_MAX),
    json: values.json ?? false,
  };
}

const UNIT_BYTES: Readonly<Record<string, number>> = {
  '': 1,
  KiB: 1_024,
  MiB: 1_048_576,
  kB: 1_000,
  MB: 1e6,
};

function bytes(text: string): number {
  const [, number, unit = ''] = /^(\d{1,9})(KiB|MiB|kB|MB)?$/.exec(text) ?? [];
  const each = UNIT_BYTES[unit];
  if (number === undefined || each === undefined) {
    throw new BadInput(`--state is a size such as 10KiB, not "${text}".`);
  }
  return Number(number) * each;
}
