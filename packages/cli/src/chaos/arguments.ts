import { flag, help, parseArguments, text, wholeNumber } from '../arguments.ts';
import {
  faultDescriptions,
  parseFaults,
  type ChaosFaults,
  type ChaosTarget,
  type FaultDescription,
} from '@holdfast/chaos';
import { BadInput } from '../bad-input.ts';

type FaultName = keyof ChaosFaults;
const faults = Object.entries(faultDescriptions) as readonly (readonly [FaultName, FaultDescription])[];

/** `latencyMs` as an option is `--latency-ms`. */
function optionOf(name: FaultName): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

function takes(description: FaultDescription): string {
  switch (description.kind) {
    case 'number':
      return ' N';
    case 'choice':
      return ` ${description.choices.join('|')}`;
    case 'flag':
      return '';
  }
}

export const chaosHelp = `holdfast chaos: a proxy that breaks connections the way networks and proxies do, with a page to control it

Usage: holdfast chaos HOST:PORT [OPTION …]

  HOST:PORT               the server behind it
  --listen PORT           where clients connect (a free port)
  --host ADDRESS          the address it listens on (127.0.0.1)
  --control PORT          where the page is, on this machine only (a free port)
  --seed N                of the jitter: the same seed gives the same delays
  -h, --help

Faults to start with; the page changes them while connections are open:
${faults.map(([name, description]) => `  ${`--${optionOf(name)}${takes(description)}`.padEnd(34)} ${description.does}`).join('\n')}

It runs until Ctrl-C. Exit codes: 0 ended by you, 2 an argument is wrong or a port is taken.
`;

export interface ChaosArguments {
  readonly target: ChaosTarget;
  readonly port: number;
  readonly host: string;
  readonly controlPort: number;
  readonly seed: number;
  readonly faults: ChaosFaults;
}

/** Throws `BadInput` with a sentence for whatever is wrong; null asks for the help. */
export function parseChaosArguments(args: readonly string[]): ChaosArguments | null {
  const { values, positionals } = parse(args);
  if (values['help'] === true) return null;
  const [server, ...others] = positionals;
  if (server === undefined) throw new BadInput('Name the server behind the proxy, as in 127.0.0.1:8080.');
  if (others.length > 0) throw new BadInput(`One server at a time: "${others[0]}" is one too many.`);
  return {
    target: parseServer(server),
    port: whole('listen', values['listen'], 65_535),
    host: typeof values['host'] === 'string' ? values['host'] : '127.0.0.1',
    controlPort: whole('control', values['control'], 65_535),
    seed: whole('seed', values['seed'] ?? '1', 2 ** 31),
    faults: faultsOf(values),
  };
}

function parse(args: readonly string[]) {
  const own = { listen: text, host: text, control: text, seed: text, help };
  const ofFaults = Object.fromEntries(
    faults.map(([name, { kind }]) => [optionOf(name), kind === 'flag' ? flag : text]),
  );
  const { values, positionals } = parseArguments(args, { ...ofFaults, ...own });
  return { values: values as Readonly<Record<string, string | boolean | undefined>>, positionals };
}

function faultsOf(values: Readonly<Record<string, string | boolean | undefined>>): ChaosFaults {
  const given = faults.flatMap(([name, { kind }]) => {
    const value = values[optionOf(name)];
    if (value === undefined) return [];
    const isNumber = kind === 'number' && value !== '' && !Number.isNaN(Number(value));
    return [[name, isNumber ? Number(value) : value]];
  });
  try {
    return parseFaults(Object.fromEntries(given));
  } catch (error) {
    throw new BadInput(error instanceof Error ? error.message : String(error));
  }
}

/** HOST:PORT, or the address of a WebSocket, because that is what people have at hand. */
function parseServer(text: string): ChaosTarget {
  const url = urlOf(text);
  const port = Number(
    url?.port || { 'ws:': 80, 'http:': 80, 'wss:': 443, 'https:': 443 }[url?.protocol ?? ''],
  );
  const host = url?.hostname.replace(/^\[|\]$/g, '') ?? '';
  if (host === '' || !(port > 0)) throw new BadInput(`"${text}" is not HOST:PORT, as in 127.0.0.1:8080.`);
  return { host, port };
}

function urlOf(text: string): URL | null {
  try {
    return new URL(text.includes('://') ? text : `tcp://${text}`);
  } catch {
    return null;
  }
}

function whole(name: string, value: string | boolean | undefined, max: number): number {
  return value === undefined ? 0 : wholeNumber(name, String(value), 0, max);
}
