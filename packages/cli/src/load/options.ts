import { flag, headerOf, help, parseArguments, text, texts, wholeNumber } from '../arguments.ts';
import { isIP } from 'node:net';
import { checkHeader } from '../doctor/probe/handshake.ts';
import { BadInput } from '../bad-input.ts';
import { parseTarget, type Target } from '../doctor/probe/target.ts';
import { parseDurationMs } from '../lint/durations.ts';

export const loadHelp = `holdfast load: holds many connections to a server of yours, sends, breaks them, and lets them return

Usage: holdfast load ADDRESS --connections N --for 30s [OPTION …]

  ADDRESS                 ws://host/path or wss://host/path
  --connections N         connections that are opened and held
  --for 30s               after this time everything is closed
  --rate 200              handshakes in a second
  --messages 100          round trips in a second, over all connections (0 for none)
  --send TEXT             what is sent; a plain server must answer it. Without it: pings
  --storm                 halfway, all connections are reset at once and return
  --spread 5s             they return at random within this time (0s: all at once)
  --holdfast              the server is one of Holdfast: sessions, publishes and acknowledgements
  --topic NAME            what is published to with --holdfast (load)
  --subscribe             with --holdfast: each connection also subscribes to the topic
  --token TEXT            with --holdfast: the credential of each session
  --header "NAME: VALUE"  sent with each handshake; can be given more than once
  --subprotocol NAME      offered in the handshake
  --from ADDRESS          an address of this machine to leave from; can be given more than once
  --timeout 8s            how long an answer may take
  --i-own-this-server     needed for anything but this machine and private networks
  --json                  prints the result as JSON
  -h, --help

Exit codes: 0 everything was held and answered, 1 there were errors, 2 nothing could be tested.
`;

export interface LoadSettings {
  readonly target: Target;
  readonly connections: number;
  readonly durationMs: number;
  readonly handshakesPerSecond: number;
  readonly messagesPerSecond: number;
  readonly send: string | null;
  readonly storm: boolean;
  readonly spreadMs: number;
  readonly holdfast: boolean;
  readonly topic: string;
  readonly subscribe: boolean;
  readonly token: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly subprotocols: readonly string[];
  readonly sources: readonly string[];
  readonly timeoutMs: number;
}

export interface LoadArguments {
  readonly settings: LoadSettings;
  readonly ownsServer: boolean;
  readonly json: boolean;
}

const CONNECTIONS_MAX = 1_000_000;
const PER_SECOND_MAX = 100_000;
const DURATION_MS_MAX = 24 * 3_600_000;
const SEND_BYTES_MAX = 65_536;

const options = {
  connections: text,
  for: text,
  rate: text,
  messages: text,
  send: text,
  storm: flag,
  spread: text,
  holdfast: flag,
  topic: text,
  subscribe: flag,
  token: text,
  header: texts,
  subprotocol: texts,
  from: texts,
  timeout: text,
  'i-own-this-server': flag,
  json: flag,
  help,
};

/** Throws `BadInput` with a sentence for whatever is wrong; null asks for the help. */
export function parseLoadArguments(args: readonly string[]): LoadArguments | null {
  const { values, positionals } = parseArguments(args, options);
  if (values.help) return null;
  const [url, ...others] = positionals;
  if (url === undefined) throw new BadInput('Give the address of your server, as in ws://127.0.0.1:8080/.');
  if (others.length > 0) throw new BadInput(`One address at a time: "${others[0]}" is one too many.`);
  const { connections, for: duration } = values;
  if (connections === undefined) throw new BadInput('Say how many: --connections 1000.');
  if (duration === undefined) throw new BadInput('Say for how long: --for 30s. Nothing runs without an end.');
  const holdfast = values.holdfast ?? false;
  if (!holdfast && (values.topic ?? values.subscribe ?? values.token) !== undefined) {
    throw new BadInput('--topic, --subscribe and --token need --holdfast.');
  }
  const send = values.send ?? null;
  if (send !== null && Buffer.byteLength(send) > SEND_BYTES_MAX) {
    throw new BadInput(`The text to send may have ${SEND_BYTES_MAX} bytes at most.`);
  }
  for (const name of values.subprotocol ?? []) checkHeader(name, '');
  const headers = (values.header ?? []).map(headerOf);
  for (const [name, value] of headers) checkHeader(name, value);
  return {
    settings: {
      target: parseTarget(url),
      connections: whole('connections', connections, 1, CONNECTIONS_MAX),
      durationMs: time('for', duration, 1_000, DURATION_MS_MAX),
      handshakesPerSecond: whole('rate', values.rate ?? '200', 1, PER_SECOND_MAX),
      messagesPerSecond: whole('messages', values.messages ?? '100', 0, PER_SECOND_MAX),
      send,
      storm: values.storm ?? false,
      spreadMs: time('spread', values.spread ?? '5s', 0, DURATION_MS_MAX),
      holdfast,
      topic: values.topic ?? 'load',
      subscribe: values.subscribe ?? false,
      token: values.token ?? '',
      headers,
      subprotocols: values.subprotocol ?? [],
      sources: (values.from ?? []).map(source),
      timeoutMs: time('timeout', values.timeout ?? '8s', 100, 60_000),
    },
    ownsServer: values['i-own-this-server'] ?? false,
    json: values.json ?? false,
  };
}

/** "200/s" reads well, so it may be written. */
function whole(name: string, given: string, min: number, max: number): number {
  return wholeNumber(name, given.replace(/\/s$/, ''), min, max);
}

function time(name: string, text: string, minMs: number, maxMs: number): number {
  const ms = parseDurationMs(text, Number.NaN);
  if (ms !== undefined && ms >= minMs && ms <= maxMs) return ms;
  throw new BadInput(
    `--${name} is a time from ${minMs} ms to ${maxMs / 1_000} s such as 30s, not "${text}".`,
  );
}

function source(address: string): string {
  if (isIP(address) === 0) throw new BadInput(`--from is an IP address of this machine, not "${address}".`);
  return address;
}
