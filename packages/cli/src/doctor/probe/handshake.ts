import { createHash, randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import type { Budget } from './budget.ts';
import { ProbeConnection } from './connection.ts';
import { connectRequest } from './forward-proxy.ts';
import { type LineFailure, lineFailure, type LineOptions, openLine } from './line.ts';
import { parseResponseHead, printable, type ResponseHead, withoutControls } from './response-head.ts';
import { BadInput } from '../../bad-input.ts';
import { shownAddress } from '../shown-address.ts';
import { type Target } from './target.ts';

/** As much of an answer's body as tells who wrote it. */
const BODY_START_BYTES_MAX = 2_048;
const BODY_WAIT_MS_MAX = 500;
/** RFC 6455, section 1.3. */
const ACCEPT_SUFFIX = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

type Headers = Readonly<Record<string, readonly string[]>>;

/** What came instead of a WebSocket. */
export type Refusal =
  | LineFailure
  | {
      readonly kind: 'answered';
      readonly status: number;
      readonly reason: string;
      readonly headers: Headers;
      readonly bodyStart: string;
    }
  /** 101, but as no browser accepts it; `what` is wrong with it. */
  | { readonly kind: 'bad-accept'; readonly what: string; readonly headers: Headers }
  | { readonly kind: 'closed'; readonly how: 'fin' | 'reset' }
  | { readonly kind: 'silent' }
  | { readonly kind: 'not-http'; readonly sample: string }
  | { readonly kind: 'endless' };

export interface Opened {
  readonly kind: 'open';
  readonly headers: Headers;
  readonly subprotocol: string | null;
  readonly extensions: string | null;
}

export type Dialled = { readonly ms: number } & (
  | { readonly outcome: Opened; readonly connection: ProbeConnection }
  | { readonly outcome: Refusal; readonly connection: null }
);

export interface DialOptions extends LineOptions {
  readonly budget: Budget;
  /** `null` sends none, as a program does; a browser always sends one. */
  readonly origin: string | null;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly subprotocols: readonly string[];
  readonly compression?: boolean;
  /** How long the answer to the handshake may take, once the line stands. */
  readonly answerTimeoutMs: number;
}

/** One WebSocket handshake. Never throws for what the other side did. */
export async function dial(target: Target, options: DialOptions): Promise<Dialled> {
  const startedAtMs = performance.now();
  const took = () => performance.now() - startedAtMs;
  const key = randomBytes(16).toString('base64');
  const request = requestHead(target, key, options);
  reserve(request, target, options);
  const line = await openLine(target, options);
  if (line.kind === 'no-line') {
    options.budget.closeConnection();
    return { ms: took(), outcome: line, connection: null };
  }
  const answer = await ask(line.socket, request, options.answerTimeoutMs, options.signal);
  if (answer.kind !== 'head') {
    options.budget.closeConnection();
    return { ms: took(), outcome: answer, connection: null };
  }
  const { head, rest } = answer;
  const outcome = judge(head, rest, target, key, options.compression === true);
  if (outcome.kind !== 'open') {
    line.socket.destroy();
    options.budget.closeConnection();
    return { ms: took(), outcome, connection: null };
  }
  const isCompressed = outcome.extensions?.includes('permessage-deflate') ?? false;
  const connection = new ProbeConnection(line.socket, rest, options.budget, isCompressed);
  return { ms: took(), outcome, connection };
}

/** Sends bytes and reads one HTTP answer; also the way to see who answers a malformed request. */
export async function askHttp(
  target: Target,
  request: string,
  options: LineOptions & { readonly budget: Budget; readonly answerTimeoutMs: number },
): Promise<Refusal> {
  reserve(request, target, options);
  const line = await openLine(target, options);
  try {
    if (line.kind === 'no-line') return line;
    const answer = await ask(line.socket, request, options.answerTimeoutMs, options.signal);
    line.socket.destroy();
    return answer.kind === 'head' ? answered(answer.head, answer.rest, target) : answer;
  } finally {
    options.budget.closeConnection();
  }
}

/** Throws before anything is opened when it would be more than announced. */
function reserve(
  request: string,
  target: Target,
  { budget, proxy }: Pick<DialOptions, 'budget' | 'proxy'>,
): void {
  const tunnel = proxy ? connectRequest(target, proxy) : '';
  budget.sendBytes(Buffer.byteLength(tunnel + request, 'latin1'));
  budget.openConnection();
}

function requestHead(target: Target, key: string, options: DialOptions): string {
  const own = new Set(options.headers.map(([name]) => name.toLowerCase()));
  const standard: (readonly [string, string])[] = [
    ['Host', target.authority],
    ['Connection', 'Upgrade'],
    ['Upgrade', 'websocket'],
    ['Sec-WebSocket-Version', '13'],
    ['Sec-WebSocket-Key', key],
    ['User-Agent', 'holdfast-doctor'],
  ];
  if (options.origin !== null) standard.push(['Origin', options.origin]);
  if (options.subprotocols.length > 0) {
    standard.push(['Sec-WebSocket-Protocol', options.subprotocols.join(', ')]);
  }
  if (options.compression) standard.push(['Sec-WebSocket-Extensions', 'permessage-deflate']);
  const headers = [...standard.filter(([name]) => !own.has(name.toLowerCase())), ...options.headers];
  const lines = headers.map(([name, value]) => `${name}: ${value}`);
  return `GET ${target.resource} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`;
}

export function checkHeader(name: string, value: string): void {
  if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name) || /[^\t\x20-\x7e\x80-\xff]/.test(value)) {
    throw new BadInput(
      `"${printable(name)}: …" is not an HTTP header; write it as "Name: value", in printable characters.`,
    );
  }
  const why = ownHeaders[name.toLowerCase()];
  if (why !== undefined) throw new BadInput(`${name} ${why}.`);
}

