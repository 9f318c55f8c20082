import { flag, headerOf, help, parseArguments, text, texts, wholeNumber } from '../arguments.ts';
import { readFileSync } from 'node:fs';
import type { Depth, DiagnoseOptions } from './options.ts';
import type { Io } from '../io.ts';
import { forwardProxyFor } from './probe/forward-proxy.ts';
import { BadInput } from '../bad-input.ts';
import { parseTarget } from './probe/target.ts';
import type { PageArguments } from '../doctor-page/command.ts';

export const doctorHelp = `holdfast doctor: says which hop kills a WebSocket, and the setting that stops it

Usage: holdfast doctor ADDRESS [OPTION …]

  ADDRESS                 wss://host/path or ws://host/path
  --direct ADDRESS        the way past every proxy: what fails on both is the server's fault
  --header "NAME: VALUE"  sent with each handshake; can be given more than once
  --subprotocol NAME      offered in the handshake; can be given more than once
  --send TEXT             a message that the server can bear; without it only pings are sent
  --expect TEXT           what an answer to --send must contain
  --via PRODUCT           nginx, haproxy, apache, caddy …: whose setting the fix names
  --heartbeat 25s         the heartbeat that your application has: longer limits are fine then
  --quick | --deep        under 10 s with 4 s of silence | 130 s of silence instead of 75
  --idle-max 12s          the longest silence that is tried
  --connections 20        how many connections are opened at once at most
  --message-max 65536     the largest message that is tried, in bytes (with --send and an echo)
  --timeout 8s            how long any one answer may take
  --proxy URL             the forward proxy of this network, http://HOST:PORT (HTTPS_PROXY and NO_PROXY hold, too)
  --no-proxy              none, whatever the environment says
  --ca FILE               certificates (PEM) to trust instead of the system's
  --json                  prints the whole report as JSON
  --html FILE             writes the report as a page
  --junit FILE            writes the steps as test cases for a CI
  --serve                 a page on this machine that tests from inside a browser (ADDRESS may be left out)
  --port N                where that page is (a free port)
  --page FILE             writes that page, to be put on a site
  -h, --help

Exit codes: 0 stable, 1 a problem was found, 2 it could not be tested.
`;

export interface DoctorArguments {
  readonly kind: 'examine';
  readonly options: DiagnoseOptions;
  readonly json: boolean;
  readonly htmlFile: string | null;
  readonly junitFile: string | null;
}

const options = {
  direct: text,
  header: texts,
  subprotocol: texts,
  send: text,
  expect: text,
  via: text,
  heartbeat: text,
  quick: flag,
  deep: flag,
  'idle-max': text,
  connections: text,
  'message-max': text,
  timeout: text,
  ca: text,
  proxy: text,
  'no-proxy': flag,
  json: flag,
  html: text,
  junit: text,
  serve: flag,
  port: text,
  page: text,
  help,
};

/** Throws `BadInput` with a sentence for whatever is wrong; null asks for the help. */
export function parseDoctorArguments(
  args: readonly string[],
  env: Io['env'] = {},
): DoctorArguments | PageArguments | null {
  const { values, positionals } = parseArguments(args, options);
  if (values.help) return null;
  const [url, ...others] = positionals;
  if (others.length > 0) throw new BadInput(`One address at a time: "${others[0]}" is one too many.`);
  if (values.page !== undefined) return { kind: 'page', url: url ?? '', file: values.page };
  if (values.serve)
    return { kind: 'serve', url: url ?? '', port: wholeNumber('port', values.port ?? '0', 0, 65_535) };
  if (url === undefined)
    throw new BadInput('Give the address of a WebSocket, as in wss://example.com/socket.');
  if (values.quick && values.deep) throw new BadInput('--quick and --deep exclude each other.');
  const depth: Depth = values.quick ? 'quick' : values.deep ? 'deep' : 'normal';
  return {
    kind: 'examine',
    options: {
      url,
      direct: values.direct,
      headers: (values.header ?? []).map(headerOf),
      subprotocols: values.subprotocol ?? [],
      send: values.send,
      expect: values.expect,
      via: values.via,
      depth,
      idleMaxMs: duration('idle-max', values['idle-max']),
      heartbeatMs: duration('heartbeat', values.heartbeat),
      timeoutMs: duration('timeout', values.timeout),
      connectionsMax: count('connections', values.connections),
      messageBytesMax: count('message-max', values['message-max']),
      proxy: values['no-proxy'] ? undefined : (values.proxy ?? forwardProxyFor(parseTarget(url), env)),
      ca: values.ca === undefined ? undefined : readCertificates(values.ca),
    },
    json: values.json ?? false,
    htmlFile: values.html ?? null,
    junitFile: values.junit ?? null,
  };
}

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

function duration(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text);
  const [, number = '', unit = ''] = match ?? [];
  if (!match) throw new BadInput(`--${name} wants a time such as 12s, 500ms or 2m, not "${text}".`);
  return Number(number) * (UNIT_MS[unit] ?? 1);
}

function count(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,9}$/.test(text)) throw new BadInput(`--${name} wants a whole number, not "${text}".`);
  return Number(text);
}

function readCertificates(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    throw new BadInput(`The certificates in ${file} could not be read.`);
  }
}
