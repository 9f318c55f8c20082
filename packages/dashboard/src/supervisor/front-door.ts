import type { IncomingMessage, ServerResponse } from 'node:http';
import { refusalOfControl, refusalOfHost } from './command.ts';
import type { PageFile } from './page-files.ts';

const BODY_BYTES_MAX = 1_024;

export interface FrontDoorParts<C> {
  files: ReadonlyMap<string, PageFile>;
  port: number;
  /** Where the page may connect to. */
  linePorts: readonly number[];
  /** Takes a page in as a listener; false when there are too many. */
  watch(response: ServerResponse): boolean;
  /** Reads a command; a text says what is wrong with it. */
  parse(body: string): C | string;
  /** Carries a command out; a text says why it can't be now. */
  command(command: C): string | undefined;
}

/** The page, its feed and the control endpoint, over plain HTTP. */
export async function answer<C extends object>(
  request: IncomingMessage,
  response: ServerResponse,
  parts: FrontDoorParts<C>,
): Promise<void> {
  const { method = '', url = '/', headers } = request;
  const path = url.split('?', 1)[0]!;
  if (path === '/control') return control(request, response, parts);
  const refusal = refusalOfHost(headers.host, parts.port);
  if (refusal) return say(response, refusal.status, refusal.text);
  if (method !== 'GET' && method !== 'HEAD') {
    return say(response, 405, 'Only GET is answered here; commands go to POST /control.');
  }
  if (path === '/events') {
    if (parts.watch(response)) return;
    return say(response, 503, 'Too many pages are open. Close one and reload.');
  }
  const file = parts.files.get(path);
  if (!file) return say(response, 404, 'There is nothing here. The page is at /.');
  response.writeHead(200, { 'content-type': file.type, ...protection(parts.linePorts) }).end(file.body);
}

async function control<C extends object>(
  request: IncomingMessage,
  response: ServerResponse,
  parts: FrontDoorParts<C>,
): Promise<void> {
  const { host, origin } = request.headers;
  if (request.method !== 'POST') return say(response, 405, 'Commands are sent with POST.');
  const refusal = refusalOfControl(
    { host, origin, contentType: request.headers['content-type'] },
    parts.port,
  );
  if (refusal) return say(response, refusal.status, refusal.text);
  const body = await readBody(request);
  if (body === undefined) return say(response, 413, `A command has at most ${BODY_BYTES_MAX} bytes.`);
  const command = parts.parse(body);
  if (typeof command === 'string') return say(response, 400, command);
  const hindrance = parts.command(command);
  if (hindrance) return say(response, 409, hindrance);
  response.writeHead(204).end();
}

async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > BODY_BYTES_MAX) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function protection(linePorts: readonly number[]): Record<string, string> {
  // WebSockets, and the requests by which a client measures how far an endpoint is.
  const lines = linePorts.map((port) => `ws://127.0.0.1:${port} http://127.0.0.1:${port}`);
  const policy = [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    `connect-src 'self' ${lines.join(' ')}`,
    "img-src 'self' data:",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ];
  return {
    'cache-control': 'no-store',
    'content-security-policy': policy.join('; '),
    'x-content-type-options': 'nosniff',
  };
}

function say(response: ServerResponse, status: number, text: string): void {
  // What is left of a body that was too long is not waited for.
  const close = status === 413 ? { connection: 'close' } : {};
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', ...close }).end(`${text}\n`);
}