/** With another value than the handshake's own, a sound answer would look wrong. */
const ownHeaders: Readonly<Record<string, string>> = {
  'sec-websocket-key': 'is made anew for each handshake: leave it out',
  'sec-websocket-extensions': 'is sent where compression is tried: leave it out',
  'sec-websocket-protocol': 'is given with --subprotocol NAME',
};

type Answer = { readonly kind: 'head'; readonly head: ResponseHead; readonly rest: Buffer } | Refusal;

/** Collects a response head and the start of its body, within bounds of size and time. */
function ask(socket: Socket, request: string, timeoutMs: number, signal: AbortSignal): Promise<Answer> {
  return new Promise((resolve) => {
    let bytes: Buffer = Buffer.alloc(0);
    let head: Extract<Answer, { kind: 'head' }> | null = null;
    const settle = (answer: Answer) => {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
      socket.pause();
      socket.off('data', read).off('end', closed).off('close', closed).off('error', broken);
      if (answer.kind !== 'head' || answer.head.status !== 101) socket.on('error', () => {}).destroy();
      resolve(answer);
    };
    const finish = (otherwise: Answer) => settle(head ?? otherwise);
    const abort = () => finish({ kind: 'silent' });
    // In TLS 1.3 a server refuses the client only after the handshake (RFC 8446, section 4.4.2.4).
    const broken = (error: NodeJS.ErrnoException) =>
      finish(
        error.code?.startsWith('ERR_SSL_') ? lineFailure('tls', error) : { kind: 'closed', how: 'reset' },
      );
    const closed = () =>
      finish(
        bytes.length === 0 ? { kind: 'closed', how: 'fin' } : { kind: 'not-http', sample: printable(bytes) },
      );
    const read = (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk]);
      let parsed = parseResponseHead(bytes);
      // What is said on the way to the answer, such as 103, is for those who can use it (RFC 9110, section 15.2).
      while (parsed.kind === 'head' && parsed.head.status < 200 && parsed.head.status !== 101) {
        bytes = parsed.rest;
        parsed = parseResponseHead(bytes);
      }
      if (parsed.kind === 'not-http' || parsed.kind === 'endless') return settle(parsed);
      if (parsed.kind === 'incomplete') return;
      if (!head) {
        clearTimeout(timer);
        timer = setTimeout(() => finish({ kind: 'silent' }), BODY_WAIT_MS_MAX);
      }
      head = { kind: 'head', head: parsed.head, rest: parsed.rest };
      if (parsed.head.status === 101 || bodyIsComplete(parsed.head, parsed.rest)) settle(head);
    };
    let timer = setTimeout(() => finish({ kind: 'silent' }), timeoutMs);
    signal.addEventListener('abort', abort, { once: true });
    socket.on('data', read).on('end', closed).on('close', closed).on('error', broken);
    socket.write(request, 'latin1');
    socket.resume();
  });
}

function bodyIsComplete(head: ResponseHead, body: Buffer): boolean {
  const length = head.headers.get('content-length')?.[0];
  return body.length >= BODY_START_BYTES_MAX || (length !== undefined && body.length >= Number(length));
}

function answered(
  head: ResponseHead,
  body: Buffer,
  { resource }: Target,
): Extract<Refusal, { kind: 'answered' }> {
  const text = body.subarray(0, BODY_START_BYTES_MAX).toString('utf8');
  const query = resource.replace(/^[^?]*/, '');
  return {
    kind: 'answered',
    status: head.status,
    reason: printable(head.reason),
    headers: shownHeaders(head),
    // Many an error page repeats what was asked for.
    bodyStart: withoutControls(query === '' ? text : hidden(text, query)),
  };
}

function hidden(text: string, query: string): string {
  return text.replaceAll(query, '?…').replaceAll(query.replaceAll('&', '&amp;'), '?…');
}

/** As reports may show them, which are passed on: a redirect repeats the query, and a cookie is a credential. */
function shownHeaders({ headers }: ResponseHead): Headers {
  const shown = (name: string, value: string): string => {
    if (name === 'location') return shownAddress(value);
    return name === 'set-cookie' ? value.replace(/=.*/s, '=…') : value;
  };
  return Object.fromEntries(
    Array.from(headers, ([name, values]) => [name, values.map((value) => shown(name, value))]),
  );
}

/** What makes a client fail although the status is 101 (RFC 6455, section 4.1). */
function faultOf(headers: Headers, key: string, offersExtension: boolean): string | null {
  const wanted = createHash('sha1')
    .update(key + ACCEPT_SUFFIX)
    .digest('base64');
  if (headers['sec-websocket-accept']?.[0] !== wanted)
    return 'Sec-WebSocket-Accept does not belong to this request';
  if (!holdsToken(headers['upgrade'], 'websocket')) return 'the header "Upgrade: websocket" is missing';
  if (!holdsToken(headers['connection'], 'upgrade')) return 'the header "Connection: Upgrade" is missing';
  if (headers['sec-websocket-extensions'] && !offersExtension)
    return 'it chose an extension that nobody offered (Sec-WebSocket-Extensions)';
  return null;
}

function holdsToken(values: readonly string[] | undefined, token: string): boolean {
  return (values ?? []).some((value) =>
    value
      .toLowerCase()
      .split(/[\s,]+/)
      .includes(token),
  );
}

function judge(
  head: ResponseHead,
  body: Buffer,
  target: Target,
  key: string,
  offersExtension: boolean,
): Opened | Refusal {
  if (head.status !== 101) return answered(head, body, target);
  const headers = shownHeaders(head);
  const what = faultOf(headers, key, offersExtension);
  if (what !== null) return { kind: 'bad-accept', what, headers };
  return {
    kind: 'open',
    headers,
    subprotocol: headers['sec-websocket-protocol']?.[0] ?? null,
    extensions: headers['sec-websocket-extensions']?.join(', ') ?? null,
  };
}
